//! The service `Streams`: reading, subscribing, appending, deleting.

mod append;
mod batch;
mod delete;
mod read;
mod reply;
mod request;
mod subscribe;

use std::{pin::Pin, sync::Arc};

use engine_store::{DeleteMode, ReadStream};
use futures_util::stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use self::{
    read::Reader,
    reply::Form,
    request::{Reading, What},
};
use crate::{
    auth::{self, Action},
    core::Core,
    proto::streams::{
        AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq, ReadResp,
        streams_server::{self, StreamsServer},
    },
};

pub(super) use append::{append, store};
pub(super) use batch::append as batch_append;

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// What clients are told that this service can do.
pub(super) const METHODS: super::Methods = (
    streams_server::SERVICE_NAME,
    &[
        ("read", &["position", "events"]),
        ("append", &[]),
        ("delete", &[]),
        ("tombstone", &[]),
        ("batchappend", &["deadline_duration"]),
    ],
);

/// The service.
pub(super) fn service(core: Arc<Core>) -> StreamsServer<Service> {
    let bytes = core.limits.message_bytes;
    StreamsServer::new(Service { core })
        .max_decoding_message_size(bytes)
        .max_encoding_message_size(usize::MAX)
}

#[derive(Debug)]
pub(super) struct Service {
    core: Arc<Core>,
}

#[tonic::async_trait]
impl streams_server::Streams for Service {
    type ReadStream = Answers<ReadResp>;
    type BatchAppendStream = Answers<BatchAppendResp>;

    async fn read(&self, request: Request<ReadReq>) -> Result<Response<Self::ReadStream>, Status> {
        let core = self.core.clone();
        let caller = super::caller(&request);
        let reading = Reading::parse(request.into_inner(), &core.limits)?;
        match &reading.what {
            What::Stream { stream, .. } | What::SubscribeStream { stream, .. } => {
                auth::check(&*core.store, &caller, stream, Action::Read).await?;
            }
            What::All { .. } | What::SubscribeAll { .. } => auth::check_all(&*core.store, &caller).await?,
        }
        let form = Form { resolve_links: reading.resolve_links, ids: reading.ids, caller };
        let answers: Self::ReadStream = match reading.what {
            What::Stream { stream, from, direction, count, tell_ends } => {
                let limit = core.limits.page_events;
                let request = ReadStream { stream, from, direction, limit };
                Box::pin(Reader::stream(core, form, request, count, tell_ends).await?.into_stream())
            }
            What::All { from, direction, count, filter } => {
                Box::pin(Reader::all(core, form, from, direction, count, filter).await?.into_stream())
            }
            What::SubscribeStream { stream, from } => {
                Box::pin(subscribe::begin(core, subscribe::Source::Stream(stream, from), form).await?)
            }
            What::SubscribeAll { from, filter, window } => {
                Box::pin(subscribe::begin(core, subscribe::Source::All(from, filter, window), form).await?)
            }
        };
        Ok(Response::new(answers))
    }

    async fn append(&self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        let caller = super::caller(&request);
        append(&self.core, &caller, request.into_inner()).await
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        let caller = super::caller(&request);
        delete::delete(&self.core, &caller, request.into_inner(), DeleteMode::Soft).await.map(Response::new)
    }

    async fn tombstone(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        let caller = super::caller(&request);
        delete::delete(&self.core, &caller, request.into_inner(), DeleteMode::Tombstone)
            .await
            .map(Response::new)
    }

    async fn batch_append(
        &self,
        request: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        let caller = super::caller(&request);
        Ok(Response::new(Box::pin(batch_append(self.core.clone(), caller, request.into_inner()))))
    }
}
