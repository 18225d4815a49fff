//! Single appends: one call with one stream's events, one answer.

use std::time::Duration;

use engine_store::{AppendError, AppendRequest, Appended, NewEvent};
use engine_types::{CurrentRevision, ExpectedRevision, StreamName};
use tonic::{Response, Status, Streaming};

use crate::{
    auth::{self, Action, Caller},
    core::Core,
    grpc::{
        convert::{self, END, expected_in, name_in, position_out, proposed},
        status,
    },
    limits::Limits,
    proto::{
        Empty,
        streams::{
            self, AppendReq, AppendResp, append_req, append_resp,
            append_resp::{
                WrongExpectedVersion,
                wrong_expected_version::{
                    CurrentRevisionOption, CurrentRevisionOption2060, ExpectedRevisionOption,
                    ExpectedRevisionOption2060,
                },
            },
            appended::{CurrentRevisionOption as Revision, PositionOption},
        },
    },
};

/// Events on their way to one stream, and how large they are together.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) stream: StreamName,
    pub(super) expected: ExpectedRevision,
    pub(super) events: Vec<NewEvent>,
    bytes: usize,
}

impl Pending {
    pub(super) fn new(stream: StreamName, expected: ExpectedRevision) -> Self {
        Pending { stream, expected, events: Vec::new(), bytes: 0 }
    }

    /// Adds an event.
    ///
    /// # Errors
    /// It cannot be stored, or the append is too large with it.
    pub(super) fn add(
        &mut self,
        message: crate::proto::ProposedMessage,
        limits: &Limits,
    ) -> Result<(), Status> {
        let event = proposed(message, limits)?;
        self.bytes = self.bytes.saturating_add(convert::size(&event));
        if self.bytes > limits.append_bytes {
            return Err(status::append_too_large(limits.append_bytes));
        }
        self.events.push(event);
        Ok(())
    }

    /// What the store is asked for.
    pub(super) fn into_request(self) -> AppendRequest {
        AppendRequest::to(self.stream, self.expected, self.events)
    }
}

/// Takes the events of one call, and appends them.
pub(in crate::grpc) async fn append(
    core: &Core,
    caller: &Caller,
    mut messages: Streaming<AppendReq>,
) -> Result<Response<AppendResp>, Status> {
    let first = messages.message().await?.and_then(|message| message.content);
    let Some(append_req::Content::Options(options)) = first else {
        return Err(Status::invalid_argument("the first message of an append must be its options"));
    };
    let stream = name_in(options.stream_identifier.as_ref())?;
    auth::check(&*core.store, caller, &stream, Action::Write).await?;
    let mut pending = Pending::new(stream, expected_in(options.expected_revision.as_ref())?);
    while let Some(message) = messages.message().await? {
        match message.content {
            Some(append_req::Content::ProposedMessage(message)) => pending.add(message, &core.limits)?,
            _ => return Err(Status::invalid_argument("only the first message of an append has options")),
        }
    }
    let result = match store(core, pending.into_request()).await {
        Ok(appended) => append_resp::Result::Success(success(&appended)),
        Err(AppendError::Conflict { expected, actual, .. }) => {
            append_resp::Result::WrongExpectedVersion(wrong_version(expected, actual))
        }
        Err(error) => return Err(status::of_append(error)),
    };
    Ok(Response::new(AppendResp { result: Some(result) }))
}

/// Appends, within the patience of the node.
pub(in crate::grpc) async fn store(core: &Core, request: AppendRequest) -> Result<Appended, AppendError> {
    store_within(core.limits.append_patience, core, request).await
}

/// Appends, within this time.
pub(super) async fn store_within(
    patience: Duration,
    core: &Core,
    request: AppendRequest,
) -> Result<Appended, AppendError> {
    let events = request.streams.iter().map(|stream| stream.events.len() as u64).sum();
    let appended = match tokio::time::timeout(patience, core.store.append(request)).await {
        Ok(result) => result,
        Err(elapsed) => Err(AppendError::OutcomeUnknown(elapsed.into())),
    };
    match &appended {
        Ok(_) => {
            core.metrics.appends.add(1);
            core.metrics.events_written.add(events);
        }
        Err(AppendError::Conflict { .. }) => core.metrics.conflicts.add(1),
        Err(_) => core.metrics.failed_appends.add(1),
    }
    appended
}

/// The answer to an append that was carried out.
pub(super) fn success(appended: &Appended) -> streams::Appended {
    let revision = appended.streams.first().and_then(|stream| stream.revision.revision());
    streams::Appended {
        current_revision_option: Some(match revision {
            Some(revision) => Revision::CurrentRevision(revision.0),
            None => Revision::NoStream(Empty {}),
        }),
        position_option: Some(match appended.position {
            Some(position) => PositionOption::Position(position_out(position)),
            None => PositionOption::NoPosition(Empty {}),
        }),
    }
}

fn wrong_version(expected: ExpectedRevision, actual: CurrentRevision) -> WrongExpectedVersion {
    use {CurrentRevisionOption as Current, CurrentRevisionOption2060 as OldCurrent};
    use {ExpectedRevisionOption as Expected, ExpectedRevisionOption2060 as OldExpected};
    let (current, old_current) = match actual {
        CurrentRevision::At(revision) => {
            (Current::CurrentRevision(revision.0), OldCurrent::CurrentRevision2060(revision.0))
        }
        CurrentRevision::NoStream => (Current::CurrentNoStream(Empty {}), OldCurrent::NoStream2060(Empty {})),
    };
    let (expected, old_expected) = match expected {
        ExpectedRevision::Exact(revision) => {
            (Expected::ExpectedRevision(revision.0), OldExpected::ExpectedRevision2060(revision.0))
        }
        // The old form has no word for it.
        ExpectedRevision::NoStream => {
            (Expected::ExpectedNoStream(Empty {}), OldExpected::ExpectedRevision2060(END))
        }
        ExpectedRevision::Any => (Expected::ExpectedAny(Empty {}), OldExpected::Any2060(Empty {})),
        ExpectedRevision::StreamExists => {
            (Expected::ExpectedStreamExists(Empty {}), OldExpected::StreamExists2060(Empty {}))
        }
    };
    WrongExpectedVersion {
        current_revision_option: Some(current),
        current_revision_option_20_6_0: Some(old_current),
        expected_revision_option: Some(expected),
        expected_revision_option_20_6_0: Some(old_expected),
    }
}
