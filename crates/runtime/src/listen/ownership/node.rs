//! A node: one process among those that share the work, and the documents by which they know each other.

mod others;
mod work;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use engine_store::{AppendError, DocumentKey, EventStore, ReadError};
use futures_util::future::select_all;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::Notify,
    time::{Instant, MissedTickBehavior, interval, sleep_until, timeout, timeout_at},
};
use uuid::Uuid;

use super::{Grant, Work};
use crate::listen::records::{self, Versioned};

pub(super) use work::owners;

/// What the keys of the documents of nodes begin with.
pub(super) const NODES: &str = "lease/node/";

/// What the keys of the documents of partitions begin with.
pub(super) const WORK: &str = "lease/work/";

/// The document of a node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beat {
    /// What operators call it.
    pub(super) name: String,
    /// How often it was written.
    count: u64,
    /// Somebody has found that it is dead.
    pub(super) is_dead: bool,
    /// How long its lease is: it is written every third of that.
    #[serde(default)]
    pub(super) lease_ms: u64,
}

/// The document of a partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lease {
    /// The node that owns it; nobody may.
    pub(super) node: Option<Uuid>,
    /// Its name.
    pub(super) name: String,
}

/// A handler that this node takes part in.
pub(super) struct Member {
    work: Work,
    grant: Grant,
    /// The leases of this node, with the versions of their documents.
    held: BTreeMap<usize, u64>,
    /// Those that others are to have, as soon as that is written.
    given_up: BTreeMap<usize, u64>,
}

impl Member {
    pub(super) fn new(work: Work, grant: Grant) -> Self {
        Member { work, grant, held: BTreeMap::new(), given_up: BTreeMap::new() }
    }

    /// Waits until other partitions are worked on than before.
    async fn working_changed(&mut self) {
        self.grant.working_changed().await;
    }
}

pub(super) struct Node {
    name: String,
    lease: Duration,
    store: Arc<dyn EventStore>,
    /// Those that have joined and are not yet seen to.
    joined: Mutex<Vec<Member>>,
    /// Raised when there is something to see to before the next beat.
    hurry: Notify,
    is_leaving: Mutex<bool>,
    first_id: Uuid,
    /// How long it waits before it takes part, where there are others.
    patience: Duration,
}

/// What the keeper knows.
struct Keeping {
    id: Uuid,
    beat: Versioned<Beat>,
    /// When the last beat began that was written.
    last_beat: Option<Instant>,
    /// The documents of other nodes, and since when they have not changed.
    others: BTreeMap<Uuid, (u64, Instant)>,
    /// Who lives, as far as is known.
    living: BTreeSet<Uuid>,
    members: Vec<Member>,
}

impl Node {
    pub(super) fn new(
        name: String,
        id: Uuid,
        lease: Duration,
        patience: Duration,
        store: Arc<dyn EventStore>,
    ) -> Self {
        Node {
            name,
            lease,
            store,
            joined: Mutex::default(),
            hurry: Notify::new(),
            is_leaving: Mutex::new(false),
            first_id: id,
            patience,
        }
    }

    /// Waits while others may do the work; says whether it has left meanwhile.
    async fn hold_back(&self) -> bool {
        if self.patience.is_zero() || !others::any(&*self.store).await {
            return *self.is_leaving.lock();
        }
        let until = Instant::now() + self.patience;
        while timeout_at(until, self.hurry.notified()).await.is_ok() {
            if *self.is_leaving.lock() {
                return true;
            }
        }
        false
    }

    pub(super) fn add(&self, member: Member) {
        self.joined.lock().push(member);
        self.hurry.notify_one();
    }

    pub(super) fn leave(&self) {
        *self.is_leaving.lock() = true;
        self.hurry.notify_one();
    }
}

