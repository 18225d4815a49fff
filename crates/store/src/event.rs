//! Events as a store sees them: bytes with a name, a place and a time.

use std::sync::Arc;

use bytes::Bytes;
use engine_types::{Position, Revision, StreamName};
use serde::Serialize;
use uuid::Uuid;

use crate::{Timestamp, append::MAX_EVENT_BYTES};

/// The longest event type, in bytes.
pub const MAX_EVENT_TYPE_BYTES: usize = 255;

/// An event that is to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Its identity; the same id again is the same event.
    pub id: Uuid,
    /// Its name on disk.
    pub event_type: Arc<str>,
    /// What [`NewEvent::data`] is.
    pub content_type: ContentType,
    /// What it states.
    pub data: Bytes,
    /// What is known about it, usually a JSON object; may be empty.
    pub metadata: Bytes,
}

impl NewEvent {
    /// An event whose data is JSON, without metadata.
    ///
    /// # Errors
    /// The data cannot be written as JSON.
    pub fn json(
        id: Uuid,
        event_type: impl Into<Arc<str>>,
        data: &impl Serialize,
    ) -> Result<Self, serde_json::Error> {
        Ok(NewEvent {
            id,
            event_type: event_type.into(),
            content_type: ContentType::Json,
            data: serde_json::to_vec(data)?.into(),
            metadata: Bytes::new(),
        })
    }

    /// The bytes that count against the limits.
    pub fn bytes(&self) -> usize {
        self.data.len() + self.metadata.len()
    }

    /// Checks sizes and the name.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = &*self.event_type;
        if name.is_empty() || name.len() > MAX_EVENT_TYPE_BYTES || name.chars().any(char::is_control) {
            return Err(format!(
                "event type {name:?} must have 1 to {MAX_EVENT_TYPE_BYTES} bytes and no control characters"
            ));
        }
        if self.bytes() > MAX_EVENT_BYTES {
            return Err(format!(
                "event {} of type `{name}` has {} bytes, over the limit of {MAX_EVENT_BYTES}",
                self.id,
                self.bytes()
            ));
        }
        Ok(())
    }
}

/// What the data of an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentType {
    /// JSON text in UTF-8. The store does not check it.
    #[default]
    Json,
    /// Any bytes.
    Binary,
}

/// An event as it stands in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The stream it was appended to.
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its place among all events.
    pub position: Position,
    /// Its identity.
    pub id: Uuid,
    /// Its name on disk.
    pub event_type: Arc<str>,
    /// What [`RecordedEvent::data`] is.
    pub content_type: ContentType,
    /// What it states.
    pub data: Bytes,
    /// What is known about it.
    pub metadata: Bytes,
    /// When the store accepted it, by the store's clock.
    pub created: Timestamp,
}

impl RecordedEvent {
    /// The metadata as the engine writes it. Events of other writers may have none, or something else:
    /// both give empty metadata.
    pub fn parsed_metadata(&self) -> engine_types::Metadata {
        if self.metadata.is_empty() {
            return engine_types::Metadata::default();
        }
        serde_json::from_slice(&self.metadata).unwrap_or_default()
    }

    /// The version of the event's form. Most events have none in their metadata, which means 1; they are
    /// spared the parse.
    pub fn schema_version(&self) -> u32 {
        let metadata = std::str::from_utf8(&self.metadata).unwrap_or_default();
        if metadata.contains(engine_types::metadata::SCHEMA_VERSION) {
            self.parsed_metadata().schema_version.unwrap_or(1)
        } else {
            1
        }
    }
}
