//! The live tail: events as they come, with a filter and a pause.

use std::convert::Infallible;

use axum::{
    extract::{Query, State},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event as Message, KeepAlive},
    },
};
use engine_store::{Filter, ReadAll, SubscribeFrom, SubscribeTo, Subscription, filter::Choice};
use futures_util::stream::unfold;
use maud::html;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::{
    Fault, Nav, Page, Seen, layout,
    parts::{empty, encoded, events},
    streams::type_list,
};
use crate::{Web, api::Problem};

/// How many events are shown before anything comes.
const BEFORE: usize = 20;

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    stream: String,
    #[serde(default)]
    category: String,
    #[serde(default, rename = "type")]
    event_type: String,
    #[serde(default)]
    after: Option<u64>,
}

impl Which {
    fn filter(&self) -> Filter {
        let one = |text: &String| Some(text.clone()).filter(|text| !text.is_empty()).into_iter().collect();
        Filter::new(Choice {
            streams: one(&self.stream),
            categories: one(&self.category),
            event_types: one(&self.event_type),
            system: self.stream.starts_with('$'),
            ..Choice::default()
        })
    }
}

/// `/tail`.
pub(super) async fn page(Seen(caller): Seen, State(web): State<Web>, Query(which): Query<Which>) -> Page {
    let head = web.store().head().await?;
    let before = web.store().read_all(ReadAll::backwards().limit(BEFORE).filter(which.filter())).await?;
    let source = format!(
        "/tail/rows?stream={}&category={}&type={}{}",
        encoded(&which.stream),
        encoded(&which.category),
        encoded(&which.event_type),
        head.map_or_else(String::new, |head| format!("&after={head}")),
    );
    let sees = caller.sees_payloads(&web);
    let body = html! {
        (layout::head(&html! { "Live tail" }, "Events as they are stored, the newest first.", &html! {
            span.live id="tail-state" role="status" { "connecting" }
            button type="button" id="pause" aria-pressed="false" { "Pause" }
        }))
        form.filters action="/tail" role="search" {
            div.field { label for="stream" { "Stream" } input.wide id="stream" name="stream" value=(which.stream) autocomplete="off"; }
            div.field { label for="category" { "Category" } input id="category" name="category" value=(which.category) autocomplete="off"; }
            div.field { label for="type" { "Type of event" } input.wide id="type" name="type" value=(which.event_type) list="types" autocomplete="off"; }
            (type_list(&web))
            button type="submit" { "Filter" }
        }
        section.card {
            div.scroll { table {
                thead { tr { th.num.fit.optional { "Position" } th.fit { "Event" } th { "Stream" } th.optional { "Data" } th.fit.optional { "When" } } }
                tbody id="tail" data-rows="" data-tail=(source) {
                    @for event in &before.events { (events::row(event, sees, true)) }
                }
            } }
            @if before.events.is_empty() { div id="tail-empty" { (empty("Nothing yet", "Events appear here as they are stored.")) } }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Tail, "Live tail", &body))
}

struct Following {
    subscription: Subscription,
    sees: bool,
    _room: OwnedSemaphorePermit,
}

/// `/tail/rows`: each event as a row, escaped here.
pub(super) async fn rows(
    Seen(caller): Seen,
    State(web): State<Web>,
    Query(which): Query<Which>,
    headers: http::HeaderMap,
) -> Result<Response, Fault> {
    let seen = headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
    let from = match seen.or(which.after) {
        Some(position) => SubscribeFrom::After(engine_types::Position(position)),
        None => SubscribeFrom::Start,
    };
    let room = web.live().clone().try_acquire_owned();
    let room = room.map_err(|_| Problem::unavailable("too_many", "too many pages are live: close some"))?;
    let subscription = web.store().subscribe(SubscribeTo::All(from), which.filter()).await?;
    let following = Following { subscription, sees: caller.sees_payloads(&web), _room: room };
    let rows = unfold(following, |mut following| async {
        let event = following.subscription.next_event().await.ok()?;
        let row = events::row(&event, following.sees, true).into_string();
        let message = Message::default().event("row").id(event.position.to_string()).data(row);
        Some((Ok::<_, Infallible>(message), following))
    });
    Ok(Sse::new(rows).keep_alive(KeepAlive::default()).into_response())
}
