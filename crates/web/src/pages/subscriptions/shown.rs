//! How a group is doing.

use maud::{Markup, html};

use super::super::{
    layout::stream_link,
    parts::{json, secret, words},
};
use crate::{
    access::{Caller, Role},
    groups::{GroupReport, GroupStart, ParkedMessage},
};

pub(super) fn source(source: &str) -> Markup {
    if source == "$all" {
        html! { a href="/all" { "all streams" } }
    } else {
        stream_link(source)
    }
}

pub(super) fn state(report: &GroupReport) -> Markup {
    html! { @if report.live { span.badge.good { "live" } } @else { span.badge.info { "catching up" } } }
}

pub(super) fn facts(report: &GroupReport, behind: Option<u64>, path: &str) -> Markup {
    let place = |place: Option<u64>| place.map_or_else(|| "–".to_owned(), |place| place.to_string());
    let tile = |label: &str, value: String, note: &str, class: &str| {
        html! { div class={ "tile " (class) } { div.label { (label) } div.value { (value) } div.note title=(note) { (note) } } }
    };
    html! {
        div.tiles id="facts" data-live="" hx-get=(path) hx-select="#facts" hx-target="#facts" hx-swap="outerMorph" hx-trigger="live" {
            (tile("Behind", behind.map_or_else(|| "–".to_owned(), words::number), "places to the end of its source", ""))
            (tile("Done up to", place(report.checkpoint), "everything before is handled", ""))
            (tile("Taken up to", place(report.known), "from its source", ""))
            (tile("Done", words::number(report.done), "events since it was started", ""))
            (tile("Waiting", words::number(report.waiting as u64), "to be delivered", ""))
            (tile("Again", words::number(report.again as u64), "to be delivered again", ""))
            (tile("With consumers", words::number(report.held as u64), "without an answer yet", ""))
            (tile("Parked", words::number(report.parked), "nobody could handle them", if report.parked > 0 { "warn" } else { "" }))
        }
    }
}

pub(super) fn consumers(report: &GroupReport) -> Markup {
    html! {
        section.card {
            header { h2 { "Consumers" } span.muted.small { (words::count(report.consumers.len() as u64, "consumer")) } }
            @if report.consumers.is_empty() { div.body { p.muted { "Nobody is connected: events wait." } } }
            @else { div.scroll { table {
                thead { tr { th { "Connection" } th { "From" } th.optional { "User" } th.num.fit { "Delivered" } th.num.fit { "Holds" } th.num.fit.optional { "Room for" } } }
                tbody { @for consumer in &report.consumers {
                    tr {
                        td.wrap { (consumer.connection) }
                        td.mono.wrap { (consumer.from) }
                        td.optional { (consumer.user) }
                        td.num.fit { (words::number(consumer.delivered)) }
                        td.num.fit { (consumer.held) }
                        td.num.fit.optional { (consumer.free) }
                    }
                } }
            } } }
        }
    }
}

pub(super) fn parked(
    caller: &Caller,
    report: &GroupReport,
    parked: &[ParkedMessage],
    path: &str,
    sees: bool,
) -> Markup {
    html! {
        section.card id="parked" {
            header {
                h2 { "Parked events" }
                @if report.parked > 0 && caller.role >= Role::Operator { (replay(caller, path)) }
            }
            @if parked.is_empty() { div.body { p.muted { "None." } } }
            @else { div.scroll { table {
                thead { tr { th { "Event" } th { "Why" } th.optional { "Data" } th.fit.optional { "Parked" } } }
                tbody { @for message in parked { (message_row(message, sees)) } }
            } } }
            @if report.parked > parked.len() as u64 { div.body { p.muted { "The newest " (parked.len()) " of " (words::number(report.parked)) "." } } }
        }
    }
}

fn replay(caller: &Caller, path: &str) -> Markup {
    html! {
        form.inline method="post" action=(path) {
            (secret(caller))
            input type="hidden" name="do" value="replay";
            label.hidden-text for="limit" { "How many parked events to deliver again; all if it is empty" }
            input id="limit" name="limit" placeholder="all" inputmode="numeric" size="6" autocomplete="off";
            button type="submit" { "Replay" }
        }
    }
}

fn message_row(message: &ParkedMessage, sees: bool) -> Markup {
    html! {
        tr {
            td.wrap {
                @if let Some(event) = &message.event {
                    a.type href={ "/events/" (event.position) } { (event.event_type) }
                    div.small { (stream_link(event.stream.as_str())) span.muted { " @" (event.revision) } }
                } @else { span.mono { (message.link) } div.small.muted { "no longer there" } }
            }
            td.wrap { (message.reason) }
            td.optional { @if let Some(event) = message.event.as_ref().filter(|_| sees) { span.preview { (json::brief(&event.data)) } } @else { span.muted { "–" } } }
            td.fit.optional.muted { (message.added) }
        }
    }
}

/// Where a group begins, as the form has it.
pub(super) fn start(start: GroupStart) -> (&'static str, String) {
    match start {
        GroupStart::First => ("first", String::new()),
        GroupStart::At(place) => ("at", place.to_string()),
        GroupStart::End => ("end", String::new()),
    }
}
