//! The service `StreamsService` of the second protocol: appends to several streams, all or nothing.
//!
//! A store takes the events of one append stream by stream, so records of several streams that a client interleaves
//! are next to those of their own stream in `$all`.

mod errors;
mod records;

use std::sync::Arc;

use engine_store::{AppendError, AppendRequest, Appended, StreamAppend};
use engine_types::{ExpectedRevision, Revision, StreamName};
use tonic::{Request, Response, Status, Streaming};

use self::records::Sizes;
use super::convert::name_of_text;
use crate::{
    auth::{self, Action, Caller},
    core::Core,
    proto::kurrentdb::protocol::v2::streams::{
        self as wire, AppendRecordsRequest, AppendRecordsResponse, AppendResponse, AppendSessionResponse,
        ConsistencyCheck, StreamRevision, consistency_check,
        streams_service_server::{self, StreamsServiceServer},
    },
};

pub(super) const METHODS: super::Methods =
    (streams_service_server::SERVICE_NAME, &[("appendsession", &[]), ("appendrecords", &[])]);

/// The service.
pub(super) fn service(core: Arc<Core>) -> StreamsServiceServer<Service> {
    let bytes = core.limits.message_bytes;
    StreamsServiceServer::new(Service { core }).max_decoding_message_size(bytes)
}

#[derive(Debug)]
pub(super) struct Service {
    core: Arc<Core>,
}

#[tonic::async_trait]
impl streams_service_server::StreamsService for Service {
    async fn append_session(
        &self,
        request: Request<Streaming<wire::AppendRequest>>,
    ) -> Result<Response<AppendSessionResponse>, Status> {
        let caller = super::caller(&request);
        let mut messages = request.into_inner();
        let mut sizes = Sizes::new(&self.core.limits);
        let mut parts: Vec<StreamAppend> = Vec::new();
        while let Some(message) = messages.message().await? {
            let stream = name_of_text(&message.stream)?;
            if parts.iter().any(|part| part.stream == stream) {
                return Err(errors::already_in_session(&stream));
            }
            auth::check(&*self.core.store, &caller, &stream, Action::Write).await?;
            let events = records::events(&stream, message.records, &mut sizes)?;
            if events.is_empty() {
                return Err(Status::invalid_argument(format!("no record is to be appended to `{stream}`")));
            }
            let expected = expected(message.expected_revision.unwrap_or(ANY))?;
            parts.push(StreamAppend { stream, expected, events });
        }
        if parts.is_empty() {
            return Err(Status::failed_precondition("an append session needs at least one request"));
        }
        let appended = self.append(parts).await.map_err(errors::of_session)?;
        let position = position(&appended);
        let output = appended.streams.into_iter().map(|part| AppendResponse {
            stream_revision: revision(part.revision),
            stream: part.stream.into(),
            position: None,
        });
        Ok(Response::new(AppendSessionResponse { output: output.collect(), position }))
    }

    async fn append_records(
        &self,
        request: Request<AppendRecordsRequest>,
    ) -> Result<Response<AppendRecordsResponse>, Status> {
        let caller = super::caller(&request);
        let AppendRecordsRequest { records, checks } = request.into_inner();
        let mut parts = self.by_stream(&caller, records).await?;
        let written = parts.len();
        if written == 0 {
            return Err(Status::invalid_argument("at least one record is needed"));
        }
        let checked = self.conditions(&caller, checks, &mut parts).await?;
        let appended = self.append(parts).await.map_err(|error| errors::of_records(error, &checked))?;
        let position = position(&appended);
        let revisions = appended
            .streams
            .into_iter()
            .take(written)
            .map(|part| StreamRevision { revision: revision(part.revision), stream: part.stream.into() });
        Ok(Response::new(AppendRecordsResponse { revisions: revisions.collect(), position }))
    }
}

impl Service {
    async fn append(&self, parts: Vec<StreamAppend>) -> Result<Appended, AppendError> {
        super::streams::store(&self.core, AppendRequest::to_many(parts)).await
    }

    /// Records that name their stream each, sorted by it.
    async fn by_stream(
        &self,
        caller: &Caller,
        records: Vec<wire::AppendRecord>,
    ) -> Result<Vec<StreamAppend>, Status> {
        let mut sizes = Sizes::new(&self.core.limits);
        let mut parts: Vec<StreamAppend> = Vec::new();
        for record in records {
            let stream = name_of_text(record.stream.as_deref().unwrap_or_default())?;
            let events = records::events(&stream, vec![record], &mut sizes)?;
            if let Some(part) = parts.iter_mut().find(|part| part.stream == stream) {
                part.events.extend(events);
            } else {
                auth::check(&*self.core.store, caller, &stream, Action::Write).await?;
                parts.push(StreamAppend { stream, expected: ExpectedRevision::Any, events });
            }
        }
        Ok(parts)
    }

    /// What must hold for the append: of the streams that are written, and of others. Tells the checks in their order.
    async fn conditions(
        &self,
        caller: &Caller,
        checks: Vec<ConsistencyCheck>,
        parts: &mut Vec<StreamAppend>,
    ) -> Result<Vec<(StreamName, i64)>, Status> {
        let mut checked = Vec::with_capacity(checks.len());
        for check in checks {
            let Some(consistency_check::Type::StreamState(check)) = check.r#type else {
                return Err(Status::invalid_argument("a check says nothing"));
            };
            let stream = name_of_text(&check.stream)?;
            if checked.iter().any(|(known, _)| *known == stream) {
                return Err(Status::invalid_argument(format!("`{stream}` is checked twice")));
            }
            let expected = expected(check.expected_state)?;
            if let Some(part) = parts.iter_mut().find(|part| part.stream == stream) {
                part.expected = expected;
            } else {
                auth::check(&*self.core.store, caller, &stream, Action::Read).await?;
                parts.push(StreamAppend { stream: stream.clone(), expected, events: Vec::new() });
            }
            checked.push((stream, check.expected_state));
        }
        Ok(checked)
    }
}

const ANY: i64 = -2;

fn expected(number: i64) -> Result<ExpectedRevision, Status> {
    match (u64::try_from(number), number) {
        (Ok(revision), _) => Ok(ExpectedRevision::Exact(Revision(revision))),
        (_, -1) => Ok(ExpectedRevision::NoStream),
        (_, ANY) => Ok(ExpectedRevision::Any),
        (_, -4) => Ok(ExpectedRevision::StreamExists),
        (_, -10) => Err(Status::unimplemented("a check that a stream is deleted is not offered")),
        _ => Err(Status::invalid_argument(format!("`{number}` is no expected revision"))),
    }
}

fn revision(current: engine_types::CurrentRevision) -> i64 {
    super::convert::signed_current(current)
}

fn position(appended: &Appended) -> i64 {
    appended.position.map_or(-1, |position| position.0.cast_signed())
}
