//! Between the words of the protocol and those of the engine: names, ids, revisions, events.

use std::collections::BTreeMap;

use bytes::Bytes;
use engine_store::{ContentType, NewEvent, RecordedEvent, Timestamp, stream_metadata::TOMBSTONE_EVENT_TYPE};
use engine_types::{CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
use tonic::Status;

use super::status;
use crate::{limits::Limits, proto};

/// The number that means the end of a stream, or a place that is not known.
pub(crate) const END: u64 = u64::MAX;

const TYPE: &str = "type";
const CONTENT_TYPE: &str = "content-type";
const CREATED: &str = "created";
const JSON: &str = "application/json";
const BINARY: &str = "application/octet-stream";

/// In which form ids are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdForm {
    Text,
    Structured,
}

impl IdForm {
    /// The form that was asked for. Older requests of persistent subscriptions may say nothing.
    pub(crate) fn of(option: Option<&proto::UuidOption>) -> Option<Self> {
        option?.content.as_ref().map(|content| match content {
            proto::uuid_option::Content::String(_) => IdForm::Text,
            proto::uuid_option::Content::Structured(_) => IdForm::Structured,
        })
    }
}

pub(crate) fn id_out(id: uuid::Uuid, form: IdForm) -> proto::Uuid {
    use proto::uuid::{Structured, Value};
    let value = match form {
        IdForm::Text => Value::String(id.to_string()),
        IdForm::Structured => {
            let (most, least) = id.as_u64_pair();
            Value::Structured(Structured {
                most_significant_bits: most.cast_signed(),
                least_significant_bits: least.cast_signed(),
            })
        }
    };
    proto::Uuid { value: Some(value) }
}

pub(crate) fn id_in(id: Option<&proto::Uuid>) -> Result<uuid::Uuid, Status> {
    use proto::uuid::Value;
    match id.and_then(|id| id.value.as_ref()) {
        Some(Value::String(text)) => uuid::Uuid::try_parse(text)
            .map_err(|_| Status::invalid_argument(format!("`{}` is no UUID", text.escape_debug()))),
        Some(Value::Structured(bits)) => Ok(uuid::Uuid::from_u64_pair(
            bits.most_significant_bits.cast_unsigned(),
            bits.least_significant_bits.cast_unsigned(),
        )),
        None => Err(Status::invalid_argument("a UUID is missing")),
    }
}

pub(crate) fn name_out(stream: &StreamName) -> proto::StreamIdentifier {
    proto::StreamIdentifier { stream_name: Bytes::copy_from_slice(stream.as_str().as_bytes()) }
}

pub(crate) fn name_in(identifier: Option<&proto::StreamIdentifier>) -> Result<StreamName, Status> {
    let Some(identifier) = identifier else {
        return Err(Status::invalid_argument("the stream's name is missing"));
    };
    let text = std::str::from_utf8(&identifier.stream_name)
        .map_err(|_| Status::invalid_argument("the stream's name is not text in UTF-8"))?;
    name_of_text(text)
}

/// The stream of this name; `$all` is nobody's to write, and no stream.
pub(crate) fn name_of_text(text: &str) -> Result<StreamName, Status> {
    if text == "$all" {
        return Err(status::access_denied());
    }
    StreamName::new(text).map_err(|fault| {
        Status::invalid_argument(format!("the stream's name `{}` {fault}", text.escape_debug()))
    })
}

/// What the writer believes, from the numbers of the protocol: the largest is `none` in some clients.
pub(crate) fn expected_in(
    option: Option<&proto::write_options::ExpectedRevision>,
) -> Result<ExpectedRevision, Status> {
    use proto::write_options::ExpectedRevision as Wire;
    Ok(match option {
        Some(Wire::Revision(revision)) => ExpectedRevision::Exact(Revision(*revision)),
        Some(Wire::NoStream(_)) => ExpectedRevision::NoStream,
        Some(Wire::Any(_)) => ExpectedRevision::Any,
        Some(Wire::StreamExists(_)) => ExpectedRevision::StreamExists,
        None => return Err(Status::invalid_argument("the expected revision is missing")),
    })
}

