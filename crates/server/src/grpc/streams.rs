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
use futures_util::stream::{self, Stream};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use self::{
    read::Reader,
    request::{Reading, What},
};
use crate::{
    core::Core,
    proto::streams::{
        AppendReq, AppendResp, BatchAppendReq, BatchAppendResp, DeleteReq, DeleteResp, ReadReq, ReadResp,
        streams_server::{self, StreamsServer},
    },
};

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
        let reading = Reading::parse(request.into_inner(), &core.limits)?;
        let (resolve_links, ids) = (reading.resolve_links, reading.ids);
        let answers: Self::ReadStream = match reading.what {
            What::Stream { stream, from, direction, count, tell_ends } => {
                let limit = core.limits.page_events;
                let request = ReadStream { stream, from, direction, limit };
                let reader = Reader::stream(core, (resolve_links, ids), request, count, tell_ends).await?;
                Box::pin(reader.into_stream())
            }
            What::All { from, direction, count, filter } => {
                let reader = Reader::all(core, (resolve_links, ids), from, direction, count, filter).await?;
                Box::pin(reader.into_stream())
            }
            What::SubscribeStream { stream, from } => {
                let source = subscribe::Source::Stream(stream, from);
                Box::pin(subscribe::begin(core, source, resolve_links, ids).await?)
            }
            What::SubscribeAll { from, filter, window } => {
                let source = subscribe::Source::All(from, filter, window);
                Box::pin(subscribe::begin(core, source, resolve_links, ids).await?)
            }
        };
        Ok(Response::new(answers))
    }

    async fn append(&self, request: Request<Streaming<AppendReq>>) -> Result<Response<AppendResp>, Status> {
        append::append(&self.core, request.into_inner()).await.map(Response::new)
    }

    async fn delete(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        delete::delete(&self.core, request.into_inner(), DeleteMode::Soft).await.map(Response::new)
    }

    async fn tombstone(&self, request: Request<DeleteReq>) -> Result<Response<DeleteResp>, Status> {
        delete::delete(&self.core, request.into_inner(), DeleteMode::Tombstone).await.map(Response::new)
    }

    async fn batch_append(
        &self,
        request: Request<Streaming<BatchAppendReq>>,
    ) -> Result<Response<Self::BatchAppendStream>, Status> {
        let (answers, mut receiver) = mpsc::channel(self.core.limits.batch_appends.max(1));
        tokio::spawn(batch::run(self.core.clone(), request.into_inner(), answers));
        let answers = stream::poll_fn(move |context| receiver.poll_recv(context));
        Ok(Response::new(Box::pin(answers)))
    }
}
