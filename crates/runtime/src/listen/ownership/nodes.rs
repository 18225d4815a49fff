//! Looking at the nodes that share a store: who lives, and who works on what.

use std::{collections::BTreeMap, time::Duration};

use engine_store::{EventStore, ReadError};
use serde::Serialize;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::node::{Beat, Lease, NODES, WORK};
use crate::listen::records::{self, Versioned};

/// How often is looked whether a node has moved.
const PAUSE: Duration = Duration::from_millis(50);

/// The longest wait for a node to move, whatever it says of its lease.
const LONGEST: Duration = Duration::from_secs(30);

/// A node, and what it works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeReport {
    /// What operators call it.
    pub name: String,
    /// Its identity.
    pub id: Uuid,
    /// Whether it lives.
    pub state: NodeState,
    /// What it works on, by the name of the handler.
    pub work: Vec<NodeWork>,
}

/// The partitions of one handler that a node works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeWork {
    /// The handler's name.
    pub handler: String,
    /// The partitions.
    pub partitions: Vec<usize>,
    /// How many the handler has.
    pub of: usize,
}

/// Whether a node lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// It has just shown that it does.
    Living,
    /// It should have shown that it lives, and has not: others will take over when its lease has run out.
    Silent,
    /// Others have found it dead, or it has left and what it worked on is still to be taken over.
    Gone,
}

impl NodeState {
    /// As one word.
    pub fn word(self) -> &'static str {
        match self {
            NodeState::Living => "living",
            NodeState::Silent => "silent",
            NodeState::Gone => "gone",
        }
    }
}

/// The nodes that share a store, by name. Takes as long as the slowest living one needs to show that it lives, which
/// is a third of its lease.
///
/// # Errors
/// The failures of the store.
pub async fn nodes(store: &dyn EventStore) -> Result<Vec<NodeReport>, ReadError> {
    let first = beats(store).await?;
    let longest = first.values().map(|beat| beat.value.lease_ms).max().unwrap_or(0);
    // A third of a lease, and half as much again, for a store that is slow.
    let deadline = Instant::now() + (Duration::from_millis(longest) / 2).min(LONGEST);
    let mut reports = loop {
        let now = beats(store).await?;
        let state = |id: &Uuid, beat: &Versioned<Beat>| match first.get(id) {
            _ if beat.value.is_dead => NodeState::Gone,
            Some(before) if before.version == beat.version => NodeState::Silent,
            _ => NodeState::Living,
        };
        let seen: BTreeMap<Uuid, NodeReport> = now
            .iter()
            .map(|(id, beat)| {
                let name = beat.value.name.clone();
                (*id, NodeReport { name, id: *id, state: state(id, beat), work: Vec::new() })
            })
            .collect();
        if Instant::now() >= deadline || seen.values().all(|node| node.state != NodeState::Silent) {
            break seen;
        }
        sleep(PAUSE).await;
    };
    for (owner, name, work) in leases(store).await? {
        let gone = || NodeReport { name, id: owner, state: NodeState::Gone, work: Vec::new() };
        reports.entry(owner).or_insert_with(gone).add(work);
    }
    // Nodes that are dead and have nothing are of no interest to anybody.
    let mut reports: Vec<_> =
        reports.into_values().filter(|node| node.state != NodeState::Gone || !node.work.is_empty()).collect();
    reports.sort_by(|left, right| (&left.name, left.id).cmp(&(&right.name, right.id)));
    Ok(reports)
}

impl NodeReport {
    fn add(&mut self, work: NodeWork) {
        match self.work.iter_mut().find(|known| known.handler == work.handler && known.of == work.of) {
            Some(known) => known.partitions.extend(work.partitions),
            None => self.work.push(work),
        }
    }
}

async fn beats(store: &dyn EventStore) -> Result<BTreeMap<Uuid, Versioned<Beat>>, ReadError> {
    let mut beats = BTreeMap::new();
    for key in records::all_documents(store, NODES).await? {
        if let Some(id) = key.as_str().strip_prefix(NODES).and_then(|id| Uuid::parse_str(id).ok()) {
            let beat: Versioned<Beat> = records::load(store, &key).await?;
            if beat.version > 0 {
                beats.insert(id, beat);
            }
        }
    }
    Ok(beats)
}

/// Who works on what, with the name that it had when it took it.
async fn leases(store: &dyn EventStore) -> Result<Vec<(Uuid, String, NodeWork)>, ReadError> {
    let mut leases = Vec::new();
    for key in records::all_documents(store, WORK).await? {
        let place = key.as_str().strip_prefix(WORK).and_then(|work| {
            let (handler, partition) = work.rsplit_once('/')?;
            let (partition, of) = partition.split_once("-of-")?;
            Some((handler.to_owned(), partition.parse().ok()?, of.parse().ok()?))
        });
        let Some((handler, partition, of)) = place else { continue };
        let lease: Versioned<Lease> = records::load(store, &key).await?;
        if let Some(owner) = lease.value.node {
            let work = NodeWork { handler, partitions: vec![partition], of };
            leases.push((owner, lease.value.name, work));
        }
    }
    leases.sort_by(|(.., left), (.., right)| {
        (&left.handler, &left.partitions).cmp(&(&right.handler, &right.partitions))
    });
    Ok(leases)
}
