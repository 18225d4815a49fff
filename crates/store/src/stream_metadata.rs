//! The metadata of a stream, and what it makes of the stream's events: which of them can still be read.
//!
//! The JSON keys and their meaning are those of KurrentDB: `$maxAge` and `$cacheControl` in seconds,
//! `$maxCount`, `$tb` (truncate before), `$acl`; everything else is the user's. Metadata is the newest event
//! of the stream `$$<name>`, of type `$metadata`.

use std::time::Duration;

use engine_types::{CurrentRevision, ExpectedRevision, Revision, StreamName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::{
    AppendError, AppendRequest, ContentType, Direction, NewEvent, ReadFrom, ReadStream, Timestamp,
    concurrency::StreamState,
};

/// The type of the events that hold metadata.
pub const METADATA_EVENT_TYPE: &str = "$metadata";

/// The type of the event that closes a stream for ever.
pub const TOMBSTONE_EVENT_TYPE: &str = "$streamDeleted";

/// The `$tb` of a stream that was deleted softly: the largest revision there can be.
pub const DELETED: u64 = i64::MAX as u64;

/// What is set for a stream. Absent entries set nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct StreamMetadata {
    /// Only the newest so many events can be read.
    #[serde(rename = "$maxCount", default, skip_serializing_if = "Option::is_none")]
    pub max_count: Option<u64>,
    /// Events older than so many seconds cannot be read.
    #[serde(rename = "$maxAge", default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
    /// Events before this revision cannot be read.
    #[serde(rename = "$tb", default, skip_serializing_if = "Option::is_none")]
    pub truncate_before: Option<u64>,
    /// How long readers may cache, in seconds.
    #[serde(rename = "$cacheControl", default, skip_serializing_if = "Option::is_none")]
    pub cache_control_seconds: Option<u64>,
    /// Who may do what.
    #[serde(rename = "$acl", default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<Value>,
    /// The user's own entries.
    #[serde(flatten)]
    pub user: Map<String, Value>,
}

impl StreamMetadata {
    /// The metadata of metadata streams: only the newest event counts.
    pub fn of_metadata_streams() -> Self {
        StreamMetadata { max_count: Some(1), ..StreamMetadata::default() }
    }

    /// Reads metadata from the data of a `$metadata` event. Data of another form sets nothing.
    pub fn from_json(data: &[u8]) -> Self {
        serde_json::from_slice(data).unwrap_or_default()
    }

    /// Whether the stream was deleted softly.
    pub fn is_deleted(&self) -> bool {
        self.truncate_before.is_some_and(|before| before >= DELETED)
    }

    /// This metadata for a stream that is deleted softly.
    #[must_use]
    pub fn deleted() -> Self {
        StreamMetadata { truncate_before: Some(DELETED), ..StreamMetadata::default() }
    }

    /// This metadata for a stream that lives again and goes on after `last`.
    #[must_use]
    pub fn revived(self, last: CurrentRevision) -> Self {
        StreamMetadata { truncate_before: Some(last.next().0), ..self }
    }

    /// Whether this metadata, set for a softly deleted stream that ends at `last`, would bring its old events back.
    pub fn brings_back(&self, last: CurrentRevision) -> bool {
        self.truncate_before.unwrap_or(0) < last.next().0
    }

    /// The first revision that can be read as far as counts go, in a stream that ends at `last`.
    pub fn first_readable(&self, last: Revision) -> Revision {
        let by_count = self.max_count.map_or(0, |count| (last.0 + 1).saturating_sub(count));
        Revision(self.truncate_before.unwrap_or(0).max(by_count))
    }

    /// Whether an event of this time is too old at `now`.
    pub fn is_expired(&self, created: Timestamp, now: Timestamp) -> bool {
        self.max_age_seconds.is_some_and(|seconds| now.since(created) > Duration::from_secs(seconds))
    }
}

/// The first revision of a stream that can ever be read again as far as counts go; all before it may be scavenged.
///
/// `own_tombstone` says that the stream itself is closed for ever, and so ends with the event that says so; a
/// metadata stream is closed with the stream that it describes, and nothing of it is left.
pub fn first_kept(
    metadata: &StreamMetadata,
    state: &StreamState,
    own_tombstone: bool,
    last: Revision,
) -> Revision {
    match (own_tombstone, state.tombstoned) {
        (true, _) => last,
        (false, true) => last.next(),
        (false, false) => metadata.first_readable(last),
    }
}

/// The event that sets metadata.
pub fn event(metadata: &StreamMetadata) -> NewEvent {
    let data = serde_json::to_vec(metadata).unwrap_or_else(|_| unreachable!("metadata has only text keys"));
    system_event(METADATA_EVENT_TYPE, data)
}

/// The event that closes a stream for ever.
pub fn tombstone() -> NewEvent {
    system_event(TOMBSTONE_EVENT_TYPE, b"{}".to_vec())
}

fn system_event(event_type: &str, data: Vec<u8>) -> NewEvent {
    NewEvent {
        id: Uuid::now_v7(),
        event_type: event_type.into(),
        content_type: ContentType::Json,
        data: data.into(),
        metadata: bytes::Bytes::new(),
    }
}

/// What an event in a metadata stream sets.
pub fn of_event(event: &NewEvent) -> StreamMetadata {
    StreamMetadata::from_json(&event.data)
}

/// The append that sets metadata.
///
/// # Errors
/// [`AppendError::Invalid`] for the metadata of a metadata stream, which is fixed.
pub fn request(
    stream: &StreamName,
    expected: ExpectedRevision,
    metadata: &StreamMetadata,
) -> Result<AppendRequest, AppendError> {
    check_not_metadata(stream)?;
    Ok(AppendRequest::to(stream.metadata_stream(), expected, vec![event(metadata)]))
}

/// Refuses what can be done to a stream but not to its metadata: to describe it, and to delete it.
///
/// # Errors
/// [`AppendError::Invalid`] for a metadata stream.
pub fn check_not_metadata(stream: &StreamName) -> Result<(), AppendError> {
    if stream.is_metadata() { Err(fixed(stream)) } else { Ok(()) }
}

/// Why the metadata of metadata cannot be set.
pub(crate) fn fixed(stream: &StreamName) -> AppendError {
    AppendError::invalid(format!(
        "`{stream}` is metadata: what holds for it is fixed, and it ends with its stream"
    ))
}

/// The revisions of one page, ascending, of a stream that is readable from `first` to `last`.
pub fn revisions(request: &ReadStream, first: Revision, last: Revision) -> std::ops::Range<u64> {
    let behind = last.0 + 1;
    let limit = request.limit as u64;
    match request.direction {
        Direction::Forwards => {
            let start = match request.from {
                ReadFrom::Start => first.0,
                ReadFrom::At(revision) => revision.0.max(first.0),
                ReadFrom::End => behind,
            }
            .min(behind);
            start..behind.min(start.saturating_add(limit))
        }
        Direction::Backwards => {
            let end = match request.from {
                ReadFrom::Start => first.0 + 1,
                ReadFrom::At(revision) => revision.0.saturating_add(1),
                ReadFrom::End => behind,
            }
            .min(behind);
            end.saturating_sub(limit).max(first.0).min(end)..end
        }
    }
}
