//! What a handler keeps in the store: its orders and its parked sequences. Checkpoints are next door.
//!
//! All of it is documents.

pub(crate) mod checkpoints;

use std::collections::BTreeMap;

use engine_store::{AppendError, DocumentKey, EventStore, ExpectedVersion, ReadError, Timestamp};
use engine_types::{Position, Revision, StreamName};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

/// How many documents are listed at a time.
const PAGE: usize = 1_000;

/// How often a change of a document is tried again when others change it at the same time.
const CHANGES: usize = 20;

/// What operators have said to a handler.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// Whether it is to rest.
    pub(crate) paused: bool,
    /// A reset that has begun. It is finished before anything is handled, so that none is left half done.
    #[serde(default)]
    pub(crate) reset: Option<Reset>,
}

/// Where a handler is to be set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reset {
    /// It goes on after this position; none is the beginning.
    pub(crate) after: Option<Position>,
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
    /// Whether one of its events could not be read. Its key is then the stream; when it can be read again, it
    /// has perhaps another one, so that a retry goes by the stream too.
    #[serde(default)]
    pub unreadable: bool,
}

impl ParkedSequence {
    /// A sequence of a stream of which nothing was noted but that it is put aside.
    fn unknown(key: String, position: Position) -> Result<Self, ReadError> {
        let stream = StreamName::new(&key).map_err(|fault| ReadError::Invalid(fault.to_string()))?;
        Ok(ParkedSequence {
            key,
            position,
            stream,
            revision: Revision(0),
            event_type: String::new(),
            error: "it was put aside by another process".to_owned(),
            attempts: 0,
            parked_at_us: 0,
            waiting: 0,
            unreadable: true,
        })
    }

    /// When it was parked.
    pub fn parked_at(&self) -> Timestamp {
        Timestamp::from_micros(self.parked_at_us)
    }
}

fn orders_key(handler: &str) -> Result<DocumentKey, ReadError> {
    key(format!("handler/{handler}/orders"))
}

fn parked_prefix(handler: &str) -> String {
    format!("handler/{handler}/parked/")
}

pub(crate) fn parked_key(handler: &str, sequence: &str) -> Result<DocumentKey, ReadError> {
    let name = Uuid::new_v5(&Uuid::NAMESPACE_OID, sequence.as_bytes());
    key(format!("{}{name}", parked_prefix(handler)))
}

pub(crate) fn key(text: String) -> Result<DocumentKey, ReadError> {
    DocumentKey::new(text).map_err(|fault| ReadError::Invalid(fault.to_string()))
}

/// A value and the version of the document that holds it; 0 where there is none yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
        None => Ok(Versioned::default()),
        Some(document) => Ok(Versioned { value: parse(key, &document.content)?, version: document.version }),
    }
}

/// Replaces a document whatever is there; answers the new version.
pub(crate) async fn save<T: Serialize>(
    store: &dyn EventStore,
    key: &DocumentKey,
    value: &T,
) -> Result<u64, AppendError> {
    store.save_document(key, ExpectedVersion::Any, content(value)?).await
}

/// Replaces a document if it still has the version that is known, 0 where there is none; answers the new version.
pub(crate) async fn replace<T: Serialize>(
    store: &dyn EventStore,
    key: &DocumentKey,
    value: &T,
    known_version: u64,
) -> Result<u64, AppendError> {
    let expected = match known_version {
        0 => ExpectedVersion::Absent,
        version => ExpectedVersion::Exact(version),
    };
    store.save_document(key, expected, content(value)?).await
}

fn content(value: &impl Serialize) -> Result<bytes::Bytes, AppendError> {
    serde_json::to_vec(value).map(Into::into).map_err(|error| AppendError::invalid(error.to_string()))
}

/// What operators have said to a handler.
pub(crate) async fn orders(store: &dyn EventStore, handler: &str) -> Result<Versioned<Orders>, ReadError> {
    load(store, &orders_key(handler)?).await
}

