//! Snapshots: an instance's state, stored now and then so that loading need not begin at the first event.
//!
//! Never the truth, only a shorter way to it: one that is missing, of another version, or does not fit the
//! stream is passed over, and the state is folded from the events.

use engine_store::{DocumentKey, EventStore, ExpectedVersion};
use engine_types::{Aggregate, CurrentRevision, Revision, StreamName};
use serde::{Deserialize, Serialize};

use super::{Container, instance::Instance};
use crate::send_error::LoadError;

/// A snapshot as it is stored.
#[derive(Serialize, Deserialize)]
pub(super) struct Snapshot<A> {
    version: u32,
    pub(super) revision: Revision,
    pub(super) state: A,
}

/// Only what must be known before the state can be read.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn key(stream: &StreamName) -> Option<DocumentKey> {
    DocumentKey::new(format!("snapshot/{stream}")).ok()
}

/// The snapshot of a stream, if there is one of the present version that can be read.
pub(super) async fn load<A: Aggregate>(
    store: &dyn EventStore,
    stream: &StreamName,
) -> Result<Option<Snapshot<A>>, LoadError> {
    let Some(key) = key(stream) else { return Ok(None) };
    let Some(document) = store.load_document(&key).await? else { return Ok(None) };
    match serde_json::from_slice::<Version>(&document.content) {
        Ok(Version { version }) if version == A::SNAPSHOT_VERSION => {}
        _ => return Ok(None),
    }
    match serde_json::from_slice(&document.content) {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(error) => {
            tracing::warn!(%stream, %error, "a snapshot cannot be read: raise SNAPSHOT_VERSION when the state changes");
            Ok(None)
        }
    }
}

impl<A: Aggregate> Container<A> {
    /// Stores a snapshot, after the answer, if enough events have come since the last one.
    pub(super) fn snapshot_if_due(&self, instance: &mut Instance<A>) {
        let CurrentRevision::At(revision) = instance.revision else { return };
        let since = revision.next().0.saturating_sub(instance.snapshot.next().0);
        if A::SNAPSHOT_EVERY == 0 || since < A::SNAPSHOT_EVERY {
            return;
        }
        instance.snapshot = instance.revision;
        let Some(key) = key(&instance.stream) else { return };
        let snapshot = Snapshot { version: A::SNAPSHOT_VERSION, revision, state: instance.state.clone() };
        let store = self.store.clone();
        self.background.spawn(async move {
            let content = match serde_json::to_vec(&snapshot) {
                Ok(content) => content.into(),
                Err(error) => return tracing::warn!(%key, %error, "a state cannot be written as JSON"),
            };
            if let Err(error) = store.save_document(&key, ExpectedVersion::Any, content).await {
                tracing::warn!(%key, %error, "a snapshot was not stored");
            }
        });
    }
}
