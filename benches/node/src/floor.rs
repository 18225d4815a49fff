//! The floor: a server that stores nothing and answers every append at once, for the same official client; and the
//! durable one, which [keeps](disk) as many bytes as the node does, and nothing else, before it answers a call of `Append`.
//!
//! What they reach is what this client, HTTP/2, this machine and its disk leave to any server behind them. They know no
//! more of the protocol than the client insists on: messages within messages are bytes to them.

mod disk;

use std::{convert::Infallible, io::Write, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    HeaderMap, Request, Response,
    body::{Frame, Incoming},
    header::{CONTENT_TYPE, HeaderValue},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};

use crate::{awake::Awake, prompt::Prompt};

use self::disk::Disk;

/// How many bytes stand before each message: whether it is compressed, and how long it is.
const HEAD: usize = 5;

/// `Appended`: revision 0 at position 0.
const APPENDED: &[u8] = &[0x08, 0x00, 0x1a, 0x00];

/// `AppendResp`: that, as its success.
const APPEND: &[u8] = &[0x0a, 0x04, 0x08, 0x00, 0x1a, 0x00];

/// How long it stays awake for a client after an answer: as long as the node does.
const AWAKE: Duration = Duration::from_micros(300);

type Answer = UnsyncBoxBody<Bytes, Infallible>;

#[derive(Message)]
struct Append {
    #[prost(bytes = "bytes", tag = "1")]
    correlation: Bytes,
    #[prost(bool, tag = "4")]
    is_final: bool,
}

#[derive(Message)]
struct Appended {
    #[prost(bytes = "bytes", tag = "1")]
    correlation: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    success: Bytes,
    #[prost(bytes = "bytes", optional, tag = "4")]
    stream: Option<Bytes>,
}

#[derive(Message)]
struct Methods {
    #[prost(message, repeated, tag = "1")]
    methods: Vec<Method>,
    #[prost(string, tag = "2")]
    version: String,
}

#[derive(Message)]
struct Method {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    service: String,
}

/// Listens, tells where, and answers until the process is ended. One thread does it all but what it waits for the disk, as
/// each connection of the node stays with one. Keeps what is appended in this file, if there is one.
pub fn serve(file: Option<&Path>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let disk = file.map(Disk::create).transpose()?.map(Arc::new);
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::spawn(connection(stream, disk.clone()));
        }
    })
}

async fn connection(stream: TcpStream, disk: Option<Arc<Disk>>) {
    let mut server = http2::Builder::new(TokioExecutor::new());
    server.max_concurrent_streams(4_096);
    let stream = Awake::new(Prompt(stream), AWAKE);
    let service = service_fn(move |request| answer(request, disk.clone()));
    // However it ends, somebody else says so.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    disk: Option<Arc<Disk>>,
) -> Result<Response<Answer>, hyper::Error> {
    let (head, mut body) = request.into_parts();
    let method = head.uri.path().rsplit_once('/').map_or("", |(_, method)| method);
    let answer = match method {
        "Append" => {
            while let Some(frame) = body.frame().await {
                frame?;
            }
            if let Some(disk) = disk {
                disk.keep().await;
            }
            once(APPEND)
        }
        "BatchAppend" => StreamBody::new(answers(body)).boxed_unsync(),
        _ => once(&methods().encode_to_vec()),
    };
    let mut response = Response::new(answer);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    Ok(response)
}

fn once(message: &[u8]) -> Answer {
    let mut framed = BytesMut::new();
    frame(&mut framed, message);
    StreamBody::new(stream::iter([Ok(Frame::data(framed.freeze())), Ok(end())])).boxed_unsync()
}

fn frame(into: &mut BytesMut, message: &[u8]) {
    into.extend_from_slice(&[0]);
    into.extend_from_slice(&(message.len() as u32).to_be_bytes());
    into.extend_from_slice(message);
}

/// That all went well.
fn end() -> Frame<Bytes> {
    Frame::trailers(HeaderMap::from_iter([(
        "grpc-status".parse().expect("a name"),
        HeaderValue::from_static("0"),
    )]))
}

/// The answers to a batch: all that one frame of it asks for at once.
fn answers(body: Incoming) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let asked = (body, BytesMut::new());
    let answers = stream::unfold(asked, |(mut body, mut come)| async {
        loop {
            come.extend_from_slice(&body.frame().await?.ok()?.into_data().ok()?);
            let mut answers = BytesMut::new();
            while let Some(append) = next(&mut come) {
                if append.is_final {
                    answer_to(append, &mut answers);
                }
            }
            if !answers.is_empty() {
                return Some((Ok(Frame::data(answers.freeze())), (body, come)));
            }
        }
    });
    answers.chain(stream::once(async { Ok(end()) }))
}

/// The next message, once all of it has come.
fn next(come: &mut BytesMut) -> Option<Append> {
    let head = come.get(1..HEAD)?;
    let length = u32::from_be_bytes(head.try_into().ok()?) as usize;
    if come.len() < HEAD + length {
        return None;
    }
    come.advance(HEAD);
    Append::decode(come.split_to(length).freeze()).ok()
}

fn answer_to(append: Append, into: &mut BytesMut) {
    let answer =
        Appended { correlation: append.correlation, success: APPENDED.into(), stream: Some(Bytes::new()) };
    frame(into, &answer.encode_to_vec());
}

/// What the client wants to know before it begins a batch.
fn methods() -> Methods {
    let method = Method { name: "batchappend".into(), service: "event_store.client.streams.streams".into() };
    Methods { methods: vec![method], version: "24.10.0".into() }
}
