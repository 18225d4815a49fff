//! The two calls that append, for whoever comes past the router: as the generated service carries them out, but that
//! the buffers of a single append are no larger than one needs.

use std::sync::Arc;

use hyper::{Request, Response, body::Incoming};
use tonic::{
    Streaming,
    body::Body,
    codec::{BufferSettings, Codec},
    server::Grpc,
};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};
use tower::service_fn;

use super::streams;
use crate::{
    auth::{Caller, credentials},
    core::Core,
    proto::streams::{AppendReq, AppendResp, BatchAppendReq, BatchAppendResp},
};

/// What both calls have before their names.
const SERVICE: &str = "/event_store.client.streams.Streams/";

/// What a small append takes, and more than its answer. Larger ones make room for themselves.
const BUFFER_BYTES: usize = 512;

/// A call that appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Append,
    BatchAppend,
}

impl Method {
    /// What a call of gRPC asks for, if it is to append.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        let method = match request.uri().path().strip_prefix(SERVICE)? {
            "Append" => Method::Append,
            "BatchAppend" => Method::BatchAppend,
            _ => return None,
        };
        credentials::is_grpc(request.headers()).then_some(method)
    }

    /// Carries it out.
    pub(crate) async fn call(
        self,
        core: &Arc<Core>,
        caller: Caller,
        call: Request<Incoming>,
    ) -> Response<Body> {
        match self {
            Method::Append => {
                let append = service_fn(|request: tonic::Request<Streaming<AppendReq>>| async {
                    streams::append(core, &caller, request.into_inner()).await
                });
                bounded(core, Small).client_streaming(append, call).await
            }
            Method::BatchAppend => {
                let append = service_fn(|request: tonic::Request<Streaming<BatchAppendReq>>| {
                    let answers = streams::batch_append(core.clone(), caller.clone(), request.into_inner());
                    async { Ok(tonic::Response::new(answers)) }
                });
                let codec = ProstCodec::<BatchAppendResp, BatchAppendReq>::default();
                bounded(core, codec).streaming(append, call).await
            }
        }
    }
}

fn bounded<C: Codec>(core: &Core, codec: C) -> Grpc<C> {
    Grpc::new(codec)
        .max_decoding_message_size(core.limits.message_bytes)
        .max_encoding_message_size(usize::MAX)
}

/// The form of single appends on the wire.
struct Small;

impl Codec for Small {
    type Encode = AppendResp;
    type Decode = AppendReq;
    type Encoder = ProstEncoder<AppendResp>;
    type Decoder = ProstDecoder<AppendReq>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::new(BufferSettings::new(BUFFER_BYTES, BUFFER_BYTES))
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstDecoder::new(BufferSettings::new(BUFFER_BYTES, BUFFER_BYTES))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_of_grpc_that_append_go_past_the_router() {
        let asked = |path: &str, content_type: &str| {
            let request = Request::post(path).header("content-type", content_type);
            Method::of(&request.body(()).unwrap())
        };
        let streams = |method: &str| format!("/event_store.client.streams.Streams/{method}");
        assert_eq!(asked(&streams("Append"), "application/grpc"), Some(Method::Append));
        assert_eq!(asked(&streams("BatchAppend"), "application/grpc+proto"), Some(Method::BatchAppend));
        assert_eq!(asked(&streams("Append"), "application/json"), None);
        for other in ["Read", "Append/", "append", "AppendX", ""] {
            assert_eq!(asked(&streams(other), "application/grpc"), None, "{other}");
        }
        assert_eq!(asked("/", "application/grpc"), None);
    }

    #[test]
    fn the_methods_are_those_of_the_generated_service() {
        use crate::proto::streams::streams_server::SERVICE_NAME;
        assert_eq!(SERVICE, format!("/{SERVICE_NAME}/"));
    }
}
