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
use futures_util::{
    FutureExt, StreamExt,
    stream::{self, FuturesUnordered, Stream},
};
use prost::Message;
use tonic::{Code, Status, Streaming};

use super::append::{Pending, store_within, success};
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

/// One call: what has come of it, and what is not yet answered.
struct Batch {
    core: Arc<Core>,
    caller: Caller,
    messages: Streaming<BatchAppendReq>,
    open: HashMap<uuid::Uuid, Open>,
    waiting: FuturesUnordered<Waiting>,
    /// Whether the client may send more.
    more: bool,
}

/// Takes appends until the client has no more, and all are answered.
///
/// Whoever takes the answers carries out the appends: while the client leaves its answers where they are, the call is
/// not read on.
pub(in crate::grpc) fn append(
    core: Arc<Core>,
    caller: Caller,
    messages: Streaming<BatchAppendReq>,
) -> impl Stream<Item = Result<BatchAppendResp, Status>> + Send {
    let (open, waiting) = (HashMap::new(), FuturesUnordered::new());
    let batch = Batch { core, caller, messages, open, waiting, more: true };
    stream::unfold(batch, async |mut batch| Some((batch.next().await?, batch)))
}

impl Batch {
    /// The next answer. What is stored comes before what is asked for.
    async fn next(&mut self) -> Option<Result<BatchAppendResp, Status>> {
        let limit = self.core.limits.batch_appends.max(1);
        while self.more || !self.waiting.is_empty() {
            tokio::select! {
                biased;
                Some(answer) = self.waiting.next() => return Some(Ok(answer)),
                message = self.messages.message(), if self.more && self.waiting.len() < limit => match message {
                    Ok(Some(message)) => if let Some(answer) = self.take(message).await {
                        return Some(Ok(answer));
                    },
                    Ok(None) => self.more = false,
                    Err(_) => return None,
                },
                () = self.core.stopping.cancelled(), if self.waiting.is_empty() => {
                    self.more = false;
                    return Some(Err(status::stopping()));
                }
            }
        }
        None
    }

    /// Takes one message; answers at once where that is possible.
    async fn take(&mut self, message: BatchAppendReq) -> Option<BatchAppendResp> {
        let correlation = message.correlation_id.clone();
        let refused = |fault: Status| Some(answer(correlation.clone(), None, Err(Refusal::Invalid(fault))));
        let id = match id_in(correlation.as_ref()) {
            Ok(id) => id,
            Err(fault) => return refused(fault),
        };
        let limits = &self.core.limits;
        if let Some(options) = message.options {
            let begun = match begin(&self.core, &self.caller, &options).await {
                Ok(begun) => begun,
                Err(fault) => return refused(fault),
            };
            if self.open.len() >= limits.batch_appends.max(1) && !self.open.contains_key(&id) {
                return refused(Status::invalid_argument("too many appends of one call are incomplete"));
            }
            self.open.insert(id, begun);
        }
        // What was refused at its options is not heard of again.
        let append = self.open.get_mut(&id)?;
        for message in message.proposed_messages {
            if append.fault.is_none()
                && let Err(fault) = append.pending.add(message, limits)
            {
                append.fault = Some(fault);
                append.pending.events = Vec::new();
            }
        }
        if !message.is_final {
            return None;
        }
        let Open { pending, deadline, fault } = self.open.remove(&id)?;
        match fault {
            Some(fault) => Some(answer(correlation, Some(&pending.stream), Err(Refusal::Invalid(fault)))),
            None => self.store(correlation, pending, deadline),
        }
    }

