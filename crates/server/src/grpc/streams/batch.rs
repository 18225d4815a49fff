//! Batched appends: one call carries many appends, told apart by a correlation id, each answered when it is stored.
//!
//! Appends go to the store in the order in which they became complete. The call is not read on while too many of
//! them wait; one that fails does not end it.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::Arc,
    time::{Duration, SystemTime},
};

use engine_store::{AppendError, Appended};
use engine_types::{CurrentRevision, ExpectedRevision, StreamName};
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use prost::Message;
use tokio::sync::mpsc;
use tonic::{Code, Status, Streaming};

use super::append::{self, Pending};
use crate::{
    auth::{self, Action, Caller},
    core::Core,
    grpc::{
        convert::{self, IdForm, id_in, id_out, name_in, name_out},
        status,
    },
    proto::{
        self, google,
        streams::{
            BatchAppendReq, BatchAppendResp, batch_append_req, batch_append_req::options::DeadlineOption,
            batch_append_resp,
        },
    },
};

/// What came of one append.
type Outcome = Result<Appended, Refusal>;
type Waiting = Pin<Box<dyn Future<Output = BatchAppendResp> + Send>>;

/// Why an append of a batch was not carried out.
#[derive(Debug)]
enum Refusal {
    Store(AppendError),
    /// Its time was over before it was complete, or while it waited.
    Deadline,
    /// It is not in order.
    Invalid(Status),
}

/// An append whose messages have not all come yet.
struct Open {
    pending: Pending,
    deadline: Duration,
    /// What is wrong with it. It is told when the append is complete.
    fault: Option<Status>,
}

/// Takes appends until the client has no more, and all are answered.
pub(super) async fn run(
    core: Arc<Core>,
    caller: Caller,
    mut messages: Streaming<BatchAppendReq>,
    answers: mpsc::Sender<Result<BatchAppendResp, Status>>,
) {
    let mut open: HashMap<uuid::Uuid, Open> = HashMap::new();
    let mut waiting: FuturesUnordered<Waiting> = FuturesUnordered::new();
    let limit = core.limits.batch_appends.max(1);
    let mut more = true;
    while more || !waiting.is_empty() {
        let answer = tokio::select! {
            Some(answer) = waiting.next() => Some(Ok(answer)),
            message = messages.message(), if more && waiting.len() < limit => match message {
                Ok(Some(message)) => take(&core, &caller, &mut open, message, &mut waiting).await.map(Ok),
                Ok(None) => { more = false; None }
                Err(_) => return,
            },
            () = answers.closed() => return,
            () = core.stopping.cancelled(), if waiting.is_empty() => Some(Err(status::stopping())),
        };
        let over = matches!(answer, Some(Err(_)));
        if let Some(answer) = answer
            && (answers.send(answer).await.is_err() || over)
        {
            return;
        }
    }
}

/// Takes one message; answers at once where that is possible.
async fn take(
    core: &Arc<Core>,
    caller: &Caller,
    open: &mut HashMap<uuid::Uuid, Open>,
    message: BatchAppendReq,
    waiting: &mut FuturesUnordered<Waiting>,
) -> Option<BatchAppendResp> {
    let correlation = message.correlation_id.clone();
    let refused = |fault: Status| Some(answer(correlation.clone(), None, Err(Refusal::Invalid(fault))));
    let id = match id_in(correlation.as_ref()) {
        Ok(id) => id,
        Err(fault) => return refused(fault),
    };
    if let Some(options) = message.options {
        let begun = match begin(core, caller, &options).await {
            Ok(begun) => begun,
            Err(fault) => return refused(fault),
        };
        if open.len() >= core.limits.batch_appends.max(1) && !open.contains_key(&id) {
            return refused(Status::invalid_argument("too many appends of one call are incomplete"));
        }
        open.insert(id, begun);
    }
    // What was refused at its options is not heard of again.
    let append = open.get_mut(&id)?;
    for message in message.proposed_messages {
        if append.fault.is_none()
            && let Err(fault) = append.pending.add(message, &core.limits)
        {
            append.fault = Some(fault);
            append.pending.events = Vec::new();
        }
    }
    if !message.is_final {
        return None;
    }
    let Open { pending, deadline, fault } = open.remove(&id)?;
    let stream = pending.stream.clone();
    if let Some(fault) = fault {
        return Some(answer(correlation, Some(&stream), Err(Refusal::Invalid(fault))));
    }
    let core = core.clone();
    let mut storing: Waiting = Box::pin(async move {
        let outcome = store(&core, pending, deadline).await;
        answer(correlation, Some(&stream), outcome)
    });
    // Polled here for the first time, so that appends reach the store in their order.
    let answered = (&mut storing).now_or_never();
    if answered.is_none() {
        waiting.push(storing);
    }
    answered
}

