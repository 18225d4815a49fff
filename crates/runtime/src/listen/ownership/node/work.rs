//! Sharing the work: taking what should be this node's and is free, giving up what should be another's.

use std::collections::{BTreeMap, BTreeSet};

use engine_store::{AppendError, DocumentKey, EventStore, ReadError};
use tokio::time::Instant;
use uuid::Uuid;

use super::{Beat, Keeping, Lease, Member, Node, WORK, node_key};
use crate::listen::{
    ownership::{Work, rendezvous},
    records::{self, Versioned},
};

fn lease_key(work: &Work, partition: usize) -> Result<DocumentKey, ReadError> {
    records::key(format!("{WORK}{}/{partition}-of-{}", work.handler, work.partitions))
}

/// Who owns each partition of a handler, by name.
pub(in crate::listen::ownership) async fn owners(work: &Work) -> Result<Vec<Option<String>>, ReadError> {
    let mut owners = Vec::with_capacity(work.partitions);
    for partition in 0..work.partitions {
        let lease: Versioned<Lease> = records::load(&*work.store, &lease_key(work, partition)?).await?;
        owners.push(lease.value.node.map(|_| lease.value.name));
    }
    Ok(owners)
}

/// Lets others have a partition.
pub(super) async fn release(
    store: &dyn EventStore,
    work: &Work,
    partition: usize,
    version: u64,
) -> Result<(), AppendError> {
    let key = lease_key(work, partition)?;
    match records::replace(store, &key, &Lease::default(), version).await {
        // It is another's already.
        Ok(_) | Err(AppendError::DocumentConflict { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Who lives, as a node sees it.
struct Sight {
    id: Uuid,
    living: BTreeSet<Uuid>,
    until: Instant,
}

impl Keeping {
    /// Shares the work of all handlers with the other nodes. May be broken off at any await: what was written
    /// is found again.
    pub(super) async fn share(&mut self, node: &Node) -> Result<(), AppendError> {
        let Some(until) = self.valid_until(node.lease) else { return Ok(()) };
        let sight = Sight { id: self.id, living: self.living.clone(), until };
        for member in &mut self.members {
            sight.share(node, member).await?;
        }
        self.members.retain(|member| {
            !(member.grant.is_over() && member.held.is_empty() && member.given_up.is_empty())
        });
        Ok(())
    }
}

impl Sight {
    async fn share(&self, node: &Node, member: &mut Member) -> Result<(), AppendError> {
        let mine = self.mine(member);
        self.grant(member, &mine);
        let working = member.grant.working();
        let held = std::mem::take(&mut member.held);
        // The events at hand are finished first.
        let (held, mut given_up): (_, BTreeMap<_, _>) = held
            .into_iter()
            .partition(|(partition, _)| mine.contains(partition) || working.contains(partition));
        member.held = held;
        member.given_up.append(&mut given_up);
        for partition in &mine {
            if !member.held.contains_key(partition)
                && let Some(version) = self.take(node, &member.work, *partition).await?
            {
                member.given_up.remove(partition);
                member.held.insert(*partition, version);
            }
        }
        self.grant(member, &mine);
        while let Some((partition, version)) = member.given_up.first_key_value() {
            let partition = *partition;
            release(&*node.store, &member.work, partition, *version).await?;
            member.given_up.remove(&partition);
        }
        Ok(())
    }

    /// The partitions that should be this node's.
    fn mine(&self, member: &Member) -> BTreeSet<usize> {
        let Work { handler, partitions, .. } = &member.work;
        if member.grant.is_over() {
            return BTreeSet::new();
        }
        let owners = rendezvous::owners(&self.living, handler, *partitions);
        owners.iter().enumerate().filter(|(_, owner)| **owner == self.id).map(|(number, _)| number).collect()
    }

    /// Grants what is held and should be.
    fn grant(&self, member: &Member, mine: &BTreeSet<usize>) {
        let granted = member.held.keys().filter(|partition| mine.contains(partition)).copied().collect();
        member.grant.set(granted, Some(self.until));
    }

    /// Takes a partition, if nobody owns it, or somebody who is gone; answers the version of its document.
    async fn take(&self, node: &Node, work: &Work, partition: usize) -> Result<Option<u64>, AppendError> {
        let key = lease_key(work, partition)?;
        let there: Versioned<Lease> = records::load(&*node.store, &key).await?;
        match there.value.node {
            Some(owner) if owner == self.id => return Ok(Some(there.version)),
            Some(owner) if !self.is_gone(&*node.store, owner).await? => return Ok(None),
            _ => {}
        }
        let lease = Lease { node: Some(self.id), name: node.name.clone() };
        match records::replace(&*node.store, &key, &lease, there.version).await {
            Ok(version) => Ok(Some(version)),
            Err(AppendError::DocumentConflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a node is dead, or has left. One that is not known yet is looked at.
    async fn is_gone(&self, store: &dyn EventStore, id: Uuid) -> Result<bool, AppendError> {
        if self.living.contains(&id) {
            return Ok(false);
        }
        let there: Versioned<Beat> = records::load(store, &node_key(id)?).await?;
        Ok(there.version == 0 || there.value.is_dead)
    }
}
