//! An event: what it states, what caused it, and what it caused.

mod fixture;

use axum::extract::{Path, State};
use engine_runtime::map::AggregateDescription;
use engine_store::{ContentType, ReadAll, RecordedEvent};
use engine_types::{Metadata, Position};
use maud::{Markup, html};
use serde_json::Value;

use super::{
    Nav, Page, Seen,
    layout::{self, stream_link},
    parts::{encoded, json, words},
};
use crate::{
    Web,
    api::Problem,
    trace::{self, Trace},
};

/// How many events around this one are looked at for causes and effects.
const LOOKED_AT: usize = 20_000;

pub(super) async fn page(Seen(caller): Seen, State(web): State<Web>, Path(position): Path<u64>) -> Page {
    let request = ReadAll::forwards().from(Position(position)).limit(1);
    let found = web.store().read_all(request).await?.events.into_iter().next();
    let event = found.filter(|event| event.position.0 == position);
    let event =
        event.ok_or_else(|| Problem::not_found(format!("There is no event at position {position}.")))?;
    let metadata = event.parsed_metadata();
    let trace = match &metadata.correlation_id {
        Some(id) => trace::search(&**web.store(), &id.0, Some(event.position), LOOKED_AT).await?,
        None => Trace::default(),
    };
    let sees = caller.sees_payloads(&web);
    let fixture = if sees { fixture::of(&web, &event).await? } else { String::new() };
    let body = html! {
        (layout::head(&html! { (event.event_type) }, doc(&web, &event), &links(&web, &event, &metadata)))
        div.grid.wide-left {
            div.grid {
                section.card {
                    header { h2 { "Data" } @if sees { button type="button" data-copy-from="#raw-data" data-copy="" { "Copy" } } }
                    div.body { @if sees { (payload(&event)) } @else { (hidden()) } }
                }
                @if !fixture.is_empty() {
                    section.card {
                        header {
                            h2 { "As a test" }
                            button type="button" data-copy-from="#fixture" data-copy="" { "Copy as given/when/then" }
                        }
                        div.body { pre.raw id="fixture" { (fixture) } }
                    }
                }
            }
            div.grid {
                section.card { header { h2 { "Place" } } div.body { (facts(&event, &metadata)) } }
                section.card { header { h2 { "Causes and effects" } } div.body { (causes(&event, &metadata, &trace)) } }
                @if sees && !event.metadata.is_empty() {
                    section.card { header { h2 { "Metadata" } } div.body { (tree_or_text(&event.metadata)) } }
                }
            }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Streams, &event.event_type, &body))
}

fn aggregate<'a>(web: &'a Web, event: &RecordedEvent) -> Option<&'a AggregateDescription> {
    web.map().aggregates.iter().find(|aggregate| Some(aggregate.category) == event.stream.category())
}

fn doc<'a>(web: &'a Web, event: &RecordedEvent) -> &'a str {
    let types = aggregate(web, event).map_or(&[][..], |aggregate| aggregate.events);
    types.iter().find(|known| known.name == &*event.event_type).map_or("", |known| known.doc)
}

fn links(web: &Web, event: &RecordedEvent, metadata: &Metadata) -> Markup {
    let stream = encoded(event.stream.as_str());
    html! {
        @if let Some(id) = &metadata.correlation_id {
            a.button href={ "/correlations/" (encoded(&id.0)) "?near=" (event.position) } { "Correlation" }
        }
        @if let (Some(aggregate), Some(id)) = (aggregate(web, event), event.stream.id()) {
            a.button href={ "/aggregates/" (aggregate.category) "/" (encoded(id)) "?at=" (event.revision) } { "State here" }
        }
        a.button href={ "/streams/" (stream) "?direction=forwards&from=" (event.revision) } { "In its stream" }
    }
}

fn hidden() -> Markup {
    html! { p.muted { "The data of events is hidden from your role. An operator sees it." } }
}

fn payload(event: &RecordedEvent) -> Markup {
    if event.content_type == ContentType::Binary && serde_json::from_slice::<Value>(&event.data).is_err() {
        return html! { p.muted { (words::bytes(event.data.len() as u64)) " that are no JSON." } };
    }
    html! {
        (tree_or_text(&event.data))
        details.more { summary { "Raw" } pre.raw id="raw-data" { (raw(&event.data)) } }
    }
}

fn tree_or_text(bytes: &[u8]) -> Markup {
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        return json::tree(&value);
    }
    html! { pre.raw { (String::from_utf8_lossy(bytes)) } }
}

fn raw(bytes: &[u8]) -> String {
    serde_json::from_slice(bytes)
        .map_or_else(|_| String::from_utf8_lossy(bytes).into_owned(), |value| json::raw(&value))
}

fn facts(event: &RecordedEvent, metadata: &Metadata) -> Markup {
    html! {
        dl.facts {
            dt { "Stream" } dd { (stream_link(event.stream.as_str())) }
            dt { "Revision" } dd.mono { (event.revision) }
            dt { "Position" } dd.mono {
                @if let Some(previous) = event.position.previous() { a href={ "/events/" (previous) } title="The event before" aria-label="The event before" { "‹" } " " }
                (event.position) " "
                a href={ "/events/" (event.position.next()) } title="The event behind" aria-label="The event behind" { "›" }
            }
            dt { "Stored" } dd { (event.created) " " span.muted { "(" (words::ago(event.created)) ")" } }
            dt { "Version" } dd.mono { (event.schema_version()) }
            dt { "Id" } dd.mono { (event.id) }
            @if let Some(user) = metadata.user.get("user").and_then(Value::as_str) { dt { "Sent by" } dd { (user) } }
        }
    }
}

fn causes(event: &RecordedEvent, metadata: &Metadata, trace: &Trace) -> Markup {
    let id = event.id.to_string();
    let cause = metadata.command_causation_id.as_ref().map(|cause| &cause.0);
    let causing = trace.events.iter().find(|traced| Some(&traced.event.id.to_string()) == cause);
    let command = metadata.causation_id.as_ref().map(|id| &id.0);
    let caused = trace
        .events
        .iter()
        .filter(|traced| traced.metadata.command_causation_id.as_ref().is_some_and(|cause| cause.0 == id));
    let beside = trace.events.iter().filter(|traced| {
        traced.event.id != event.id
            && command.is_some()
            && traced.metadata.causation_id.as_ref().map(|id| &id.0) == command
    });
    html! {
        dl.facts {
            dt { "Command" } dd { @if let Some(name) = &metadata.command { strong { (name) } " " } @if let Some(command) = command { span.mono { (command) } } @else { span.muted { "not told" } } }
            dt { "Caused by" } dd {
                @if let Some(traced) = causing { (event_link(&traced.event)) }
                @else if let Some(cause) = cause { span.mono { (cause) } }
                @else { span.muted { "nobody: it came from outside" } }
            }
            dt { "Led to" } dd { (event_links(caused, "nothing that was found")) }
            dt { "Together with" } dd { (event_links(beside, "no other event")) }
        }
    }
}

fn event_links<'a>(events: impl Iterator<Item = &'a trace::Traced>, none: &str) -> Markup {
    let events: Vec<_> = events.take(20).collect();
    html! {
        @if events.is_empty() { span.muted { (none) } }
        @for traced in events { div { (event_link(&traced.event)) } }
    }
}

fn event_link(event: &RecordedEvent) -> Markup {
    html! { a.type href={ "/events/" (event.position) } { (event.event_type) } " " span.muted { (event.stream) " @" (event.revision) } }
}
