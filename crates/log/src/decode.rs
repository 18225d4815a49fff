//! From frames to events.

use std::sync::Arc;

use bytes::Bytes;
use engine_store::{ContentType, RecordedEvent, Timestamp};
use engine_types::{Position, Revision, StreamName};
use uuid::Uuid;

use crate::frame::{BINARY, Head, Kind};

/// Event types that occurred lately, so that most events share theirs.
const TYPES: usize = 16;

/// Makes events of frames, sharing names among them.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    stream: Option<StreamName>,
    types: Vec<Arc<str>>,
}

impl Decoder {
    /// The event that a whole frame holds.
    pub(crate) fn event(&mut self, head: &Head, frame: &Bytes) -> Result<RecordedEvent, &'static str> {
        if head.kind != Kind::Event {
            return Err("the index points to what is no event");
        }
        Ok(RecordedEvent {
            stream: self.stream(head.name(frame))?,
            revision: Revision(head.revision),
            position: Position(head.position),
            id: Uuid::from_bytes(head.id),
            event_type: self.event_type(head.event_type(frame)),
            content_type: if head.is(BINARY) { ContentType::Binary } else { ContentType::Json },
            data: frame.slice(head.data()),
            metadata: frame.slice(head.metadata()),
            created: Timestamp::from_micros(head.created),
        })
    }

    fn stream(&mut self, name: &str) -> Result<StreamName, &'static str> {
        match &self.stream {
            Some(stream) if stream.as_str() == name => Ok(stream.clone()),
            _ => {
                let stream = stream_name(name).ok_or("the stream has a name that cannot be")?;
                self.stream = Some(stream.clone());
                Ok(stream)
            }
        }
    }

    fn event_type(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.types.iter().find(|known| known.as_ref() == name) {
            return known.clone();
        }
        if self.types.len() == TYPES {
            self.types.clear();
        }
        let fresh: Arc<str> = name.into();
        self.types.push(fresh.clone());
        fresh
    }
}

/// The name of a stream. That of a metadata stream may be longer than a name that is asked for may be.
pub(crate) fn stream_name(name: &str) -> Option<StreamName> {
    let described = || Some(stream_name(name.strip_prefix("$$")?)?.metadata_stream());
    StreamName::new(name).ok().or_else(described)
}
