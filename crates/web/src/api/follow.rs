//! `GET /api/events/stream`: events as they come, as server-sent events.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::{Query, State},
    response::{
        Sse,
        sse::{Event as Message, KeepAlive},
    },
};
use engine_store::{SubscribeFrom, SubscribeTo, Subscription, SubscriptionMessage};
use engine_types::Position;
use futures_core::Stream;
use futures_util::stream::unfold;
use http::HeaderMap;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::IntoParams;

use super::{Problem, ReadProblems, events::Which, wire::Event};
use crate::{Web, access::Caller};

/// How often a sign of life is sent where nothing happens.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize, IntoParams)]
pub(super) struct Start {
    /// Begins behind this position: a number, `start`, or `end` (default). `Last-Event-ID` goes before it.
    after: Option<String>,
}

/// Events as they come, as server-sent events.
///
/// Each message of type `event` holds one event; its id is the event's position, so that a client that was cut off goes
/// on where it was (`Last-Event-ID`). A message of type `caught-up` says that all that was there has been sent.
#[utoipa::path(
    get, path = "/api/events/stream", tag = "events",
    params(Start, Which, ("Last-Event-ID" = Option<u64>, Header, description = "The position of the last event that the client has.")),
    responses((status = 200, description = "Events, for as long as the client listens.", content_type = "text/event-stream", body = String), ReadProblems),
)]
pub(super) async fn follow(
    caller: Caller,
    State(web): State<Web>,
    Query(start): Query<Start>,
    Query(which): Query<Which>,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Problem> {
    let from = begin(&headers, start.after.as_deref())?;
    let room = web.live().clone().try_acquire_owned().map_err(|_| {
        Problem::unavailable("too_many", "too many connections follow events here: try again later")
    })?;
    let subscription = web.store().subscribe(SubscribeTo::All(from), which.filter()).await?;
    let following = Following { subscription, sees_payloads: caller.sees_payloads(&web), _room: room };
    let messages = unfold(Some(following), |following| async { following?.next().await });
    Ok(Sse::new(messages).keep_alive(KeepAlive::new().interval(SIGN_OF_LIFE)))
}

fn begin(headers: &HeaderMap, after: Option<&str>) -> Result<SubscribeFrom<Position>, Problem> {
    let last = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?").trim());
    match last.or(after) {
        None | Some("end" | "") => Ok(SubscribeFrom::End),
        Some("start") => Ok(SubscribeFrom::Start),
        Some(position) => match position.parse() {
            Ok(position) => Ok(SubscribeFrom::After(Position(position))),
            Err(_) => Err(Problem::bad_request(format!(
                "`{position}` is no position to begin behind: use a number, `start` or `end`"
            ))),
        },
    }
}

struct Following {
    subscription: Subscription,
    sees_payloads: bool,
    /// Kept for as long as the connection is open.
    _room: OwnedSemaphorePermit,
}

impl Following {
    /// The next message. After a failure nothing more comes, so that the client connects again.
    async fn next(mut self) -> Option<(Result<Message, Infallible>, Option<Self>)> {
        loop {
            let message = match self.subscription.next().await {
                Ok(SubscriptionMessage::Event(event)) => {
                    let place = event.position.to_string();
                    let event = Event::of(&event, self.sees_payloads);
                    Message::default().event("event").id(place).json_data(event).ok()?
                }
                Ok(SubscriptionMessage::CaughtUp) => Message::default().event("caught-up").data("{}"),
                Ok(SubscriptionMessage::Progress(_)) => continue,
                Err(error) => {
                    let problem = Problem::from(error);
                    let message = Message::default().event("problem").json_data(problem).ok()?;
                    return Some((Ok(message), None));
                }
            };
            return Some((Ok(message), Some(self)));
        }
    }
}
