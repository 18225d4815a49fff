//! Connections: gRPC over HTTP/2 and plain HTTP/1.1 on the same port, each told apart by its first bytes.

mod awake;
mod beat;
mod calls;
mod lanes;
mod prompt;

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use hyper::{Request, Response, body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::{self, HttpServerConnExec},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{
    sync::CancellationToken,
    task::{AbortOnDropHandle, TaskTracker},
};
use tonic::body::Body;

use self::{awake::Awake, calls::Calls, prompt::Prompt};
use crate::{core::Core, front::Front};

/// How long to wait before another connection is taken, where the system has no more files for it.
const REST: Duration = Duration::from_millis(50);

/// How much a client may have been sent of one call, and of all of its connection, before it takes it.
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// How HTTP/2 begins, and no request of HTTP/1.1 does. See RFC 9113, section 3.4.
const HTTP_2: [u8; 5] = *b"PRI *";

/// Serves connections until the node stops, then lets those that are open come to an end.
pub(crate) async fn serve(core: Arc<Core>, listener: TcpListener, tls: Option<TlsAcceptor>, front: Front) {
    let open = TaskTracker::new();
    // Whoever is still there when this ends, in order or not, is cut off.
    let cut = CancellationToken::new();
    let _cut_at_the_end = cut.clone().drop_guard();
    let room = Arc::new(Semaphore::new(core.limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
    loop {
        let accepted = tokio::select! {
            accepted = accept(&room, &listener) => accepted,
            () = core.stopping.cancelled() => break,
        };
        match accepted {
            Ok((permit, stream)) => {
                let connection = connection(core.clone(), stream, tls.clone(), front.clone());
                let cut = cut.clone();
                open.spawn(async move {
                    let _ = cut.run_until_cancelled(connection).await;
                    drop(permit);
                });
            }
            // One that was gone before it was taken, or no more files: others come.
            Err(error) => {
                tracing::debug!(%error, "a connection was not taken");
                tokio::time::sleep(REST).await;
            }
        }
    }
    open.close();
    if tokio::time::timeout(core.limits.drain_patience, open.wait()).await.is_err() {
        tracing::warn!("connections that would not end were cut");
    }
}

async fn accept(
    room: &Arc<Semaphore>,
    listener: &TcpListener,
) -> io::Result<(tokio::sync::OwnedSemaphorePermit, TcpStream)> {
    let permit = room.clone().acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((permit, stream))
}

async fn connection(core: Arc<Core>, stream: TcpStream, tls: Option<TlsAcceptor>, front: Front) {
    let front = match stream.peer_addr() {
        Ok(peer) => front.for_peer(peer),
        Err(_) => front,
    };
    let _open = core.metrics.connections.enter();
    let patience = core.limits.handshake_patience;
    if let Some(tls) = tls {
        if let Ok(Ok(stream)) = tokio::time::timeout(patience, tls.accept(Prompt(stream))).await {
            speak(&core, stream, front.service(), TokioExecutor::new()).await;
        }
        return;
    }
    // A client that says nothing is not waited for; from the first byte on, others keep the time.
    let mut first = [0; HTTP_2.len()];
    match tokio::time::timeout(patience, stream.peek(&mut first)).await {
        Ok(Ok(1..)) if first == HTTP_2 => change_lane(core.clone(), stream, front).await,
        Ok(Ok(1..)) => speak(&core, Prompt(stream), front.service(), TokioExecutor::new()).await,
        _ => {}
    }
}

/// Speaks in a lane of its own, and waits for the end there.
async fn change_lane(core: Arc<Core>, stream: TcpStream, front: Front) {
    let Ok(stream) = stream.into_std() else { return };
    let lane = lanes::next().spawn(async move {
        match TcpStream::from_std(stream) {
            Ok(stream) => {
                let calls = Calls::default();
                let stream = Awake::new(Prompt(stream), core.limits.awake);
                let connection = speak(&core, stream, front.service(), calls.clone());
                calls.beside(connection).await;
            }
            Err(error) => tracing::warn!(%error, "a connection was not taken"),
        }
    });
    if let Err(error) = AbortOnDropHandle::new(lane).await {
        tracing::error!(%error, "a connection broke off");
    }
}

/// Speaks with a client; `executor` carries out the calls of HTTP/2.
async fn speak<S, E>(
    core: &Core,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    service: S,
    executor: E,
) where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible>,
    S::Future: 'static,
    E: HttpServerConnExec<S::Future, Body>,
{
    let mut builder = auto::Builder::new(executor);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(core.limits.handshake_patience);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(core.limits.calls_per_connection)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = core.stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "a connection ended");
    }
}
