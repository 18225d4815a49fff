//! Streams: finding them, and paging through their events.

mod jump;

use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use engine_store::{Direction, Filter, ReadAll, ReadFrom, ReadStream, StreamQuery, filter::Choice};
use engine_types::{Position, Revision, StreamName};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Fault, Nav, Page, Seen, layout,
    parts::{empty, encoded, events, words},
};
use crate::Web;

/// How many entries a page shows.
const SHOWN: usize = 50;

#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    after: String,
}

/// `/streams`: which streams there are.
pub(super) async fn list(Seen(caller): Seen, State(web): State<Web>, Query(listing): Query<Listing>) -> Page {
    let query = StreamQuery {
        prefix: listing.prefix.clone(),
        category: some(&listing.category).map(str::to_owned),
        after: some(&listing.after).map(StreamName::new).transpose()?,
        limit: SHOWN,
    };
    let page = web.store().streams(query).await?;
    let link = |after: &str| {
        format!(
            "/streams?prefix={}&category={}&after={}",
            encoded(&listing.prefix),
            encoded(&listing.category),
            encoded(after)
        )
    };
    let body = html! {
        (layout::head(&html! { "Streams" }, "Each aggregate instance has a stream of its own.", &html! { a.button href="/all" { "All events" } }))
        form.filters action="/streams" role="search" {
            div.field { label for="prefix" { "Name begins with" } input.wide id="prefix" name="prefix" value=(listing.prefix) placeholder="account-" autocomplete="off"; }
            (category(&web, &listing.category))
            button type="submit" { "Show" }
        }
        section.card {
            @if page.streams.is_empty() { (empty("No streams", "None begins like this. Streams of the system begin with $.")) }
            @else { div.scroll { table {
                thead { tr { th { "Stream" } th.num.fit { "Newest revision" } th.fit { span.hidden-text { "Links" } } } }
                tbody data-rows="" { @for info in &page.streams {
                    tr {
                        td { a.mono.wrap.row-link href={ "/streams/" (encoded(info.stream.as_str())) } { (info.stream) } }
                        td.num.fit { (words::number(info.last.0)) }
                        td.fit { (state_link(&web, &info.stream)) }
                    }
                } }
            } } }
            footer {
                span { @if !listing.after.is_empty() { a href=(link("")) { "First page" } } }
                @if let Some(last) = page.streams.last().filter(|_| page.more) {
                    a rel="next" href=(link(last.stream.as_str())) { "Next page" }
                }
            }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Streams, "Streams", &body))
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn category(web: &Web, chosen: &str) -> Markup {
    html! {
        div.field {
            label for="category" { "Category" }
            select id="category" name="category" {
                option value="" { "all" }
                @for aggregate in &web.map().aggregates {
                    option value=(aggregate.category) selected[aggregate.category == chosen] { (aggregate.category) }
                }
            }
        }
    }
}

/// A link to the state of the instance, where the stream is one of an aggregate.
fn state_link(web: &Web, stream: &StreamName) -> Markup {
    let known = web.map().aggregates.iter().any(|aggregate| Some(aggregate.category) == stream.category());
    html! {
        @if let (true, Some(category), Some(id)) = (known, stream.category(), stream.id()) {
            a href={ "/aggregates/" (category) "/" (encoded(id)) } { "State" }
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Paging {
    from: Option<u64>,
    #[serde(default)]
    direction: String,
    /// A revision, a position or a time to go to.
    #[serde(default)]
    to: String,
    #[serde(default)]
    category: String,
    #[serde(default, rename = "type")]
    event_type: String,
}

impl Paging {
    fn direction(&self) -> Direction {
        if self.direction == "forwards" { Direction::Forwards } else { Direction::Backwards }
    }

    fn start<P>(&self, place: fn(u64) -> P) -> ReadFrom<P> {
        match (self.from, self.direction()) {
            (Some(from), _) => ReadFrom::At(place(from)),
            (None, Direction::Forwards) => ReadFrom::Start,
            (None, Direction::Backwards) => ReadFrom::End,
        }
    }
}

/// `/streams/{stream}`: its events.
pub(super) async fn one(
    Seen(caller): Seen,
    State(web): State<Web>,
    Path(stream): Path<String>,
    Query(paging): Query<Paging>,
) -> Result<Response, Fault> {
    let stream = StreamName::new(stream)?;
    let path = format!("/streams/{}", encoded(stream.as_str()));
    if let Some(to) = some(&paging.to) {
        let place = jump::in_stream(&web, &stream, to).await?;
        return Ok(Redirect::to(&format!("{path}?direction=forwards&from={place}")).into_response());
    }
    let request = ReadStream {
        stream: stream.clone(),
        from: paging.start(Revision),
        direction: paging.direction(),
        limit: SHOWN,
    };
    let page = web.store().read_stream(request).await?;
    let (older, newer) = turns(paging.direction(), page.next.map(|next| next.0), paging.from, page.last.0);
    let body = html! {
        (layout::head(&html! { span.mono { (stream) } }, &format!("{} at revision {}", "Its newest event is", page.last),
            &html! { (state_link(&web, &stream)) a.button href={ "/tail?stream=" (encoded(stream.as_str())) } { "Live tail" } }))
        (jump_form(&path, "Revision or time"))
        section.card {
            (events::table(&page.events, caller.sees_payloads(&web), false))
            (turn_links(&path, "", newer, older))
        }
    };
    Ok(layout::page(&web, &caller, Nav::Streams, stream.as_str(), &body).into_response())
}

/// `/all`: the events of all streams together.
pub(super) async fn all(
    Seen(caller): Seen,
    State(web): State<Web>,
    Query(paging): Query<Paging>,
) -> Result<Response, Fault> {
    if let Some(to) = some(&paging.to) {
        let place = jump::among_all(&web, to).await?;
        return Ok(Redirect::to(&format!("/all?direction=forwards&from={place}")).into_response());
    }
    let choice = Choice {
        categories: some(&paging.category).map(str::to_owned).into_iter().collect(),
        event_types: some(&paging.event_type).map(str::to_owned).into_iter().collect(),
        system: paging.category.is_empty() && paging.event_type.is_empty(),
        ..Choice::default()
    };
    let request = ReadAll {
        from: paging.start(Position),
        direction: paging.direction(),
        limit: SHOWN,
        filter: Filter::new(choice),
    };
    let page = web.store().read_all(request).await?;
    let head = web.store().head().await?.map_or(0, |head| head.0);
    let next = page.next.map(|next| next.0).filter(|_| !page.end);
    let (older, newer) = turns(paging.direction(), next, paging.from, head);
    let more = format!("&category={}&type={}", encoded(&paging.category), encoded(&paging.event_type));
    let body = html! {
        (layout::head(&html! { "All events" }, "Of all streams together, in the order in which they were stored.", &html! { a.button href="/tail" { "Live tail" } }))
        form.filters action="/all" role="search" {
            (category(&web, &paging.category))
            div.field { label for="type" { "Type of event" } input.wide id="type" name="type" value=(paging.event_type) list="types" autocomplete="off"; }
            (type_list(&web))
            button type="submit" { "Show" }
        }
        (jump_form("/all", "Position or time"))
        section.card {
            @if page.events.is_empty() { (empty("No events here", "Others may stand on the next page.")) }
            @else { (events::table(&page.events, caller.sees_payloads(&web), true)) }
            (turn_links("/all", &more, newer, older))
        }
    };
    Ok(layout::page(&web, &caller, Nav::Streams, "All events", &body).into_response())
}

/// The names of all types of events, to choose from.
pub(super) fn type_list(web: &Web) -> Markup {
    html! {
        datalist id="types" {
            @for event in web.map().aggregates.iter().flat_map(|aggregate| aggregate.events) { option value=(event.name) {} }
        }
    }
}

fn jump_form(path: &str, label: &str) -> Markup {
    html! {
        form.filters action=(path) {
            div.field {
                label for="to" { "Go to" }
                input.wide id="to" name="to" placeholder={ (label) ", 2026-11-24T09:30" } autocomplete="off" required;
            }
            button type="submit" { "Go" }
        }
    }
}

/// Where the pages with older and with newer events begin: for older ones read backwards, for newer ones forwards.
fn turns(
    direction: Direction,
    next: Option<u64>,
    from: Option<u64>,
    last: u64,
) -> (Option<u64>, Option<u64>) {
    match direction {
        Direction::Backwards => (next, from.map(|from| from + 1).filter(|newer| *newer <= last)),
        Direction::Forwards => (from.and_then(|from| from.checked_sub(1)), next.filter(|next| *next <= last)),
    }
}

fn turn_links(path: &str, more: &str, newer: Option<u64>, older: Option<u64>) -> Markup {
    html! {
        footer {
            span.actions {
                a href={ (path) "?direction=backwards" (more) } { "Newest" }
                @if let Some(from) = newer { a rel="prev" href={ (path) "?direction=forwards&from=" (from) (more) } { "Newer" } }
            }
            span.actions {
                @if let Some(from) = older { a rel="next" href={ (path) "?direction=backwards&from=" (from) (more) } { "Older" } }
                a href={ (path) "?direction=forwards" (more) } { "Oldest" }
            }
        }
    }
}
