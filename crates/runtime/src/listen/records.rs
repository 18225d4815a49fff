//! What a handler keeps in the store: its checkpoint, whether it is paused, and its parked sequences.
//!
//! All of it is documents. The version of the checkpoint's document is the fence: who does not know it cannot
//! move the checkpoint, so that a process that was given up for dead does no harm when it comes back.

use engine_store::{AppendError, DocumentKey, EventStore, ExpectedVersion, ReadError, Timestamp};
use engine_types::{Position, Revision, StreamName};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::options::StartFrom;

/// How many documents are listed at a time.
const PAGE: usize = 1_000;

/// How far a handler has come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// Everything up to here is handled; absent before the first event.
    pub(crate) position: Option<Position>,
    /// How many events were handled in all.
    pub(crate) handled: u64,
}

/// What an operator has said to a handler.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Whether it is to rest.
    pub(crate) paused: bool,
}

/// A sequence that waits because one of its events could not be handled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParkedSequence {
    /// The key of the sequence.
    pub key: String,
    /// The event at fault: where it stands among all events.
    pub position: Position,
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its name on disk.
    pub event_type: String,
    /// Why it could not be handled.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was parked: microseconds since 1970.
    pub parked_at_us: i64,
    /// How many later events of the sequence were seen waiting behind it, when last counted.
    pub waiting: u64,
}

impl ParkedSequence {
    /// When it was parked.
    pub fn parked_at(&self) -> Timestamp {
        Timestamp::from_micros(self.parked_at_us)
    }
}

pub(crate) fn orders_key(handler: &str) -> Result<DocumentKey, ReadError> {
    key(format!("handler/{handler}/orders"))
}

pub(crate) fn checkpoint_prefix(handler: &str) -> String {
    format!("handler/{handler}/checkpoint/")
}

pub(crate) fn checkpoint_key(
    handler: &str,
    partition: usize,
    partitions: usize,
) -> Result<DocumentKey, ReadError> {
    key(format!("{}{partition}-of-{partitions}", checkpoint_prefix(handler)))
}

fn parked_prefix(handler: &str) -> String {
    format!("handler/{handler}/parked/")
}

pub(crate) fn parked_key(handler: &str, sequence: &str) -> Result<DocumentKey, ReadError> {
    let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, sequence.as_bytes());
    key(format!("{}{name}", parked_prefix(handler)))
}

fn key(text: String) -> Result<DocumentKey, ReadError> {
    DocumentKey::new(text).map_err(|fault| ReadError::Invalid(fault.to_string()))
}

/// A value and the version of the document that holds it; 0 where there is none yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Versioned<T> {
    pub(crate) value: T,
    pub(crate) version: u64,
}

/// Reads a document, or the default where there is none.
pub(crate) async fn load<T: DeserializeOwned + Default>(
    store: &dyn EventStore,
    key: &DocumentKey,
) -> Result<Versioned<T>, ReadError> {
    match store.load_document(key).await? {
        None => Ok(Versioned { value: T::default(), version: 0 }),
        Some(document) => Ok(Versioned { value: parse(key, &document.content)?, version: document.version }),
    }
}

/// Replaces a document, if it still has the version that is known; answers the new version.
pub(crate) async fn save<T: Serialize>(
    store: &dyn EventStore,
    key: &DocumentKey,
    value: &T,
    known_version: Option<u64>,
) -> Result<u64, AppendError> {
    let expected = match known_version {
        None => ExpectedVersion::Any,
        Some(0) => ExpectedVersion::Absent,
        Some(version) => ExpectedVersion::Exact(version),
    };
    let content = serde_json::to_vec(value).map_err(|error| AppendError::invalid(error.to_string()))?;
    store.save_document(key, expected, content.into()).await
}

/// The checkpoints of a handler, one for each partition, made if there are none.
///
/// When the number of partitions has changed, all go on from the least of the old ones: events may come again,
/// none is skipped.
pub(crate) async fn checkpoints(
    store: &dyn EventStore,
    handler: &str,
    partitions: usize,
    start: StartFrom,
) -> Result<Vec<Versioned<Checkpoint>>, AppendError> {
    let mut known = Vec::with_capacity(partitions);
    for partition in 0..partitions {
        known.push(load::<Checkpoint>(store, &checkpoint_key(handler, partition, partitions)?).await?);
    }
    if known.iter().all(|checkpoint| checkpoint.version > 0) {
        return Ok(known);
    }
    let position = match earlier(store, handler).await? {
        Some(least) => least,
        None => match start {
            StartFrom::Origin => None,
            StartFrom::After(position) => Some(position),
            StartFrom::End => store.head().await?,
        },
    };
    reset_checkpoints(store, handler, partitions, position).await?;
    for (partition, checkpoint) in known.iter_mut().enumerate() {
        *checkpoint = load(store, &checkpoint_key(handler, partition, partitions)?).await?;
    }
    Ok(known)
}

/// The least of all checkpoints of a handler, whatever its partitions were; absent when it has none.
async fn earlier(store: &dyn EventStore, handler: &str) -> Result<Option<Option<Position>>, ReadError> {
    let mut least = None;
    for key in store.documents(&checkpoint_prefix(handler), None, PAGE).await? {
        let position = load::<Checkpoint>(store, &key).await?.value.position;
        least = Some(least.map_or(position, |least: Option<Position>| least.min(position)));
    }
    Ok(least)
}

/// Sets the checkpoints of all partitions, and forgets those of other numbers of partitions.
pub(crate) async fn reset_checkpoints(
    store: &dyn EventStore,
    handler: &str,
    partitions: usize,
    position: Option<Position>,
) -> Result<(), AppendError> {
    let mut kept = Vec::with_capacity(partitions);
    for partition in 0..partitions {
        let key = checkpoint_key(handler, partition, partitions)?;
        let before: Checkpoint = load(store, &key).await?.value;
        save(store, &key, &Checkpoint { position, ..before }, None).await?;
        kept.push(key);
    }
    for key in store.documents(&checkpoint_prefix(handler), None, PAGE).await? {
        if !kept.contains(&key) {
            store.delete_document(&key).await?;
        }
    }
    Ok(())
}

/// All sequences that a handler has parked, by their document's name.
pub(crate) async fn parked(store: &dyn EventStore, handler: &str) -> Result<Vec<ParkedSequence>, ReadError> {
    let prefix = parked_prefix(handler);
    let mut parked = Vec::new();
    let mut after: Option<DocumentKey> = None;
    loop {
        let keys = store.documents(&prefix, after.as_ref(), PAGE).await?;
        let Some(last) = keys.last().cloned() else { return Ok(parked) };
        for key in &keys {
            if let Some(document) = store.load_document(key).await? {
                parked.push(parse(key, &document.content)?);
            }
        }
        after = Some(last);
    }
}

fn parse<T: DeserializeOwned>(key: &DocumentKey, content: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(content)
        .map_err(|fault| ReadError::Corrupt(format!("document `{key}` cannot be read: {fault}").into()))
}
