//! The store: what is in it, and checking that it is whole.

use axum::{extract::State, response::Redirect};
use engine_store::{EventTypeCount, VerifyProgress, VerifyReport};
use maud::{Markup, html};
use serde_json::json;
use tokio::sync::watch;

use super::{
    Fault, Nav, Page, Posted, Seen, layout,
    parts::{button, empty, words},
};
use crate::{
    Web,
    access::{Caller, Role},
    audit,
};

/// A check that goes on or has ended.
pub(crate) struct Verifying {
    progress: watch::Receiver<VerifyProgress>,
    outcome: watch::Receiver<Option<Result<VerifyReport, String>>>,
}

/// `/store`.
pub(super) async fn page(Seen(caller): Seen, State(web): State<Web>) -> Page {
    let properties = web.store().properties();
    let head = web.store().head().await?;
    let types = web.store().event_types().await?;
    let body = html! {
        (layout::head(&html! { "Store" }, "", &html! {}))
        div.tiles {
            div.tile { div.label { "Kind" } div.value { (properties.kind) } div.note { @if properties.durable { "what was answered is on disk" } @else { "gone when the process ends" } } }
            div.tile { div.label { "Head" } div.value { @if let Some(head) = head { (words::number(head.0)) } @else { "none" } } div.note { "position of the newest event" } }
            div.tile { div.label { "Types of events" } div.value { (types.len()) } div.note { "in all categories" } }
            @if let Some((used, free)) = web.disk() {
                div.tile { div.label { "Size" } div.value { (words::bytes(used)) } div.note { (words::bytes(free)) " free on its disk" } }
            }
        }
        div.grid.two {
            (verification(&web, &caller))
            section.card { header { h2 { "Types of events" } } (type_table(&types)) }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Store, "Store", &body))
}

fn type_table(types: &[EventTypeCount]) -> Markup {
    html! {
        @if types.is_empty() { (empty("No events yet", "")) }
        @else { div.scroll { table {
            thead { tr { th { "Category" } th { "Type" } th.num.fit { "Events" } } }
            tbody { @for known in types {
                tr {
                    td { @if let Some(category) = &known.category { a href={ "/streams?category=" (super::parts::encoded(category)) } { (category) } } @else { span.muted { "–" } } }
                    td { a.type href={ "/all?type=" (super::parts::encoded(&known.event_type)) } { (known.event_type) } }
                    td.num.fit { @if let Some(count) = known.count { (words::number(count)) } @else { "–" } }
                }
            } }
        } } }
    }
}

fn verification(web: &Web, caller: &Caller) -> Markup {
    let verifying = web.verifying().lock();
    let outcome = verifying.as_ref().map(|verifying| verifying.outcome.borrow().clone());
    let progress = verifying.as_ref().map(|verifying| *verifying.progress.borrow());
    let goes_on = matches!(outcome, Some(None));
    html! {
        section.card id="verify" data-live="" hx-get="/store" hx-select="#verify" hx-target="#verify" hx-swap="outerMorph" hx-trigger="live" {
            header {
                h2 { "Is it whole?" }
                @if caller.role == Role::Admin && !goes_on { (button(caller, "/store/verify", "Verify", "", None)) }
            }
            div.body {
                @match outcome {
                    None => { p.muted { "Verifying reads all of it: every frame, checksum and index. Appends go on meanwhile." } },
                    Some(None) => { @if let Some(at) = progress {
                        progress max=(at.total.max(1)) value=(at.done) aria-label="How much is verified" {}
                        p.muted { (words::number(at.done)) " of " (words::number(at.total)) }
                    } },
                    Some(Some(Ok(report))) => { (told(&report)) },
                    Some(Some(Err(fault))) => { div.notice.bad { (fault) } },
                }
            }
        }
    }
}

fn told(report: &VerifyReport) -> Markup {
    html! {
        @if report.faults.is_empty() { div.notice.good { strong { "It is whole. " } (words::count(report.events, "event")) " and " (words::count(report.documents, "document")) " were checked." } }
        @else {
            div.notice.bad { strong { "It is damaged. " } "Stop, keep the files, and look:" }
            dl.facts { @for fault in report.faults.iter().take(100) { dt.mono { (fault.place) } dd { (fault.fault) } } }
        }
        dl.facts {
            @if report.segments > 0 { dt { "Segments" } dd { (words::number(report.segments)) } }
            @if report.bytes > 0 { dt { "Bytes" } dd { (words::bytes(report.bytes)) } }
        }
    }
}

/// `POST /store/verify`: begins a check, unless one goes on.
pub(super) async fn verify(State(web): State<Web>, posted: Posted) -> Result<Redirect, Fault> {
    let posted = posted.at_least(Role::Admin)?;
    audit::record(web.store(), &posted.caller, "verify", "store", json!({}), "begun").await;
    let mut verifying = web.verifying().lock();
    if verifying.as_ref().is_none_or(|verifying| verifying.outcome.borrow().is_some()) {
        let (told, progress) = watch::channel(VerifyProgress::default());
        let (ended, outcome) = watch::channel(None);
        *verifying = Some(Verifying { progress, outcome });
        let store = web.store().clone();
        tokio::spawn(async move {
            let report = store
                .verify(&|progress| {
                    let _ = told.send(progress);
                })
                .await;
            let _ = ended.send(Some(report.map_err(|error| error.to_string())));
        });
    }
    Ok(Redirect::to("/store"))
}
