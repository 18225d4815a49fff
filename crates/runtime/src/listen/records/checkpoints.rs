//! Checkpoints: one document for each partition of a handler.
//!
//! The version of the document is the fence: who does not know it cannot move the checkpoint, so that a process
//! that was given up for dead does no harm when it comes back.

use engine_store::{AppendError, DocumentKey, EventStore, ReadError};
use engine_types::Position;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Versioned, all_documents, key, load, replace, save};
use crate::listen::options::StartFrom;

/// How far a partition of a handler has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// Everything up to here is handled; absent before the first event.
    pub(crate) position: Option<Position>,
    /// How many events were handled in all.
    pub(crate) handled: u64,
    /// Who moved it last, so that one's own write is known again when its answer was lost.
    #[serde(default)]
    pub(crate) owner: Uuid,
}

/// Why a checkpoint was not moved.
#[derive(Debug)]
pub(crate) enum Unmoved {
    /// Somebody else has moved it.
    TakenOver(String),
    /// The store fails at the moment.
    Unavailable(String),
    /// It is kept with a listener's own data, which others have changed: to be looked at again.
    Outdated,
}

fn prefix(handler: &str) -> String {
    format!("handler/{handler}/checkpoint/")
}

fn key_of(handler: &str, partition: usize, partitions: usize) -> Result<DocumentKey, ReadError> {
    key(format!("{}{partition}-of-{partitions}", prefix(handler)))
}

/// The checkpoints of a handler, one for each partition, as they are; those that do not exist have version 0.
pub(crate) async fn look(
    store: &dyn EventStore,
    handler: &str,
    partitions: usize,
) -> Result<Vec<Versioned<Checkpoint>>, ReadError> {
    let mut known = Vec::with_capacity(partitions);
    for partition in 0..partitions {
        known.push(load(store, &key_of(handler, partition, partitions)?).await?);
    }
    Ok(known)
}

/// The checkpoints of a handler, one for each partition, made if there are none.
///
/// When the number of partitions has changed, all go on from the least of the old ones: events may come again,
/// none is skipped. The old ones are removed last, and as long as there are some, the change is not finished:
/// this holds after a crash between any two writes.
pub(crate) async fn settle(
    store: &dyn EventStore,
    handler: &str,
    partitions: usize,
    start: StartFrom,
) -> Result<Vec<Versioned<Checkpoint>>, AppendError> {
    let mut known = look(store, handler, partitions).await?;
    let others = others(store, handler, partitions).await?;
    if others.is_empty() && known.iter().all(|checkpoint| checkpoint.version > 0) {
        return Ok(known);
    }
    let mut positions: Vec<_> =
        known.iter().filter(|known| known.version > 0).map(|known| known.value.position).collect();
    for key in &others {
        positions.push(load::<Checkpoint>(store, key).await?.value.position);
    }
    let position = match positions.into_iter().min() {
        Some(least) => least,
        None => match start {
            StartFrom::Origin => None,
            StartFrom::After(position) => Some(position),
            StartFrom::End => store.head().await?,
        },
    };
    for (partition, known) in known.iter_mut().enumerate() {
        known.value.position = position;
        let key = key_of(handler, partition, partitions)?;
        known.version = replace(store, &key, &known.value, known.version).await?;
    }
    for key in &others {
        store.delete_document(key).await?;
    }
    Ok(known)
}

/// The checkpoints of other numbers of partitions.
async fn others(
    store: &dyn EventStore,
    handler: &str,
    partitions: usize,
) -> Result<Vec<DocumentKey>, ReadError> {
    let mut others = all_documents(store, &prefix(handler)).await?;
    let of_these = format!("-of-{partitions}");
    others.retain(|key| !key.as_str().ends_with(&of_these));
    Ok(others)
}

/// Sets the checkpoints of all partitions, whoever owns them, and removes those of other numbers of partitions.
pub(crate) async fn reset(
    store: &dyn EventStore,
    handler: &str,
    partitions: usize,
    position: Option<Position>,
) -> Result<(), AppendError> {
    for partition in 0..partitions {
        let key = key_of(handler, partition, partitions)?;
        let before: Checkpoint = load(store, &key).await?.value;
        // Nobody's: whoever works on the partition is to notice.
        save(store, &key, &Checkpoint { position, owner: Uuid::nil(), ..before }).await?;
    }
    for key in others(store, handler, partitions).await? {
        store.delete_document(&key).await?;
    }
    Ok(())
}

/// Moves a checkpoint, if nobody else has.
pub(crate) async fn advance(
    store: &dyn EventStore,
    (handler, partition, partitions): (&str, usize, usize),
    known: &mut Versioned<Checkpoint>,
    value: Checkpoint,
) -> Result<(), Unmoved> {
    let key = key_of(handler, partition, partitions).map_err(|error| unmoved(error.into()))?;
    let mut saved = replace(store, &key, &value, known.version).await;
    if matches!(saved, Err(AppendError::DocumentConflict { .. })) {
        let there: Versioned<Checkpoint> = load(store, &key).await.map_err(|error| unmoved(error.into()))?;
        // The answer to an earlier write of ours was lost.
        if there.version > 0 && there.value.owner == value.owner {
            saved = replace(store, &key, &value, there.version).await;
        }
    }
    *known = Versioned { version: saved.map_err(unmoved)?, value };
    Ok(())
}

fn unmoved(error: AppendError) -> Unmoved {
    match error {
        AppendError::DocumentConflict { .. } => Unmoved::TakenOver(error.to_string()),
        error => Unmoved::Unavailable(error.to_string()),
    }
}