/// Changes what was said to a handler; `change` may be called several times. Answers the new version.
pub(crate) async fn change_orders(
    store: &dyn EventStore,
    handler: &str,
    change: impl Fn(&mut Orders) + Send,
) -> Result<u64, AppendError> {
    let key = orders_key(handler)?;
    let mut tries = 0;
    loop {
        let Versioned { mut value, version } = load::<Orders>(store, &key).await?;
        change(&mut value);
        tries += 1;
        match replace(store, &key, &value, version).await {
            Err(AppendError::DocumentConflict { .. } | AppendError::OutcomeUnknown(_)) if tries < CHANGES => {
            }
            result => return result,
        }
    }
}

/// All sequences that a handler has parked.
pub(crate) async fn parked(store: &dyn EventStore, handler: &str) -> Result<Vec<ParkedSequence>, ReadError> {
    let mut parked = Vec::new();
    for key in all_documents(store, &parked_prefix(handler)).await? {
        if let Some(document) = store.load_document(&key).await? {
            parked.push(parse(&key, &document.content)?);
        }
    }
    Ok(parked)
}

/// The sequences that a handler has put aside, as its own data say, with what was noted of them. What was noted of others
/// is left over from a process that ended, and is removed.
pub(crate) async fn parked_of_these(
    store: &dyn EventStore,
    handler: &str,
    mut aside: BTreeMap<String, Position>,
) -> Result<Vec<ParkedSequence>, ReadError> {
    let mut parked = parked(store, handler).await?;
    for left_over in parked.extract_if(.., |sequence| aside.remove(&sequence.key).is_none()) {
        // Where it cannot be removed, the next time will do.
        let _ = store.delete_document(&parked_key(handler, &left_over.key)?).await;
    }
    for (key, position) in aside {
        parked.push(ParkedSequence::unknown(key, position)?);
    }
    Ok(parked)
}

/// One sequence that a handler has parked.
pub(crate) async fn parked_sequence(
    store: &dyn EventStore,
    handler: &str,
    sequence: &str,
) -> Result<Option<ParkedSequence>, ReadError> {
    let key = parked_key(handler, sequence)?;
    let document = store.load_document(&key).await?;
    document.map(|document| parse(&key, &document.content)).transpose()
}

/// Forgets all sequences that a handler has parked.
pub(crate) async fn forget_parked(store: &dyn EventStore, handler: &str) -> Result<(), AppendError> {
    for key in all_documents(store, &parked_prefix(handler)).await? {
        store.delete_document(&key).await?;
    }
    Ok(())
}

/// The keys of all documents that begin with `prefix`.
pub(crate) async fn all_documents(
    store: &dyn EventStore,
    prefix: &str,
) -> Result<Vec<DocumentKey>, ReadError> {
    let mut keys: Vec<DocumentKey> = Vec::new();
    loop {
        let page = store.documents(prefix, keys.last(), PAGE).await?;
        if page.is_empty() {
            return Ok(keys);
        }
        keys.extend(page);
    }
}

/// The name under which one generation of a projection records its parked sequences.
pub(crate) fn of_generation(projection: &str, number: u64) -> String {
    format!("{projection}/generation/{number}")
}

/// The documents of the sequences that the generations of a projection have parked, each with the generation.
pub(crate) async fn parked_of_generations(
    store: &dyn EventStore,
    projection: &str,
) -> Result<Vec<(u64, DocumentKey)>, ReadError> {
    let prefix = format!("handler/{projection}/generation/");
    let number = |key: &DocumentKey| key.as_str()[prefix.len()..].split('/').next()?.parse().ok();
    let keys = all_documents(store, &prefix).await?.into_iter();
    Ok(keys.filter_map(|key| number(&key).map(|number| (number, key))).collect())
}

pub(crate) fn parse<T: DeserializeOwned>(key: &DocumentKey, content: &[u8]) -> Result<T, ReadError> {
    serde_json::from_slice(content)
        .map_err(|fault| ReadError::Corrupt(format!("document `{key}` cannot be read: {fault}").into()))
}
