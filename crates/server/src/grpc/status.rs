//! How errors are told over gRPC: the code, the words that clients look for, and the trailers beside them.

use engine_store::{AppendError, ReadError};
use engine_types::{CurrentRevision, ExpectedRevision, StreamName};
use tonic::{
    Code, Status,
    metadata::{AsciiMetadataValue, MetadataMap},
};

use super::convert::{signed, signed_current};

/// An error with the name under which clients know it, and what they want to know beside it.
fn exception(code: Code, text: String, name: &'static str, trailers: &[(&'static str, &str)]) -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("exception", AsciiMetadataValue::from_static(name));
    for (key, value) in trailers {
        if let Ok(value) = AsciiMetadataValue::try_from(ascii(value)) {
            metadata.insert(*key, value);
        }
    }
    Status::with_metadata(code, text, metadata)
}

/// Text for a trailer, which takes ASCII only: everything else as `%xx`.
fn ascii(text: &str) -> String {
    use std::fmt::Write;
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if (b' '..=b'~').contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

pub(crate) fn access_denied() -> Status {
    exception(Code::PermissionDenied, "Access Denied".to_owned(), "access-denied", &[])
}

pub(crate) fn stream_deleted(stream: &StreamName) -> Status {
    let text = format!("Event stream '{stream}' is deleted.");
    exception(Code::FailedPrecondition, text, "stream-deleted", &[("stream-name", stream.as_str())])
}

/// The text that tells of a wrong expectation; clients parse it.
pub(crate) fn wrong_version_text(
    stream: &StreamName,
    expected: ExpectedRevision,
    actual: CurrentRevision,
) -> String {
    format!(
        "Append failed due to WrongExpectedVersion. Stream: {stream}, Expected version: {}, Actual version: {}",
        signed(expected),
        signed_current(actual)
    )
}

pub(crate) fn wrong_expected_version(
    stream: &StreamName,
    expected: ExpectedRevision,
    actual: CurrentRevision,
) -> Status {
    exception(
        Code::FailedPrecondition,
        wrong_version_text(stream, expected, actual),
        "wrong-expected-version",
        &[
            ("stream-name", stream.as_str()),
            ("expected-version", &signed(expected).to_string()),
            ("actual-version", &signed_current(actual).to_string()),
        ],
    )
}

pub(crate) fn missing_metadata(required: &[&str]) -> Status {
    let required = required.join(",");
    exception(
        Code::InvalidArgument,
        format!("Required Metadata Property '{required}' is missing"),
        "missing-required-metadata-property",
        &[("required-metadata-properties", &required)],
    )
}

pub(crate) fn append_too_large(limit: usize) -> Status {
    exception(
        Code::InvalidArgument,
        format!("Maximum Append Size of {limit} Exceeded."),
        "maximum-append-size-exceeded",
        &[("maximum-append-size", &limit.to_string())],
    )
}

pub(crate) fn event_too_large(id: uuid::Uuid, bytes: usize, limit: usize) -> Status {
    exception(
        Code::InvalidArgument,
        format!("Event with Id: {id}, Size: {bytes}, exceeds Maximum Append Event Size of {limit}."),
        "maximum-append-event-size-exceeded",
        &[
            ("event-id", &id.to_string()),
            ("proposed-append-event-size", &bytes.to_string()),
            ("maximum-append-event-size", &limit.to_string()),
        ],
    )
}

pub(crate) fn user_not_found(login: &str) -> Status {
    let text = format!("User '{login}' is not found.");
    exception(Code::NotFound, text, "user-not-found", &[("login-name", login)])
}

pub(crate) fn user_conflict(login: &str) -> Status {
    exception(Code::FailedPrecondition, "Conflict.".to_owned(), "user-conflict", &[("login-name", login)])
}

pub(crate) fn scavenge_not_found(id: &str) -> Status {
    let text = format!("Scavenge id '{id}' is not found.");
    exception(Code::NotFound, text, "scavenge-not-found", &[("scavenge-id", id)])
}

/// An error about a group of consumers.
fn of_group(code: Code, text: String, name: &'static str, stream: &str, group: &str) -> Status {
    exception(code, text, name, &[("stream-name", stream), ("group-name", group)])
}

pub(crate) fn group_exists(stream: &str, group: &str) -> Status {
    let text = format!("Subscription group {group} on stream {stream} exists.");
    of_group(Code::AlreadyExists, text, "persistent-subscription-exists", stream, group)
}

pub(crate) fn group_missing(stream: &str, group: &str) -> Status {
    let text = format!("Subscription group {group} on stream {stream} does not exist.");
    of_group(Code::NotFound, text, "persistent-subscription-does-not-exist", stream, group)
}

/// There are as many consumers as there may be; clients look for the first words.
pub(crate) fn group_full(stream: &str, group: &str) -> Status {
    let text = format!("Maximum subscriptions reached for subscription group {group} on stream {stream}.");
    of_group(Code::FailedPrecondition, text, "maximum-subscribers-reached", stream, group)
}

pub(crate) fn group_dropped(stream: &str, group: &str) -> Status {
    let text = format!("Subscription group {group} on stream {stream} was dropped.");
    of_group(Code::Cancelled, text, "persistent-subscription-dropped", stream, group)
}

pub(crate) fn group_failed(stream: &str, group: &str, reason: &str) -> Status {
    exception(
        Code::Internal,
        format!("Subscription group {group} on stream {stream} failed: '{reason}'"),
        "persistent-subscription-failed",
        &[("stream-name", stream), ("group-name", group), ("reason", reason)],
    )
}

/// The words in which servers of the declared version tell it, and which clients look for.
pub(crate) fn projection_missing(name: &str) -> Status {
    tracing::debug!(name, "no such projection");
    Status::unknown("Envelope callback expected Updated, received NotFound instead")
}

pub(crate) fn projection_failed(why: &str) -> Status {
    Status::unknown(format!("Envelope callback expected Updated, received OperationFailed instead: {why}"))
}

/// An append that took too long; it may have been written.
pub(crate) fn timed_out(what: &str) -> Status {
    Status::aborted(format!("Operation timed out: {what}"))
}

/// A subscriber that left its messages where they were for too long.
pub(crate) fn too_slow() -> Status {
    Status::aborted("Consumer too slow to handle event while live. Client resubscription required.")
}

/// The node is going down.
pub(crate) fn stopping() -> Status {
    Status::unavailable("Server Is Not Ready: the node is stopping")
}

pub(crate) fn of_read(error: ReadError) -> Status {
    match error {
        ReadError::StreamDeleted { stream } => stream_deleted(&stream),
        ReadError::StreamNotFound { stream } => exception(
            Code::NotFound,
            format!("Event stream '{stream}' is not found."),
            "stream-not-found",
            &[("stream-name", stream.as_str())],
        ),
        ReadError::Unavailable(_) => Status::unavailable(format!("Server Is Not Ready: {error}")),
        ReadError::Corrupt(_) => Status::data_loss(error.to_string()),
        ReadError::Unsupported(what) => Status::unimplemented(what),
        ReadError::Invalid(fault) => Status::invalid_argument(fault),
        error => Status::internal(error.to_string()),
    }
}

pub(crate) fn of_append(error: AppendError) -> Status {
    match error {
        AppendError::Conflict { stream, expected, actual } => {
            wrong_expected_version(&stream, expected, actual)
        }
        AppendError::StreamDeleted { stream } => stream_deleted(&stream),
        AppendError::Unavailable(_) => Status::unavailable(format!("Server Is Not Ready: {error}")),
        AppendError::OutcomeUnknown(cause) => timed_out(&cause.to_string()),
        AppendError::DocumentConflict { .. } => Status::aborted(error.to_string()),
        AppendError::Corrupt(_) => Status::data_loss(error.to_string()),
        AppendError::Unsupported(what) => Status::unimplemented(what),
        AppendError::Invalid(fault) => Status::invalid_argument(fault),
        error => Status::internal(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_expectation_tells_three_trailers() {
        let stream = StreamName::new("konto-ä").unwrap();
        let status = wrong_expected_version(&stream, ExpectedRevision::Any, CurrentRevision::NoStream);
        assert_eq!(status.code(), Code::FailedPrecondition);
        let trailer = |key: &str| status.metadata().get(key).unwrap().to_str().unwrap().to_owned();
        assert_eq!(trailer("exception"), "wrong-expected-version");
        assert_eq!(trailer("stream-name"), "konto-%C3%A4");
        assert_eq!((trailer("expected-version"), trailer("actual-version")), ("-2".into(), "-1".into()));
    }
}
