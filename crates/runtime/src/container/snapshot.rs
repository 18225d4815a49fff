//! Snapshots: an instance's state, stored now and then so that loading need not begin at the first event.
//!
//! Never the truth, only a shorter way to it: one that is missing, of another version, or does not fit the
//! stream is passed over, and the state is folded from the events. To fit, the event that the snapshot stands
//! at must still be there. What is before it may be cut away.

use engine_store::{DocumentKey, ExpectedVersion, ReadError};
use engine_types::{Aggregate, CurrentRevision, Revision, StreamName};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    Container,
    instance::{Instance, Newest},
};
use crate::send_error::LoadError;

/// A snapshot as it is stored.
#[derive(Serialize, Deserialize)]
struct Snapshot<A> {
    version: u32,
    revision: Revision,
    /// The id of the event at that revision.
    event: Uuid,
    state: A,
}

/// Only what must be known before the state can be read.
#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn key(stream: &StreamName) -> Option<DocumentKey> {
    DocumentKey::new(format!("snapshot/{stream}")).ok()
}

/// The snapshot in a document, if it is of the present version and can be read.
fn read<A: Aggregate>(key: &DocumentKey, content: &[u8]) -> Option<Snapshot<A>> {
    let version = serde_json::from_slice::<Version>(content).ok()?;
    if version.version != A::SNAPSHOT_VERSION {
        return None;
    }
    let snapshot = super::guarded("deserialize", || serde_json::from_slice(content));
    match snapshot.and_then(|read| read.map_err(|error| error.to_string())) {
        Ok(snapshot) => Some(snapshot),
        Err(fault) => {
            tracing::warn!(%key, fault, "a snapshot cannot be read: raise SNAPSHOT_VERSION when the state changes");
            None
        }
    }
}

impl<A: Aggregate> Container<A> {
    /// Takes the state from the snapshot, if there is one that can be used, not behind `until`.
    pub(super) async fn load_snapshot(
        &self,
        instance: &mut Instance<A>,
        until: Option<Revision>,
    ) -> Result<bool, LoadError> {
        if A::SNAPSHOT_EVERY == 0 {
            return Ok(false);
        }
        let Some(key) = key(&instance.stream) else { return Ok(false) };
        let document = match self.store.load_document(&key).await {
            Ok(document) => document,
            Err(ReadError::Unavailable(cause)) => return Err(ReadError::Unavailable(cause).into()),
            Err(error) => {
                tracing::warn!(%key, %error, "a snapshot cannot be loaded");
                None
            }
        };
        let snapshot = document.and_then(|document| read::<A>(&key, &document.content));
        let Some(snapshot) = snapshot.filter(|snapshot| until.is_none_or(|until| snapshot.revision <= until))
        else {
            return Ok(false);
        };
        instance.stands_at(snapshot.state, Newest { revision: snapshot.revision, id: snapshot.event });
        instance.snapshot = instance.revision;
        Ok(true)
    }

    /// Stores a snapshot, after the answer, if enough events have come since the last one.
    ///
    /// While an earlier one of the instance is under way, or too many of others, a later command does it.
    pub(super) fn snapshot_if_due(&self, instance: &mut Instance<A>) {
        let Some(newest) = instance.newest else { return };
        let since = newest.revision.next().0.saturating_sub(instance.snapshot.next().0);
        let is_saving =
            |instance: &Instance<A>| instance.saving.as_ref().is_some_and(|task| !task.is_finished());
        if A::SNAPSHOT_EVERY == 0 || since < A::SNAPSHOT_EVERY || is_saving(instance) {
            return;
        }
        let Ok(permit) = self.snapshots_under_way.clone().try_acquire_owned() else { return };
        let Some(key) = key(&instance.stream) else { return };
        instance.snapshot = CurrentRevision::At(newest.revision);
        let snapshot = Snapshot {
            version: A::SNAPSHOT_VERSION,
            revision: newest.revision,
            event: newest.id,
            state: instance.state.clone(),
        };
        let store = self.store.clone();
        instance.saving = Some(self.background.spawn(async move {
            let _permit = permit;
            let content = match serde_json::to_vec(&snapshot) {
                Ok(content) => content.into(),
                Err(error) => return tracing::warn!(%key, %error, "a state cannot be written as JSON"),
            };
            if let Err(error) = store.save_document(&key, ExpectedVersion::Any, content).await {
                tracing::warn!(%key, %error, "a snapshot was not stored");
            }
        }));
    }
}
