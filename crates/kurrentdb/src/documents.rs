//! Documents: a stream for each, of which only the newest event is kept.
//!
//! An event of a document has the document's content for data, and its key and version for metadata: versions begin
//! anew when a document was deleted, revisions do not. Writing is conditional on the revision, so that of two writers
//! one wins, whatever they expect. Which documents there are is noted in streams beside them, before they are
//! written for the first time: a key there need not have a document, but each document has its key.

mod names;

use std::collections::BTreeSet;

use bytes::Bytes;
use engine_store::{
    AppendError, AppendRequest, ContentType, Document, DocumentKey, ExpectedVersion, NewEvent, ReadError,
    ReadStream, StreamMetadata, document, stream_metadata,
};
use engine_types::{CurrentRevision, ExpectedRevision, Revision, StreamName};
use serde::{Deserialize, Serialize};

use crate::{append, read, store::KurrentStore};

/// The type of the events that hold documents.
const DOCUMENT: &str = "$engine.document";

/// The type of the events that note which documents there are.
const KEY: &str = "$engine.key";

/// How often a write is tried again that expects nothing, while others come first.
const TRIES: usize = 100;

/// What is known of the content of a document's event.
#[derive(Debug, Serialize, Deserialize)]
struct Label {
    key: String,
    /// 0 where the document was deleted.
    version: u64,
}

/// A document's stream.
struct Found {
    revision: CurrentRevision,
    /// 0 where there is no document.
    version: u64,
    content: Bytes,
}

async fn find(store: &KurrentStore, key: &DocumentKey) -> Result<Found, ReadError> {
    let stream = names::of_document(key)?;
    let newest = match read::stream_page(store, ReadStream::backwards(stream.clone()).limit(1)).await {
        Ok(page) => page.events.into_iter().next(),
        Err(ReadError::StreamNotFound { .. }) => None,
        Err(error) => return Err(error),
    };
    let Some(event) = newest else {
        return Ok(Found { revision: CurrentRevision::NoStream, version: 0, content: Bytes::new() });
    };
    let label: Label = serde_json::from_slice(&event.metadata).map_err(|fault| {
        let place = format!("stream `{stream}`, revision {}: this is no document ({fault})", event.revision);
        ReadError::Corrupt(place.into())
    })?;
    if label.key != key.as_str() {
        let fault = format!("stream `{stream}` holds the document `{}`, not `{key}`", label.key);
        return Err(ReadError::Corrupt(fault.into()));
    }
    Ok(Found { revision: CurrentRevision::At(event.revision), version: label.version, content: event.data })
}

pub(crate) async fn load(store: &KurrentStore, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
    let Found { version, content, .. } = find(store, key).await?;
    Ok((version > 0).then_some(Document { version, content }))
}

pub(crate) async fn save(
    store: &KurrentStore,
    key: &DocumentKey,
    expected: ExpectedVersion,
    content: Bytes,
) -> Result<u64, AppendError> {
    document::check_size(key, &content)?;
    for _ in 0..TRIES {
        let found = find(store, key).await?;
        let actual = found.version;
        if !expected.accepts(actual) {
            return Err(AppendError::DocumentConflict { key: key.clone(), expected, actual });
        }
        if found.revision == CurrentRevision::NoStream {
            register(store, key).await?;
        }
        if write(store, key, found.revision, actual + 1, content.clone()).await? {
            return Ok(actual + 1);
        }
    }
    Err(AppendError::unavailable(format!("others wrote document `{key}` first, {TRIES} times")))
}

pub(crate) async fn delete(store: &KurrentStore, key: &DocumentKey) -> Result<(), AppendError> {
    for _ in 0..TRIES {
        let found = find(store, key).await?;
        if found.version == 0 || write(store, key, found.revision, 0, Bytes::new()).await? {
            return Ok(());
        }
    }
    Err(AppendError::unavailable(format!("others wrote document `{key}` first, {TRIES} times")))
}

/// Writes an event of a document; says whether nobody came first.
async fn write(
    store: &KurrentStore,
    key: &DocumentKey,
    after: CurrentRevision,
    version: u64,
    content: Bytes,
) -> Result<bool, AppendError> {
    let label = Label { key: key.as_str().to_owned(), version };
    let event = NewEvent {
        id: uuid::Uuid::now_v7(),
        event_type: DOCUMENT.into(),
        content_type: ContentType::Json,
        data: content,
        metadata: serde_json::to_vec(&label).map_err(|fault| AppendError::invalid(fault.to_string()))?.into(),
    };
    let request = AppendRequest::to(names::of_document(key)?, after.into(), vec![event]);
    match append::append(store, request).await {
        Ok(_) => Ok(true),
        Err(AppendError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Notes a key, before there is a document, and that only its newest event is kept.
async fn register(store: &KurrentStore, key: &DocumentKey) -> Result<(), AppendError> {
    let group = names::group(key.as_str());
    if store.known_groups.lock().insert(group.to_owned()) {
        let noted = note(store, names::groups()?, group).await;
        if noted.is_err() {
            store.known_groups.lock().remove(group);
        }
        noted?;
    }
    note(store, names::of_group(group)?, key.as_str()).await?;
    let metadata = StreamMetadata { max_count: Some(1), ..StreamMetadata::default() };
    let request = stream_metadata::request(&names::of_document(key)?, ExpectedRevision::Any, &metadata)?;
    append::append(store, request).await.map(drop)
}

async fn note(store: &KurrentStore, stream: StreamName, text: &str) -> Result<(), AppendError> {
    let event = NewEvent::json(uuid::Uuid::now_v7(), KEY, &text);
    let event = event.map_err(|fault| AppendError::invalid(fault.to_string()))?;
    append::append(store, AppendRequest::to(stream, ExpectedRevision::Any, vec![event])).await.map(drop)
}

/// The texts that were noted in a stream.
async fn notes(store: &KurrentStore, stream: StreamName) -> Result<BTreeSet<String>, ReadError> {
    let mut notes = BTreeSet::new();
    let mut request = ReadStream::forwards(stream).from(Revision::FIRST);
    loop {
        let page = match read::stream_page(store, request.clone()).await {
            Ok(page) => page,
            Err(ReadError::StreamNotFound { .. }) => return Ok(notes),
            Err(error) => return Err(error),
        };
        notes.extend(
            page.events.iter().filter_map(|event| serde_json::from_slice::<String>(&event.data).ok()),
        );
        match page.next {
            Some(next) => request = request.from(next),
            None => return Ok(notes),
        }
    }
}

pub(crate) async fn list(
    store: &KurrentStore,
    prefix: &str,
    after: Option<&DocumentKey>,
    limit: usize,
) -> Result<Vec<DocumentKey>, ReadError> {
    let groups = if prefix.contains(names::SEPARATOR) {
        BTreeSet::from([names::group(prefix).to_owned()])
    } else {
        notes(store, names::groups()?).await?
    };
    let mut keys = BTreeSet::new();
    for group in groups.iter().filter(|group| group.starts_with(prefix) || prefix.starts_with(group.as_str()))
    {
        let noted = notes(store, names::of_group(group)?).await?;
        keys.extend(noted.into_iter().filter(|key| key.starts_with(prefix)));
    }
    let mut listed = Vec::new();
    for key in keys.into_iter().filter_map(|key| DocumentKey::new(key).ok()) {
        if listed.len() == limit {
            break;
        }
        if after.is_none_or(|after| key > *after) && find(store, &key).await?.version > 0 {
            listed.push(key);
        }
    }
    Ok(listed)
}
