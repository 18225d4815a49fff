//! Between the words of the client and those of the engine.

use engine_store::{ContentType, NewEvent, RecordedEvent, Timestamp};
use engine_types::{ExpectedRevision, Position, Revision, StreamName};
use kurrentdb::{EventData, StreamState};
use serde_json::value::RawValue;

/// The beginning of the names of the streams in which this store keeps documents. They are no events.
pub(crate) const OWN_STREAMS: &str = "$engine.";

/// Whether a stream is one of those in which documents are kept, or describes one.
pub(crate) fn is_own(stream: &str) -> bool {
    stream.strip_prefix("$$").unwrap_or(stream).starts_with(OWN_STREAMS)
}

/// What the writer believes.
pub(crate) fn state(expected: ExpectedRevision) -> StreamState {
    match expected {
        ExpectedRevision::Any => StreamState::Any,
        ExpectedRevision::NoStream => StreamState::NoStream,
        ExpectedRevision::StreamExists => StreamState::StreamExists,
        ExpectedRevision::Exact(revision) => StreamState::StreamRevision(revision.0),
    }
}

/// An event to be appended.
///
/// The client takes as JSON only what is JSON, without white space around it; other data goes as bytes.
pub(crate) fn event_out(event: &NewEvent) -> EventData {
    let json = match event.content_type {
        ContentType::Json => serde_json::from_slice::<&RawValue>(&event.data)
            .ok()
            .filter(|raw| raw.get().len() == event.data.len())
            .and_then(|raw| EventData::json(&event.event_type, &raw).ok()),
        ContentType::Binary => None,
    };
    let data = json.unwrap_or_else(|| EventData::binary(&event.event_type, event.data.clone()));
    let data = data.id(event.id);
    if event.metadata.is_empty() { data } else { data.metadata(event.metadata.clone()) }
}

/// An event as it stands on the server. Absent, and told to the log, where its stream has a name that the engine has
/// no place for: only other writers make such.
pub(crate) fn event_in(event: &kurrentdb::RecordedEvent) -> Option<RecordedEvent> {
    let stream = match StreamName::new(event.stream_id()) {
        Ok(stream) => stream,
        Err(fault) => {
            let (name, position) = (event.stream_id(), event.position.commit);
            tracing::warn!(name, position, %fault, "an event is passed over: the name of its stream cannot be used");
            return None;
        }
    };
    Some(RecordedEvent {
        stream,
        revision: Revision(event.revision),
        position: position_in(event.position),
        id: event.id,
        event_type: event.event_type.as_str().into(),
        content_type: if event.is_json { ContentType::Json } else { ContentType::Binary },
        data: event.data.clone(),
        metadata: event.custom_metadata.clone(),
        created: Timestamp::from_micros(event.created.timestamp_micros()),
    })
}

pub(crate) fn position_in(position: kurrentdb::Position) -> Position {
    Position(position.commit)
}

/// Both numbers are the same for all that was written in this century.
pub(crate) fn position_out(position: Position) -> kurrentdb::Position {
    kurrentdb::Position { commit: position.0, prepare: position.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_streams_of_documents_are_known_with_their_metadata() {
        assert!(is_own("$engine.document:lease/a") && is_own("$$$engine.document:lease/a"));
        assert!(!is_own("account-1") && !is_own("$ours-1") && !is_own("$$account-1"));
    }

    #[test]
    fn a_position_there_and_back_is_the_same() {
        assert_eq!(position_in(position_out(Position(77))), Position(77));
    }
}
