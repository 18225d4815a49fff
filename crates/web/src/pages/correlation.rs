//! A correlation: what one first command led to, as a graph and as a timeline.

mod graph;

pub(super) use graph::cut;

use axum::extract::{Path, Query, State};
use engine_store::RecordedEvent;
use engine_types::Position;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Nav, Page, Seen,
    layout::{self, stream_link},
    parts::{empty, words},
};
use crate::{
    Web,
    trace::{self, Node, Trace, What},
};

#[derive(Debug, Deserialize)]
pub(super) struct Near {
    near: Option<u64>,
}

pub(super) async fn page(
    Seen(caller): Seen,
    State(web): State<Web>,
    Path(id): Path<String>,
    Query(Near { near }): Query<Near>,
) -> Page {
    let most = web.options().search_events;
    let trace = trace::search(&**web.store(), &id, near.map(Position), most).await?;
    let tree = trace::tree(&trace.events);
    let title = html! { "Correlation " span.mono { (id) } };
    let body = html! {
        (layout::head(&title, "What one first command led to: commands, their events, the processes that heard them, and what those sent.", &html! {}))
        @if !trace.is_complete {
            div.notice.warn role="status" {
                "Only " (words::count(trace.looked_at as u64, "event")) " were looked at"
                @if let Some(near) = near { " around position " (near) } @else { ", the newest" }
                "; others may belong here too."
            }
        }
        @if trace.events.is_empty() {
            section.card { (empty("No events carry this correlation id", "It may be the id of an event: open the event, and follow its correlation.")) }
        } @else {
            section.card {
                header {
                    h2 { "Graph" }
                    div.legend { span.command { "command" } span.event { "event" } span.process { "process" } }
                }
                div.scroll { div.body { (graph::draw(&tree, &trace, web.map(), near)) } }
            }
            section.card {
                header { h2 { "Timeline" } span.muted.small { (words::count(trace.events.len() as u64, "event")) } }
                (timeline(&tree, &trace))
            }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Streams, "Correlation", &body))
}

/// Microseconds since the first event.
fn offset(trace: &Trace, event: &RecordedEvent) -> u64 {
    let first = trace.events.iter().map(|traced| traced.event.created).min();
    first.map_or(0, |first| u64::try_from(event.created.since(first).as_micros()).unwrap_or(u64::MAX))
}

fn timeline(tree: &[Node], trace: &Trace) -> Markup {
    let whole = trace.events.iter().map(|traced| offset(trace, &traced.event)).max().unwrap_or(0);
    let mut rows = Vec::new();
    for node in tree {
        flatten(node, &Cause::default(), &mut rows);
    }
    rows.sort_by_key(|row| row.place);
    html! {
        div.scroll { table {
            thead { tr {
                th.num.fit { "After the first" } th.fit { "What" } th { "Stream" } th.fit { "Caused by" } th.num.fit { "Latency" } th.optional { "When" }
            } }
            tbody data-rows="" { @for row in rows {
                @let event = &trace.events[row.place].event;
                tr {
                    td.num.fit.mono { (words::micros(offset(trace, event))) }
                    td.fit {
                        a.type.row-link href={ "/events/" (event.position) } { (event.event_type) }
                        @if row.is_step { div.small.muted { (graph::cut(&graph::occasion(event), 40)) } }
                    }
                    td { (stream_link(event.stream.as_str())) span.muted.small { " @" (event.revision) } }
                    td.fit { (row.cause.shown(trace)) }
                    td.num.fit.mono { @if let Some(latency) = row.latency { (words::micros(latency)) } @else { "–" } }
                    td.optional { (lane(offset(trace, event), whole)) }
                }
            } }
        } }
    }
}

/// A line of the timeline.
struct Row<'a> {
    place: usize,
    is_step: bool,
    cause: Cause<'a>,
    latency: Option<u64>,
}

/// What led to something: a command, and what was stored before that.
#[derive(Clone, Default)]
struct Cause<'a> {
    command: Option<(&'a str, Option<&'a str>)>,
    stored: Option<usize>,
}

impl Cause<'_> {
    fn shown(&self, trace: &Trace) -> Markup {
        html! {
            @if let Some((id, name)) = self.command {
                @if let Some(name) = name { strong title=(id) { (name) } }
                @else { span.muted { "command " code { (graph::short(id)) } } }
            }
            @if let Some(stored) = self.stored {
                @let event = &trace.events[stored].event;
                div.small { "after " a href={ "/events/" (event.position) } { (event.event_type) } }
            }
        }
    }
}

fn flatten<'a>(node: &'a Node, cause: &Cause<'a>, rows: &mut Vec<Row<'a>>) {
    let cause = match &node.what {
        What::Command { id, name } => Cause { command: Some((id, name.as_deref())), ..cause.clone() },
        What::Event(place) | What::Step(place) => {
            let is_step = matches!(node.what, What::Step(_));
            rows.push(Row { place: *place, is_step, cause: cause.clone(), latency: node.after_us });
            Cause { command: None, stored: Some(*place) }
        }
    };
    for below in &node.caused {
        flatten(below, &cause, rows);
    }
}

/// Where an event stands in time, drawn.
fn lane(offset: u64, whole: u64) -> Markup {
    const WIDTH: u64 = 180;
    let x = 5 + offset.min(whole) * (WIDTH - 10) / whole.max(1);
    html! {
        svg.drawing width=(WIDTH) height="14" role="img" aria-label={ (words::micros(offset)) " after the first" } {
            line.edge x1="0" y1="7" x2=(WIDTH) y2="7" {}
            g.event { circle.box cx=(x) cy="7" r="4.5" {} }
        }
    }
}
