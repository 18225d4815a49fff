//! The overview: whether all is well, and what goes on.

use axum::extract::State;
use engine_runtime::listen::{HandlerReport, HandlerState};
use engine_store::ReadAll;
use maud::{Markup, html};

use super::{
    Nav, Page, Seen, layout,
    parts::{empty, encoded, events, words},
};
use crate::{Web, live::Sample};

/// From which age on read models count as stale.
const STALE_MS: u64 = 5_000;

pub(super) async fn page(Seen(caller): Seen, State(web): State<Web>) -> Page {
    let handlers = web.bus().handlers().list().await?;
    let head = web.store().head().await?;
    let newest = web.store().read_all(ReadAll::backwards().limit(10)).await?;
    let sees = caller.sees_payloads(&web);
    let stuck = stuck(&web, &handlers);
    let body = html! {
        (layout::head(&html! { "Overview" }, "", &html! {}))
        div id="now" data-live="" hx-get="/" hx-select="#now" hx-target="#now" hx-swap="outerMorph" hx-trigger="live" {
            div.grid {
                (warnings(&handlers, &stuck))
                (tiles(&web, web.samples().newest(), head.map(|head| head.0), &handlers, &stuck))
            }
        }
        section.card aria-label="Events per second" {
            header { h2 { "Events per second" } span.muted.small { "the last five minutes" } }
            div.body { div.plot id="plot" {} }
        }
        div.grid.wide-left {
            section.card id="newest" data-live="" hx-get="/" hx-select="#newest" hx-target="#newest" hx-swap="outerMorph" hx-trigger="live" {
                header { h2 { "Newest events" } a href="/all" { "All events" } }
                @if newest.events.is_empty() { (empty("No events yet", "Send a command: its events appear here.")) }
                @else { (events::table(&newest.events, sees, true)) }
            }
            section.card id="lags" data-live="" hx-get="/" hx-select="#lags" hx-target="#lags" hx-swap="outerMorph" hx-trigger="live" {
                header { h2 { "Handlers" } a href="/handlers" { "All handlers" } }
                @if handlers.is_empty() { (empty("No handlers", "This application registers none.")) }
                @else { (lags(&handlers)) }
            }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Overview, "Overview", &body))
}

/// The process managers of which instances wait until somebody has looked, and how many do.
fn stuck<'a>(web: &Web, handlers: &'a [HandlerReport]) -> Vec<(&'a str, usize)> {
    let is_process = |name: &str| web.map().processes.iter().any(|process| process.name == name);
    let parked = handlers.iter().filter(|handler| handler.parked_keys > 0 && is_process(&handler.name));
    parked.map(|handler| (handler.name.as_str(), handler.parked_keys)).collect()
}

/// The page of the instances that are stuck.
fn stuck_link(process: &str) -> String {
    format!("/processes/{}?state=parked", encoded(process))
}

/// What somebody should do something about, in plain words.
fn warnings(handlers: &[HandlerReport], stuck: &[(&str, usize)]) -> Markup {
    let stale: Vec<_> =
        handlers.iter().filter(|handler| handler.lag_events > 0 && handler.lag_ms > STALE_MS).collect();
    let is_process = |handler: &&HandlerReport| stuck.iter().any(|(name, _)| *name == handler.name);
    let parked = handlers.iter().filter(|handler| handler.parked_keys > 0 && !is_process(handler));
    html! {
        @for handler in handlers.iter().filter(|handler| is_broken(&handler.state)) {
            div.notice.bad role="status" {
                strong { a href="/handlers" { (handler.name) } " does not go on: " } (handler.state)
            }
        }
        @if !stale.is_empty() {
            div.notice.warn role="status" {
                strong { "Writes are fine, but what is read is stale. " }
                @for (place, handler) in stale.iter().enumerate() {
                    @if place > 0 { ", " }
                    a href="/handlers" { (handler.name) } " is " (words::span(handler.lag_ms)) " behind"
                }
                "."
            }
        }
        @for (process, instances) in stuck {
            div.notice.warn role="status" {
                strong { a href=(stuck_link(process)) { (words::count(*instances as u64, "instance")) " of " (process) } @if *instances == 1 { " is stuck. " } @else { " are stuck. " } }
                "Look at the error, mend the cause, then retry or stop."
            }
        }
        @for handler in parked {
            div.notice.warn role="status" {
                strong { a href="/parked" { (handler.name) } " has put aside " (words::count(handler.parked_keys as u64, "sequence")) ". " }
                "Other events go on; look at the errors, mend the cause, then retry."
            }
        }
    }
}