/// Keeps the leases of a node until it leaves.
pub(super) async fn keep(node: Arc<Node>) {
    if node.hold_back().await {
        return;
    }
    let mut keeping = Keeping {
        id: node.first_id,
        beat: Versioned::default(),
        last_beat: None,
        others: BTreeMap::new(),
        living: BTreeSet::new(),
        members: Vec::new(),
    };
    let third = node.lease / 3;
    let mut tick = interval(third);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let until = keeping.valid_until(node.lease);
        let is_beat = tokio::select! {
            biased;
            _ = tick.tick() => true,
            () = node.hurry.notified() => false,
            () = any_working_changed(&mut keeping.members) => false,
            () = run_out(until) => {
                keeping.revoke();
                continue;
            }
        };
        keeping.members.append(&mut node.joined.lock());
        // Whatever the store does, what has run out is let go.
        let seen_to = tokio::select! {
            biased;
            seen_to = timeout(third, keeping.see_to(&node, is_beat)) => seen_to,
            () = run_out(until) => Ok(Ok(())),
        };
        if let Ok(Err(error)) = seen_to {
            tracing::warn!(node = node.name, %error, "leases could not be kept");
        }
        if keeping.valid_until(node.lease).is_none_or(|until| Instant::now() >= until) {
            keeping.revoke();
        }
        if *node.is_leaving.lock() {
            keeping.leave(&node).await;
            return;
        }
    }
}

impl Keeping {
    /// Until when others can be sure that this node lives.
    fn valid_until(&self, lease: Duration) -> Option<Instant> {
        self.last_beat.map(|last| last + lease * 2 / 3)
    }

    fn revoke(&mut self) {
        self.last_beat = None;
        for member in &self.members {
            member.grant.revoke();
        }
    }

    /// Sees to everything: shows that this node lives, looks who else does, and shares the work with them.
    async fn see_to(&mut self, node: &Node, is_beat: bool) -> Result<(), AppendError> {
        if is_beat || self.last_beat.is_none() {
            self.beat(node).await?;
            self.look_around(node).await?;
        }
        self.share(node).await
    }

    /// Shows the others that this node lives.
    async fn beat(&mut self, node: &Node) -> Result<(), AppendError> {
        let key = node_key(self.id)?;
        let begun = Instant::now();
        let beat = Beat {
            name: node.name.clone(),
            count: self.beat.value.count + 1,
            is_dead: false,
            lease_ms: u64::try_from(node.lease.as_millis()).unwrap_or(u64::MAX),
        };
        match records::replace(&*node.store, &key, &beat, self.beat.version).await {
            Ok(version) => {
                self.beat = Versioned { value: beat, version };
                self.last_beat = Some(begun);
                Ok(())
            }
            Err(AppendError::DocumentConflict { .. }) => self.find_out(node, &key).await,
            Err(error) => Err(error),
        }
    }

    /// Finds out who has written this node's document: itself, where the answer was lost, or one that found it
    /// dead. Then it begins anew, as another.
    async fn find_out(&mut self, node: &Node, key: &DocumentKey) -> Result<(), AppendError> {
        let there: Versioned<Beat> = records::load(&*node.store, key).await?;
        if there.version > 0 && !there.value.is_dead {
            self.beat = there;
            return Ok(());
        }
        tracing::warn!(node = node.name, "others have found this node dead; it begins anew");
        self.revoke();
        for member in &mut self.members {
            member.held.clear();
            member.given_up.clear();
        }
        self.id = Uuid::new_v5(&self.id, b"begun anew");
        self.beat = Versioned::default();
        Ok(())
    }

    /// Gives everything up, and takes leave of the others.
    async fn leave(&mut self, node: &Node) {
        for member in &mut self.members {
            member.grant.revoke();
            let held = std::mem::take(&mut member.held);
            let given_up = std::mem::take(&mut member.given_up);
            for (partition, version) in held.into_iter().chain(given_up) {
                if !member.grant.working().contains(&partition) {
                    let _ = work::release(&*node.store, &member.work, partition, version).await;
                }
            }
        }
        if let Ok(key) = node_key(self.id) {
            let _ = node.store.delete_document(&key).await;
        }
    }
}

fn node_key(id: Uuid) -> Result<DocumentKey, ReadError> {
    records::key(format!("{NODES}{id}"))
}

/// Waits until any handler works on other partitions.
async fn any_working_changed(members: &mut [Member]) {
    if members.is_empty() {
        return std::future::pending().await;
    }
    select_all(members.iter_mut().map(|member| Box::pin(member.working_changed()))).await;
}

async fn run_out(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
