//! What a store answers, as text that is the same for every store: without the positions and the ids that each
//! makes for itself.

use std::fmt::Debug;

use engine_types::CurrentRevision;

use crate::{
    AppendError, Appended, ReadError, RecordedEvent, StreamMetadata, stream_metadata::METADATA_EVENT_TYPE,
};

pub(super) fn of_append(result: Result<Appended, AppendError>) -> String {
    match result {
        Ok(appended) => {
            let ends: Vec<_> = appended.streams.iter().map(|end| end.revision.to_string()).collect();
            let (deduplicated, placed) = (appended.deduplicated, appended.position.is_some());
            format!("ends {ends:?}, deduplicated {deduplicated}, placed {placed}")
        }
        Err(error) => refusal(&error),
    }
}

/// An append to several streams may name any of those that refuse it.
pub(super) fn of_append_to_many(result: Result<Appended, AppendError>) -> String {
    match result {
        Err(AppendError::Conflict { .. } | AppendError::StreamDeleted { .. }) => "refused".to_owned(),
        result => of_append(result),
    }
}

pub(super) fn of_write(result: Result<impl Debug, AppendError>) -> String {
    result.map_or_else(|error| refusal(&error), |answer| format!("{answer:?}"))
}

/// A stream without events that can be read is not there to some, and empty to others.
pub(super) fn of_events(result: Result<Vec<RecordedEvent>, ReadError>) -> String {
    match result {
        Ok(events) => format!("{:?}", events.iter().map(event).collect::<Vec<_>>()),
        Err(ReadError::StreamNotFound { .. }) => "[]".to_owned(),
        Err(error) => error.to_string(),
    }
}

pub(super) fn of_metadata(result: Result<(StreamMetadata, CurrentRevision), ReadError>) -> String {
    match result {
        Ok((metadata, revision)) => format!("{} at {revision}", json(&metadata)),
        Err(error) => error.to_string(),
    }
}

fn json(metadata: &StreamMetadata) -> String {
    serde_json::to_string(metadata).expect("metadata is JSON")
}

fn event(event: &RecordedEvent) -> String {
    let place = format!("{}@{} {}", event.stream, event.revision, event.event_type);
    if &*event.event_type == METADATA_EVENT_TYPE {
        return format!("{place} {}", json(&StreamMetadata::from_json(&event.data)));
    }
    format!("{place} {} {}", event.id, String::from_utf8_lossy(&event.data))
}

fn refusal(error: &AppendError) -> String {
    match error {
        AppendError::Invalid(_) => "invalid".to_owned(),
        error => error.to_string(),
    }
}
