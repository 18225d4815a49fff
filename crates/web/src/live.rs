//! What pages are told while they are open: a sample of the figures each second, and that something has changed.

mod sampler;

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::{
        IntoResponse, Response, Sse,
        sse::{Event as Message, KeepAlive},
    },
};
use futures_util::stream::{self, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, broadcast};

pub(crate) use sampler::{Sample, Samples, sampling};

use crate::{Web, access::Caller, api::Problem};

/// How often a sign of life is sent where nothing happens.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// `GET /live`: server-sent events for pages of ours.
pub(crate) async fn events(_: Caller, State(web): State<Web>) -> Response {
    let Ok(room) = web.live().clone().try_acquire_owned() else {
        return Problem::unavailable("too_many", "too many pages are live: close some").into_response();
    };
    let (history, following) = web.samples().follow();
    let first = Message::default().event("history").json_data(history).unwrap_or_default();
    let first = stream::once(async { Ok::<_, Infallible>(first) });
    let rest = stream::unfold((following, room), next).map(Ok);
    Sse::new(first.chain(rest)).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)).into_response()
}

type Following = (broadcast::Receiver<Told>, OwnedSemaphorePermit);

/// What all open pages are told.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    Sample(Sample),
    Changed,
}

async fn next((mut following, room): Following) -> Option<(Message, Following)> {
    let told = loop {
        match following.recv().await {
            Ok(told) => break told,
            // A page that was too slow misses samples, nothing else.
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return None,
        }
    };
    let message = match told {
        Told::Sample(sample) => Message::default().event("sample").json_data(sample).unwrap_or_default(),
        Told::Changed => Message::default().event("changed").data("{}"),
    };
    Some((message, (following, room)))
}