async fn begin(core: &Core, caller: &Caller, options: &batch_append_req::Options) -> Result<Open, Status> {
    use batch_append_req::options::ExpectedRevision as Wire;
    use proto::write_options::ExpectedRevision as Known;
    let stream = name_in(options.stream_identifier.as_ref())?;
    auth::check(&*core.store, caller, &stream, Action::Write).await?;
    let expected = options.expected_revision.as_ref().map(|expected| match expected {
        Wire::Revision(revision) => Known::Revision(*revision),
        Wire::NoStream(empty) => Known::NoStream(*empty),
        Wire::Any(empty) => Known::Any(*empty),
        Wire::StreamExists(empty) => Known::StreamExists(*empty),
    });
    let expected = convert::expected_in(expected.as_ref())?;
    Ok(Open {
        pending: Pending::new(stream, expected),
        deadline: patience(options.deadline_option.as_ref()).min(core.limits.append_patience),
        fault: None,
    })
}

/// How long the client wants to wait. Some say so in thousands of years.
fn patience(deadline: Option<&DeadlineOption>) -> Duration {
    match deadline {
        None => Duration::MAX,
        Some(DeadlineOption::Deadline(duration)) => length(duration.seconds, duration.nanos),
        Some(DeadlineOption::Deadline21100(until)) => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            length(until.seconds, until.nanos).saturating_sub(now)
        }
    }
}

fn length(seconds: i64, nanos: i32) -> Duration {
    match (u64::try_from(seconds), u32::try_from(nanos)) {
        (Ok(seconds), Ok(nanos)) => Duration::new(seconds, nanos.min(999_999_999)),
        _ => Duration::ZERO,
    }
}

async fn store(core: &Core, pending: Pending, deadline: Duration) -> Outcome {
    if deadline.is_zero() {
        return Err(Refusal::Deadline);
    }
    append::store_within(deadline, core, pending.into_request()).await.map_err(|error| match error {
        AppendError::OutcomeUnknown(_) => Refusal::Deadline,
        error => Refusal::Store(error),
    })
}

fn answer(
    correlation_id: Option<proto::Uuid>,
    stream: Option<&StreamName>,
    outcome: Outcome,
) -> BatchAppendResp {
    let result = match outcome {
        Ok(appended) => batch_append_resp::Result::Success(append::success(&appended)),
        Err(refusal) => batch_append_resp::Result::Error(error(refusal)),
    };
    BatchAppendResp {
        correlation_id: Some(correlation_id.unwrap_or_else(|| id_out(uuid::Uuid::nil(), IdForm::Text))),
        result: Some(result),
        stream_identifier: Some(stream.map(name_out).unwrap_or_default()),
    }
}

/// The error inside the answer: a code, the name of the detail, and the detail.
fn error(refusal: Refusal) -> google::rpc::Status {
    match refusal {
        Refusal::Deadline => detail(Code::DeadlineExceeded, "Timeout", &proto::Timeout {}),
        Refusal::Invalid(fault) => invalid(&fault),
        Refusal::Store(AppendError::Conflict { expected, actual, .. }) => {
            detail(Code::AlreadyExists, "WrongExpectedVersion", &wrong_version(expected, actual))
        }
        Refusal::Store(AppendError::StreamDeleted { stream }) => {
            let deleted = proto::StreamDeleted { stream_identifier: Some(name_out(&stream)) };
            detail(Code::NotFound, "StreamDeleted", &deleted)
        }
        Refusal::Store(AppendError::Invalid(fault)) => invalid(&Status::invalid_argument(fault)),
        Refusal::Store(error) => {
            let status = status::of_append(error);
            google::rpc::Status {
                code: status.code() as i32,
                message: status.message().to_owned(),
                details: Some(any("google.protobuf.Empty", Vec::new())),
            }
        }
    }
}