    /// Hands an append to the store; answers at once where it does.
    fn store(
        &mut self,
        correlation: Option<proto::Uuid>,
        pending: Pending,
        deadline: Duration,
    ) -> Option<BatchAppendResp> {
        let core = self.core.clone();
        let mut storing: Waiting = Box::pin(async move {
            let stream = pending.stream.clone();
            let outcome = store(&core, pending, deadline).await;
            answer(correlation, Some(&stream), outcome)
        });
        // Polled here for the first time, so that appends reach the store in their order.
        let answered = (&mut storing).now_or_never();
        if answered.is_none() {
            self.waiting.push(storing);
        }
        answered
    }
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
    store_within(deadline, core, pending.into_request()).await.map_err(|error| match error {
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
        Ok(appended) => batch_append_resp::Result::Success(success(&appended)),
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::body::Body;
    use bytes::{BufMut, Bytes};
    use engine_store::{AppendRequest, EventStore, layer::Layer, memory::MemoryStore};
    use tokio::sync::Semaphore;
    use tonic_prost::ProstDecoder;

    use super::*;
    use crate::{core::testing, limits::Limits};

    /// How many appends of a batch may wait for the store in these tests.
    const LIMIT: usize = 4;

    /// How many appends a client sends.
    const SENT: usize = 3 * LIMIT;

    /// A store that answers so many appends as there are permits.
    #[derive(Debug, Clone)]
    struct Slow {
        inner: MemoryStore,
        permits: Arc<Semaphore>,
    }

    #[async_trait::async_trait]
    impl Layer for Slow {
        fn inner(&self) -> &dyn EventStore {
            &self.inner
        }

        async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
            self.permits.acquire().await.unwrap().forget();
            self.inner.append(request).await
        }
    }

    fn asked(number: usize) -> BatchAppendReq {
        let stream = StreamName::new(format!("account-{number}")).unwrap();
        BatchAppendReq {
            correlation_id: Some(id_out(uuid::Uuid::from_u128(number as u128), IdForm::Text)),
            options: Some(batch_append_req::Options {
                stream_identifier: Some(name_out(&stream)),
                expected_revision: Some(batch_append_req::options::ExpectedRevision::Any(proto::Empty {})),
                deadline_option: None,
            }),
            proposed_messages: Vec::new(),
            is_final: true,
        }
    }

    fn on_the_wire(message: &BatchAppendReq) -> Bytes {
        let mut framed = Vec::new();
        framed.put_u8(0);
        framed.put_u32(u32::try_from(message.encoded_len()).unwrap());
        message.encode(&mut framed).unwrap();
        framed.into()
    }

    /// Messages that are sent each for itself, and how many of them were taken.
    fn sent(messages: Vec<BatchAppendReq>) -> (Streaming<BatchAppendReq>, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = taken.clone();
        let frames = stream::iter(messages).map(move |message| {
            count.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::convert::Infallible>(on_the_wire(&message))
        });
        let body = Body::from_stream(frames);
        (Streaming::new_request(ProstDecoder::<BatchAppendReq>::default(), body, None, None), taken)
    }

    fn number(answer: Result<BatchAppendResp, Status>) -> u128 {
        let answer = answer.unwrap();
        assert!(matches!(answer.result, Some(batch_append_resp::Result::Success(_))), "{answer:?}");
        id_in(answer.correlation_id.as_ref()).unwrap().as_u128()
    }

    #[tokio::test]
    async fn a_call_is_read_no_further_than_its_appends_may_wait_for_the_store() {
        let store = Slow { inner: MemoryStore::new(), permits: Arc::new(Semaphore::new(SENT)) };
        let limits = Limits { batch_appends: LIMIT, ..Limits::default() };
        let core = testing::core_over(Arc::new(store.clone()), limits).await;
        store.permits.forget_permits(Semaphore::MAX_PERMITS);
        let (messages, taken) = sent((0..SENT).map(asked).collect());
        let mut answers = Box::pin(append(core, Caller::Trusted, messages));
        assert!(answers.next().now_or_never().is_none(), "the store has not answered");
        assert_eq!(taken.load(Ordering::SeqCst), LIMIT);
        store.permits.add_permits(1);
        assert_eq!(number(answers.next().await.unwrap()), 0);
        assert!(answers.next().now_or_never().is_none());
        assert_eq!(taken.load(Ordering::SeqCst), LIMIT + 1);
        store.permits.add_permits(SENT);
        let mut rest: Vec<_> = answers.map(number).collect().await;
        rest.sort_unstable();
        assert!(rest.into_iter().eq(1..SENT as u128), "each is answered, and the call ends");
    }

    #[tokio::test]
    async fn while_nobody_takes_the_answers_the_call_is_not_read_on() {
        let (messages, taken) = sent((0..SENT).map(asked).collect());
        let mut answers = Box::pin(append(testing::core().await, Caller::Trusted, messages));
        for expected in 0..3 {
            assert_eq!(taken.load(Ordering::SeqCst), expected);
            assert_eq!(number(answers.next().await.unwrap()), expected as u128);
        }
    }

    #[tokio::test]
    async fn a_call_that_waits_for_its_client_is_ended_when_the_node_stops() {
        let core = testing::core().await;
        let body = Body::from_stream(stream::pending::<Result<Bytes, std::convert::Infallible>>());
        let messages = Streaming::new_request(ProstDecoder::<BatchAppendReq>::default(), body, None, None);
        let mut answers = Box::pin(append(core.clone(), Caller::Trusted, messages));
        assert!(answers.next().now_or_never().is_none());
        core.stopping.cancel();
        assert_eq!(answers.next().await.unwrap().unwrap_err().code(), Code::Unavailable);
        assert!(answers.next().await.is_none());
    }

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
