//! Snapshots of instances: never the truth, only a shorter way to it. One of another version, or that does not fit
//! the stream, is passed over.

use std::collections::BTreeMap;

use engine_store::{AppendError, DocumentKey, ExpectedVersion, ReadError, ReadStream};
use engine_types::{CorrelationId, CurrentRevision, Position, ProcessManager, Revision};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    instance::{Instance, Pending, Waiting},
    manager::Manager,
};
use crate::panics::guarded;

#[derive(Serialize, Deserialize)]
struct Snapshot<P> {
    version: u32,
    revision: Revision,
    /// The id of the entry at that revision.
    entry: Uuid,
    running: Option<P>,
    ended: Option<P>,
    last: Option<Position>,
    pending: Vec<Pending>,
    timers: BTreeMap<String, Waiting>,
    correlation_id: Option<CorrelationId>,
}

/// Only what must be known before the state can be read.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

impl<P: ProcessManager> Manager<P> {
    /// Takes the instance from its snapshot, if its stream is long enough to have one that can be used.
    pub(super) async fn load_snapshot(&self, instance: &mut Instance<P>, end: CurrentRevision) {
        if P::SNAPSHOT_EVERY == 0 || end.next().0 < P::SNAPSHOT_EVERY {
            return;
        }
        let Some(snapshot) = self.read_snapshot(instance).await else { return };
        let request = ReadStream::forwards(instance.stream.clone()).from(snapshot.revision).limit(1);
        let is_there = match self.store.read_stream(request).await {
            Ok(page) => page.events.first().is_some_and(|entry| entry.id == snapshot.entry),
            Err(_) => false,
        };
        if !is_there {
            return;
        }
        instance.revision = CurrentRevision::At(snapshot.revision);
        instance.snapshot = instance.revision;
        instance.newest = Some(snapshot.entry);
        instance.running = snapshot.running;
        instance.ended = snapshot.ended;
        instance.last = snapshot.last;
        instance.pending = snapshot.pending.into();
        instance.timers = snapshot.timers;
        instance.correlation_id = snapshot.correlation_id;
    }

    async fn read_snapshot(&self, instance: &Instance<P>) -> Option<Snapshot<P>> {
        let key = key(instance)?;
        let document = match self.store.load_document(&key).await {
            Ok(document) => document?,
            Err(ReadError::Unavailable(_)) => return None,
            Err(error) => {
                tracing::warn!(%key, %error, "a snapshot cannot be loaded");
                return None;
            }
        };
        let version = serde_json::from_slice::<Version>(&document.content).ok()?;
        if version.version != P::VERSION {
            return None;
        }
        let read = guarded("deserialize", || serde_json::from_slice(&document.content));
        match read.and_then(|read| read.map_err(|error| error.to_string())) {
            Ok(snapshot) => Some(snapshot),
            Err(fault) => {
                tracing::warn!(%key, fault, "a snapshot cannot be read: raise VERSION when the state changes");
                None
            }
        }
    }

    /// Removes the snapshot of an instance.
    pub(super) async fn forget_snapshot(&self, instance: &Instance<P>) -> Result<(), AppendError> {
        match key(instance) {
            Some(key) => self.store.delete_document(&key).await,
            None => Ok(()),
        }
    }

    /// Stores a snapshot, if enough entries have come since the last one. Where that fails, a later one will do.
    pub(super) async fn snapshot_if_due(&self, instance: &mut Instance<P>) {
        let (Some(revision), Some(entry)) = (instance.revision.revision(), instance.newest) else { return };
        let since = revision.next().0.saturating_sub(instance.snapshot.next().0);
        if P::SNAPSHOT_EVERY == 0 || since < P::SNAPSHOT_EVERY {
            return;
        }
        let Some(key) = key(instance) else { return };
        let snapshot = Snapshot {
            version: P::VERSION,
            revision,
            entry,
            running: instance.running.clone(),
            ended: instance.ended.clone(),
            last: instance.last,
            pending: instance.pending.iter().cloned().collect(),
            timers: instance.timers.clone(),
            correlation_id: instance.correlation_id.clone(),
        };
        let content = match serde_json::to_vec(&snapshot) {
            Ok(content) => content.into(),
            Err(error) => return tracing::warn!(%key, %error, "a state cannot be written as JSON"),
        };
        match self.store.save_document(&key, ExpectedVersion::Any, content).await {
            Ok(_) => instance.snapshot = instance.revision,
            Err(error) => tracing::warn!(%key, %error, "a snapshot was not stored"),
        }
    }
}

fn key<P>(instance: &Instance<P>) -> Option<DocumentKey> {
    DocumentKey::new(format!("snapshot/{}", instance.stream)).ok()
}