fn invalid(fault: &Status) -> google::rpc::Status {
    let trailer = |key: &str| fault.metadata().get(key).and_then(|value| value.to_str().ok());
    let number = |key: &str| trailer(key).and_then(|value| value.parse().ok()).unwrap_or_default();
    match trailer("exception") {
        Some("maximum-append-size-exceeded") => detail(
            Code::InvalidArgument,
            "MaximumAppendSizeExceeded",
            &proto::MaximumAppendSizeExceeded { max_append_size: number("maximum-append-size") },
        ),
        Some("maximum-append-event-size-exceeded") => detail(
            Code::InvalidArgument,
            "MaximumAppendEventSizeExceeded",
            &proto::MaximumAppendEventSizeExceeded {
                event_id: trailer("event-id").unwrap_or_default().to_owned(),
                proposed_event_size: number("proposed-append-event-size"),
                max_append_event_size: number("maximum-append-event-size"),
            },
        ),
        Some("access-denied") => detail(Code::PermissionDenied, "AccessDenied", &proto::AccessDenied {}),
        _ => {
            let request = proto::BadRequest { message: fault.message().to_owned() };
            google::rpc::Status {
                message: request.message.clone(),
                ..detail(Code::InvalidArgument, "BadRequest", &request)
            }
        }
    }
}

fn wrong_version(expected: ExpectedRevision, actual: CurrentRevision) -> proto::WrongExpectedVersion {
    use proto::wrong_expected_version::{
        CurrentStreamRevisionOption as Current, ExpectedStreamPositionOption as Expected,
    };
    proto::WrongExpectedVersion {
        current_stream_revision_option: Some(match actual {
            CurrentRevision::At(revision) => Current::CurrentStreamRevision(revision.0),
            CurrentRevision::NoStream => Current::CurrentNoStream(()),
        }),
        expected_stream_position_option: Some(match expected {
            ExpectedRevision::Exact(revision) => Expected::ExpectedStreamPosition(revision.0),
            ExpectedRevision::Any => Expected::ExpectedAny(()),
            ExpectedRevision::StreamExists => Expected::ExpectedStreamExists(()),
            ExpectedRevision::NoStream => Expected::ExpectedNoStream(()),
        }),
    }
}

fn detail<M: Message>(code: Code, name: &str, detail: &M) -> google::rpc::Status {
    google::rpc::Status {
        code: code as i32,
        message: name.to_owned(),
        details: Some(any(&format!("event_store.client.{name}"), detail.encode_to_vec())),
    }
}

fn any(name: &str, value: Vec<u8>) -> prost_types::Any {
    prost_types::Any { type_url: format!("type.googleapis.com/{name}"), value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_of_ten_thousand_years_and_none_at_all_are_both_understood() {
        let long = DeadlineOption::Deadline(prost_types::Duration { seconds: 315_576_000_000, nanos: 0 });
        assert_eq!(patience(Some(&long)), Duration::from_secs(315_576_000_000));
        let past = DeadlineOption::Deadline21100(prost_types::Timestamp { seconds: 1, nanos: 0 });
        assert_eq!(patience(Some(&past)), Duration::ZERO);
        let negative = DeadlineOption::Deadline(prost_types::Duration { seconds: -1, nanos: 5 });
        assert_eq!(patience(Some(&negative)), Duration::ZERO);
        assert_eq!(patience(None), Duration::MAX);
    }

    #[test]
    fn each_refusal_has_the_code_and_the_detail_that_clients_look_for() {
        let stream = StreamName::new("account-1").unwrap();
        let conflict = AppendError::Conflict {
            stream: stream.clone(),
            expected: ExpectedRevision::NoStream,
            actual: CurrentRevision::NoStream,
        };
        let wanted = [
            (Refusal::Store(conflict), Code::AlreadyExists, "WrongExpectedVersion"),
            (Refusal::Store(AppendError::StreamDeleted { stream }), Code::NotFound, "StreamDeleted"),
            (Refusal::Deadline, Code::DeadlineExceeded, "Timeout"),
            (
                Refusal::Invalid(status::append_too_large(7)),
                Code::InvalidArgument,
                "MaximumAppendSizeExceeded",
            ),
            (Refusal::Invalid(status::access_denied()), Code::PermissionDenied, "AccessDenied"),
        ];
        for (refusal, code, name) in wanted {
            let status = error(refusal);
            assert_eq!((status.code, status.message.as_str()), (code as i32, name));
            let expected = format!("type.googleapis.com/event_store.client.{name}");
            assert_eq!(status.details.unwrap().type_url, expected);
        }
    }
}
