//! Parked events: what could not be handled, by sequence and by cause.

use std::collections::BTreeMap;

use axum::{
    extract::{Path, Query, State},
    response::Redirect,
};
use engine_runtime::listen::{ParkedSequence, Scope};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    Fault, Nav, Page, Posted, Seen,
    layout::{self, stream_link},
    parts::{empty, encoded, notice, secret, words},
};
use crate::{
    Web,
    access::{Caller, Role},
    api::Problem,
    audit,
};

#[derive(Debug, Deserialize)]
pub(super) struct Told {
    #[serde(default)]
    done: String,
    #[serde(default)]
    fault: String,
}

/// `/parked`.
pub(super) async fn page(
    Seen(caller): Seen,
    State(web): State<Web>,
    Query(Told { done, fault }): Query<Told>,
) -> Page {
    let mut parked = Vec::new();
    for name in web.bus().handlers().names() {
        let sequences = web.bus().handlers().parked(name).await?;
        if !sequences.is_empty() {
            parked.push((name, sequences));
        }
    }
    let body = html! {
        (layout::head(&html! { "Parked events" }, "What could not be handled is put aside with all that comes behind it in its sequence; other events go on.", &html! {}))
        @if !done.is_empty() { (notice("good", &done)) }
        @if !fault.is_empty() { (notice("bad", &fault)) }
        @if parked.is_empty() { section.card { (empty("Nothing is parked", "Every event was handled.")) } }
        @for (handler, sequences) in &parked { (of_handler(&caller, handler, sequences)) }
    };
    Ok(layout::page(&web, &caller, Nav::Parked, "Parked events", &body))
}

fn of_handler(caller: &Caller, handler: &str, sequences: &[ParkedSequence]) -> Markup {
    let may = caller.role >= Role::Operator;
    let mut causes: BTreeMap<&str, usize> = BTreeMap::new();
    for sequence in sequences {
        *causes.entry(&sequence.error).or_default() += 1;
    }
    html! {
        section.card {
            header {
                h2 { (handler) " " span.muted { (words::count(sequences.len() as u64, "sequence")) } }
                @if may { (orders(caller, handler, None)) }
            }
            @if causes.len() < sequences.len() {
                div.body { dl.facts { @for (cause, count) in causes { dt { (words::count(count as u64, "sequence")) } dd.wrap { (cause) } } } }
            }
            div.scroll { table {
                thead { tr { th { "Sequence" } th { "Event at fault" } th { "Error" } th.num.fit { "Tries" } th.num.fit { "Behind it" } th.fit.optional { "Parked" } th.fit { span.hidden-text { "Orders" } } } }
                tbody { @for sequence in sequences {
                    tr {
                        td.mono.wrap { (sequence.key) }
                        td { a.type href={ "/events/" (sequence.position) } { (sequence.event_type) } div.small { (stream_link(sequence.stream.as_str())) span.muted { " @" (sequence.revision) } } }
                        td.wrap { (sequence.error) }
                        td.num.fit { (sequence.attempts) }
                        td.num.fit { (words::number(sequence.waiting)) }
                        td.fit.optional.muted { (words::ago(sequence.parked_at())) }
                        td.fit { @if may { (orders(caller, handler, Some(&sequence.key))) } }
                    }
                } }
            } }
        }
    }
}

/// The buttons for one sequence, or for all.
fn orders(caller: &Caller, handler: &str, key: Option<&str>) -> Markup {
    let path = |order: &str| format!("/parked/{}/{order}", encoded(handler));
    let (retry, discard, question) = match key {
        Some(_) => ("Retry", "Discard", "Leave the events of this sequence unhandled for good?"),
        None => ("Retry all", "Discard all", "Leave the events of all these sequences unhandled for good?"),
    };
    html! {
        span.inline {
            form method="post" action=(path("retry")) {
                (secret(caller))
                @if let Some(key) = key { input type="hidden" name="key" value=(key); }
                button type="submit" { (retry) }
            }
            form method="post" action=(path("discard")) data-confirm=(question) {
                (secret(caller))
                @if let Some(key) = key { input type="hidden" name="key" value=(key); }
                button.danger type="submit" { (discard) }
            }
        }
    }
}

/// `POST /parked/{handler}/{order}`: for the sequence that is named, or for all.
pub(super) async fn order(
    State(web): State<Web>,
    Path((handler, order)): Path<(String, String)>,
    posted: Posted,
) -> Result<Redirect, Fault> {
    let mut posted = posted.at_least(Role::Operator)?;
    let handlers = web.bus().handlers();
    let keys = match posted.take("key") {
        Some(key) => vec![key],
        None => handlers.parked(&handler).await?.into_iter().map(|sequence| sequence.key).collect(),
    };
    let (mut events, mut faults) = (0, Vec::new());
    for key in &keys {
        let done = match order.as_str() {
            "retry" => handlers.retry(&handler, key, Scope::All).await,
            "discard" => handlers.discard(&handler, key, Scope::All).await,
            _ => return Err(Problem::not_found(format!("There is no order `{order}`.")).into()),
        };
        match done {
            Ok(done) => events += done,
            Err(error) => faults.push(format!("{key}: {error}")),
        }
    }
    let outcome = if faults.is_empty() { "done" } else { "refused" };
    audit::record(web.store(), &posted.caller, &order, &handler, json!({ "keys": keys }), outcome).await;
    let what = if order == "retry" { "handled" } else { "left unhandled for good" };
    let done = format!(
        "{} of {handler} {} {what}.",
        words::count(events, "event"),
        if events == 1 { "was" } else { "were" }
    );
    let told = match faults.first() {
        None => format!("done={}", encoded(&done)),
        Some(first) => format!(
            "fault={}",
            encoded(&format!("{} still parked. {first}", words::count(faults.len() as u64, "sequence")))
        ),
    };
    Ok(Redirect::to(&format!("/parked?{told}")))
}
