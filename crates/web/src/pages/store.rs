//! The store: what is in it and how it is kept; checking that it is whole, giving back room, and backing it up.

mod backups;
mod work;

use axum::{
    extract::{Path, Query, State},
    response::Redirect,
};
use engine_store::{EventTypeCount, MaintenanceError, SegmentReport};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    Fault, Nav, Page, Posted, Seen, layout,
    parts::{empty, encoded, notice, words},
};
use crate::{Web, access::Role, audit};
use work::What;

pub(crate) use work::Work;

/// How many segments are shown, the newest.
const SHOWN: usize = 200;

#[derive(Debug, Deserialize)]
pub(super) struct Told {
    /// Why something was not begun.
    #[serde(default)]
    fault: String,
}

/// `/store`.
pub(super) async fn page(
    Seen(caller): Seen,
    State(web): State<Web>,
    Query(Told { fault }): Query<Told>,
) -> Page {
    let properties = web.store().properties();
    let head = web.store().head().await?;
    let types = web.store().event_types().await?;
    let segments = match web.store().segments().await {
        Ok(segments) => segments,
        Err(MaintenanceError::Unsupported(_)) => Vec::new(),
        Err(error) => return Err(crate::api::Problem::from(error).into()),
    };
    let body = html! {
        (layout::head(&html! { "Store" }, "", &html! {}))
        @if !fault.is_empty() { (notice("bad", &fault)) }
        div.tiles {
            div.tile { div.label { "Kind" } div.value { (properties.kind) } div.note { @if properties.durable { "what was answered is on disk" } @else { "gone when the process ends" } } }
            div.tile { div.label { "Head" } div.value { @if let Some(head) = head { (words::number(head.0)) } @else { "none" } } div.note { "position of the newest event" } }
            div.tile { div.label { "Types of events" } div.value { (types.len()) } div.note { "in all categories" } }
            @if let Some((used, free)) = web.disk() {
                div.tile { div.label { "Size" } div.value { (words::bytes(used)) } div.note { (words::bytes(free)) " free on its disk" } }
            } @else {
                div.tile { div.label { "Segments" } div.value { (segments.len()) } div.note { "files that hold the events" } }
            }
        }
        div.grid.two {
            (work::card(&web, &caller))
            (backups::card(&web, &caller))
        }
        @if !segments.is_empty() { (segment_card(&segments)) }
        section.card { header { h2 { "Types of events" } } (type_table(&types)) }
    };
    Ok(layout::page(&web, &caller, Nav::Store, "Store", &body))
}

fn segment_card(segments: &[SegmentReport]) -> Markup {
    html! {
        section.card id="segments" {
            header { h2 { "Segments" } span.muted.small { (words::count(segments.len() as u64, "file")) ", the newest first" } }
            div.scroll { table {
                thead { tr {
                    th { "File" } th.fit { "State" } th.num.fit { "Events" } th.num.fit.optional { "First position" } th.num.fit { "Size" }
                    th.num.fit.optional { "Index" } th.num.fit.optional { "Written anew" }
                } }
                tbody { @for segment in segments.iter().rev().take(SHOWN) {
                    tr {
                        td.mono.wrap { (segment.name) }
                        td.fit { @if segment.finished { span.badge.good { "finished" } } @else { span.badge.info { "written" } } }
                        td.num.fit { (words::number(segment.events)) }
                        td.num.fit.mono.optional { (segment.first_position) }
                        td.num.fit {
                            (words::bytes(segment.bytes))
                            @if segment.bytes < segment.frame_bytes { div.small.muted { "of " (words::bytes(segment.frame_bytes)) } }
                        }
                        td.num.fit.optional { @if segment.index_bytes > 0 { (words::bytes(segment.index_bytes)) } @else { "in memory" } }
                        td.num.fit.optional { @if segment.rewritten > 0 { (segment.rewritten) "×" } @else { "–" } }
                    }
                } }
            } }
        }
    }
}

fn type_table(types: &[EventTypeCount]) -> Markup {
    html! {
        @if types.is_empty() { (empty("No events yet", "")) }
        @else { div.scroll { table {
            thead { tr { th { "Category" } th { "Type" } th.num.fit { "Events" } } }
            tbody { @for known in types {
                tr {
                    td { @if let Some(category) = &known.category { a href={ "/streams?category=" (encoded(category)) } { (category) } } @else { span.muted { "–" } } }
                    td { a.type href={ "/all?type=" (encoded(&known.event_type)) } { (known.event_type) } }
                    td.num.fit { @if let Some(count) = known.count { (words::number(count)) } @else { "–" } }
                }
            } }
        } } }
    }
}

/// `POST /store/{work}`: begins, unless something goes on.
pub(super) async fn work(
    State(web): State<Web>,
    Path(work): Path<String>,
    posted: Posted,
) -> Result<Redirect, Fault> {
    let posted = posted.at_least(Role::Admin)?;
    let what = What::asked(&web, &work, posted.field("name").trim())?;
    let details = json!({ "name": posted.field("name") });
    let begun = Work::begin(&web, what);
    let outcome = if begun { "begun" } else { "refused" };
    audit::record(web.store(), &posted.caller, &work, "store", details, outcome).await;
    if begun {
        return Ok(Redirect::to("/store#work"));
    }
    let fault = "Something else goes on: wait until it has ended.";
    Ok(Redirect::to(&format!("/store?fault={}", encoded(fault))))
}