/// An expectation as one signed number, as error texts and trailers tell it.
pub(crate) fn signed(expected: ExpectedRevision) -> i64 {
    match expected {
        ExpectedRevision::NoStream => -1,
        ExpectedRevision::Any => -2,
        ExpectedRevision::StreamExists => -4,
        ExpectedRevision::Exact(revision) => revision.0.cast_signed(),
    }
}

/// Where a stream ends as one signed number.
pub(crate) fn signed_current(current: CurrentRevision) -> i64 {
    current.revision().map_or(-1, |revision| revision.0.cast_signed())
}

pub(crate) fn position_out(position: Position) -> proto::Position {
    proto::Position { commit_position: position.0, prepare_position: position.0 }
}

pub(crate) fn time_out(time: Timestamp) -> prost_types::Timestamp {
    let micros = time.as_micros();
    let nanos = i32::try_from(micros.rem_euclid(1_000_000) * 1_000).unwrap_or_default();
    prost_types::Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}

/// An event that a client wants to append.
pub(crate) fn proposed(message: proto::ProposedMessage, limits: &Limits) -> Result<NewEvent, Status> {
    let id = id_in(message.id.as_ref())?;
    let (Some(event_type), Some(content_type)) =
        (message.metadata.get(TYPE), message.metadata.get(CONTENT_TYPE))
    else {
        return Err(status::missing_metadata(&[TYPE, CONTENT_TYPE]));
    };
    let event = NewEvent {
        id,
        event_type: event_type.as_str().into(),
        content_type: if content_type == JSON { ContentType::Json } else { ContentType::Binary },
        data: message.data,
        metadata: message.custom_metadata,
    };
    let bytes = size(&event);
    if bytes > limits.event_bytes {
        return Err(status::event_too_large(id, bytes, limits.event_bytes));
    }
    Ok(event)
}

/// What an event counts against the limits.
pub(crate) fn size(event: &NewEvent) -> usize {
    event.bytes() + 2 * event.event_type.len()
}

/// An event as clients are told of it.
pub(crate) fn recorded(event: RecordedEvent, ids: IdForm) -> proto::RecordedEvent {
    let content_type = match event.content_type {
        ContentType::Json => JSON,
        ContentType::Binary => BINARY,
    };
    // 100 ns each, since 1970.
    let created = event.created.as_micros().saturating_mul(10);
    let metadata = BTreeMap::from([
        (TYPE.to_owned(), event.event_type.as_ref().to_owned()),
        (CONTENT_TYPE.to_owned(), content_type.to_owned()),
        (CREATED.to_owned(), created.to_string()),
    ]);
    proto::RecordedEvent {
        id: Some(id_out(event.id, ids)),
        stream_identifier: Some(name_out(&event.stream)),
        stream_revision: revision_out(&event),
        prepare_position: event.position.0,
        commit_position: event.position.0,
        metadata,
        custom_metadata: event.metadata,
        data: event.data,
    }
}

/// Clients know the event that closes a stream for ever under the largest revision.
fn revision_out(event: &RecordedEvent) -> u64 {
    if *event.event_type == *TOMBSTONE_EVENT_TYPE && !event.stream.is_metadata() {
        i64::MAX.cast_unsigned()
    } else {
        event.revision.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_same_in_both_forms() {
        let id = uuid::Uuid::from_u128(0xF0E1_D2C3_B4A5_9687_7869_5A4B_3C2D_1E0F);
        for form in [IdForm::Text, IdForm::Structured] {
            assert_eq!(id_in(Some(&id_out(id, form))).unwrap(), id);
        }
        assert!(id_in(None).is_err());
    }

    #[test]
    fn names_that_are_none_are_refused_with_words() {
        let refused = |name: &'static [u8]| {
            name_in(Some(&proto::StreamIdentifier { stream_name: name.into() })).unwrap_err()
        };
        assert_eq!(refused(b"\xff").code(), tonic::Code::InvalidArgument);
        assert_eq!(refused(b"").code(), tonic::Code::InvalidArgument);
        assert_eq!(refused(b"$all").code(), tonic::Code::PermissionDenied);
    }

    #[test]
    fn times_before_1970_have_a_fraction_that_counts_upwards() {
        let time = time_out(Timestamp::from_micros(-1));
        assert_eq!((time.seconds, time.nanos), (-1, 999_999_000));
    }
}
