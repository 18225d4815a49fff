//! The store: what is in it, checking that it is whole, and giving back room.

use axum::{
    extract::{Path, State},
    response::Redirect,
};
use engine_store::{EventStore, EventTypeCount, ScavengeReport, VerifyProgress, VerifyReport};
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
    api::Problem,
    audit,
};

/// Work on the store that goes on or has ended.
pub(crate) struct Work {
    what: What,
    progress: watch::Receiver<VerifyProgress>,
    outcome: watch::Receiver<Option<Result<Outcome, String>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Verify,
    Scavenge,
}

#[derive(Debug, Clone)]
enum Outcome {
    Verified(VerifyReport),
    Scavenged(ScavengeReport),
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
            (working(&web, &caller))
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

fn working(web: &Web, caller: &Caller) -> Markup {
    let work = web.work().lock();
    let outcome = work.as_ref().map(|work| work.outcome.borrow().clone());
    let progress = work.as_ref().map(|work| (work.what, *work.progress.borrow()));
    let goes_on = matches!(outcome, Some(None));
    html! {
        section.card id="work" data-live="" hx-get="/store" hx-select="#work" hx-target="#work" hx-swap="outerMorph" hx-trigger="live" {
            header {
                h2 { "Looking after it" }
                @if caller.role == Role::Admin && !goes_on { span.inline {
                    (button(caller, "/store/verify", "Verify", "", None))
                    (button(caller, "/store/scavenge", "Scavenge", "", Some("Remove the events that can no longer be read?")))
                } }
            }
            div.body {
                @match outcome {
                    None => {
                        p.muted { "Verifying reads all of it: every frame, checksum and index. Scavenging gives back the room of events that can no longer be read. Appends go on meanwhile." }
                    },
                    Some(None) => { @if let Some((what, at)) = progress {
                        p { @if what == What::Verify { "It is being verified." } @else { "It is being scavenged." } }
                        progress max=(at.total.max(1)) value=(at.done) aria-label="How much is done" {}
                        p.muted { (words::number(at.done)) " of " (words::number(at.total)) }
                    } },
                    Some(Some(Ok(Outcome::Verified(report)))) => { (told(&report)) },
                    Some(Some(Ok(Outcome::Scavenged(report)))) => {
                        div.notice.good { strong { "It is scavenged. " } (words::count(report.events, "event")) " removed, " (words::bytes(report.bytes)) " given back." }
                        p.muted { (words::number(report.rewritten)) " of " (words::count(report.segments, "segment")) " written anew." }
                    },
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
            @if let Some(chain) = &report.chain { dt { "Hash chain" } dd.mono { (chain.link) } }
        }
    }
}

/// `POST /store/{work}`: begins, unless something goes on.
pub(super) async fn work(
    State(web): State<Web>,
    Path(work): Path<String>,
    posted: Posted,
) -> Result<Redirect, Fault> {
    let posted = posted.at_least(Role::Admin)?;
    let what = match work.as_str() {
        "verify" => What::Verify,
        "scavenge" => What::Scavenge,
        _ => return Err(Problem::not_found(format!("There is no work `{work}`.")).into()),
    };
    audit::record(web.store(), &posted.caller, &work, "store", json!({}), "begun").await;
    let mut work = web.work().lock();
    if work.as_ref().is_none_or(|work| work.outcome.borrow().is_some()) {
        let (told, progress) = watch::channel(VerifyProgress::default());
        let (ended, outcome) = watch::channel(None);
        *work = Some(Work { what, progress, outcome });
        let store = web.store().clone();
        tokio::spawn(async move {
            let _ = ended.send(Some(carry_out(&*store, what, told).await));
        });
    }
    Ok(Redirect::to("/store"))
}

async fn carry_out(
    store: &dyn EventStore,
    what: What,
    told: watch::Sender<VerifyProgress>,
) -> Result<Outcome, String> {
    let tell = |progress: VerifyProgress| {
        let _ = told.send(progress);
    };
    match what {
        What::Verify => store.verify(&tell).await.map(Outcome::Verified).map_err(|error| error.to_string()),
        What::Scavenge => {
            store.scavenge(&tell).await.map(Outcome::Scavenged).map_err(|error| error.to_string())
        }
    }
}
