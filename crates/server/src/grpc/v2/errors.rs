//! How the second protocol tells errors: the code, and a detail in the trailer `grpc-status-details-bin`.

use engine_store::AppendError;
use engine_types::StreamName;
use prost::Message;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    grpc::{
        convert::{signed, signed_current},
        status,
    },
    proto::{
        google,
        kurrentdb::protocol::v2::streams::errors::{
            AppendConsistencyViolationErrorDetails, AppendRecordSizeExceededErrorDetails,
            AppendTransactionSizeExceededErrorDetails, ConsistencyViolation,
            StreamAlreadyInAppendSessionErrorDetails, StreamRevisionConflictErrorDetails,
            StreamTombstonedErrorDetails,
            consistency_violation::{self, StreamStateViolation},
        },
    },
};

fn with_detail<M: Message>(code: Code, text: String, name: &str, detail: &M) -> Status {
    let status = google::rpc::Status {
        code: code as i32,
        message: text.clone(),
        details: Some(prost_types::Any {
            type_url: format!("type.googleapis.com/kurrentdb.protocol.v2.streams.errors.{name}"),
            value: detail.encode_to_vec(),
        }),
    };
    Status::with_details(code, text, status.encode_to_vec().into())
}

pub(super) fn already_in_session(stream: &StreamName) -> Status {
    with_detail(
        Code::Aborted,
        format!("Stream '{stream}' is in this append session already."),
        "StreamAlreadyInAppendSessionErrorDetails",
        &StreamAlreadyInAppendSessionErrorDetails { stream: stream.to_string() },
    )
}

pub(super) fn record_too_large(stream: &StreamName, id: Uuid, bytes: usize, limit: usize) -> Status {
    with_detail(
        Code::InvalidArgument,
        format!("Record {id} for stream '{stream}' has {bytes} bytes, over the limit of {limit}."),
        "AppendRecordSizeExceededErrorDetails",
        &AppendRecordSizeExceededErrorDetails {
            stream: stream.to_string(),
            record_id: id.to_string(),
            size: i32::try_from(bytes).unwrap_or(i32::MAX),
            max_size: i32::try_from(limit).unwrap_or(i32::MAX),
        },
    )
}

pub(super) fn session_too_large(bytes: usize, limit: usize) -> Status {
    with_detail(
        Code::Aborted,
        format!("The append has {bytes} bytes or more, over the limit of {limit}: split it."),
        "AppendTransactionSizeExceededErrorDetails",
        &AppendTransactionSizeExceededErrorDetails {
            size: i32::try_from(bytes).unwrap_or(i32::MAX),
            max_size: i32::try_from(limit).unwrap_or(i32::MAX),
        },
    )
}

/// What an append session fails with.
pub(super) fn of_session(error: AppendError) -> Status {
    match error {
        AppendError::Conflict { stream, expected, actual } => with_detail(
            Code::FailedPrecondition,
            status::wrong_version_text(&stream, expected, actual),
            "StreamRevisionConflictErrorDetails",
            &StreamRevisionConflictErrorDetails {
                stream: stream.to_string(),
                expected_revision: signed(expected),
                actual_revision: signed_current(actual),
            },
        ),
        AppendError::StreamDeleted { stream } => with_detail(
            Code::FailedPrecondition,
            format!("Stream '{stream}' has been tombstoned."),
            "StreamTombstonedErrorDetails",
            &StreamTombstonedErrorDetails { stream: stream.to_string() },
        ),
        error => status::of_append(error),
    }
}

/// What an append with checks fails with: a conflict with one of them names it.
pub(super) fn of_records(error: AppendError, checks: &[(StreamName, i64)]) -> Status {
    let AppendError::Conflict { stream, expected, actual } = &error else { return of_session(error) };
    let Some(index) = checks.iter().position(|(checked, _)| checked == stream) else {
        return of_session(error);
    };
    let violation = StreamStateViolation {
        stream: stream.to_string(),
        expected_state: checks[index].1,
        actual_state: signed_current(*actual),
    };
    with_detail(
        Code::FailedPrecondition,
        status::wrong_version_text(stream, *expected, *actual),
        "AppendConsistencyViolationErrorDetails",
        &AppendConsistencyViolationErrorDetails {
            violations: vec![ConsistencyViolation {
                check_index: i32::try_from(index).unwrap_or(i32::MAX),
                r#type: Some(consistency_violation::Type::StreamState(violation)),
            }],
        },
    )
}