pub(super) fn is_broken(state: &HandlerState) -> bool {
    matches!(
        state,
        HandlerState::Stopped { .. } | HandlerState::Failing { .. } | HandlerState::TakenOver { .. }
    )
}

fn tiles(
    web: &Web,
    sample: Sample,
    head: Option<u64>,
    handlers: &[HandlerReport],
    stuck: &[(&str, usize)],
) -> Markup {
    let behind = handlers.iter().max_by_key(|handler| (handler.lag_ms, handler.lag_events));
    let behind = behind.filter(|handler| handler.lag_events > 0);
    let all_parked: usize = handlers.iter().map(|handler| handler.parked_keys).sum();
    let parked = all_parked - stuck.iter().map(|(_, instances)| instances).sum::<usize>();
    let disk = web.disk();
    html! {
        div.tiles {
            (tile("Appended", &html! { (words::number(sample.appends)) small { " /s" } }, "events", ""))
            (tile("Read", &html! { (words::number(sample.reads)) small { " /s" } }, "events", ""))
            (tile("Append, median · p99", &html! { (duration(sample.p50_us)) small { " · " (duration(sample.p99_us)) } },
               "half, and 99 of 100, are quicker", ""))
            (stuck_tile(stuck))
            (tile("Head", &html! { @if let Some(head) = head { (words::number(head)) } @else { "none" } }, "position of the newest event", ""))
            (tile("Furthest behind", &html! {
                @if let Some(handler) = behind { (words::number(handler.lag_events)) small { " · " (words::span(handler.lag_ms)) } }
                @else { "0" }
            }, behind.map_or("every handler is up to date", |handler| &handler.name),
               if behind.is_some_and(|handler| handler.lag_ms > STALE_MS) { "warn" } else { "" }))
            (tile("Parked", &html! { (parked) }, "sequences put aside", if parked > 0 { "warn" } else { "" }))
            @if let Some((used, free)) = disk {
                (tile("Disk", &html! { (words::bytes(used)) }, &format!("{} free", words::bytes(free)), if free < 1 << 30 { "bad" } else { "" }))
            } @else {
                (tile("Store", &html! { (web.store().properties().kind) }, if web.store().properties().durable { "durable" } else { "gone when the process ends" }, ""))
            }
        }
    }
}

fn stuck_tile(stuck: &[(&str, usize)]) -> Markup {
    let count: usize = stuck.iter().map(|(_, instances)| instances).sum();
    let value = html! {
        @if let [(process, instances)] = stuck { a href=(stuck_link(process)) { (instances) } }
        @else if count > 0 { a href="/processes" { (count) } }
        @else { "0" }
    };
    tile("Stuck processes", &value, "wait until somebody looks", if count > 0 { "warn" } else { "" })
}

fn tile(label: &str, value: &Markup, note: &str, class: &str) -> Markup {
    html! {
        div class={ "tile " (class) } { div.label { (label) } div.value { (value) } div.note title=(note) { (note) } }
    }
}

fn duration(micros: Option<u64>) -> Markup {
    html! { @if let Some(micros) = micros { (words::micros(micros)) } @else { "–" } }
}

fn lags(handlers: &[HandlerReport]) -> Markup {
    html! {
        div.scroll { table {
            thead { tr { th { "Handler" } th.fit { "State" } th.num.fit { "Behind" } } }
            tbody { @for handler in handlers {
                tr {
                    td.wrap { a href="/handlers" { (handler.name) } }
                    td.fit { (super::handlers::state(&handler.state)) }
                    td.num.fit { (words::number(handler.lag_events)) @if handler.lag_ms > 0 { div.muted.small { (words::span(handler.lag_ms)) } } }
                }
            } }
        } }
    }
}
