//! `/timers`: the commands that wait for their time.

use axum::extract::{Query, State};
use engine_runtime::timers::TimerReport;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Nav, Page, Seen, layout,
    parts::{empty, encoded},
};
use crate::{Web, api};

/// How many timers a page shows.
const SHOWN: usize = 100;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    after: String,
}

pub(super) async fn list(Seen(caller): Seen, State(web): State<Web>, Query(which): Query<Which>) -> Page {
    let after = Some(which.after.as_str()).filter(|after| !after.is_empty());
    let page = web.bus().timers().list(after.map(api::timers::id).transpose()?, SHOWN).await?;
    let here =
        after.map_or_else(|| "/timers".to_owned(), |after| format!("/timers?after={}", encoded(after)));
    let body = html! {
        (layout::head(&html! { "Timers" }, "Commands that are sent at their time, also after a restart.", &html! {}))
        section.card id="timers" data-live="" hx-get=(here) hx-select="#timers" hx-target="#timers" hx-swap="outerMorph" hx-trigger="live" {
            @if page.timers.is_empty() {
                (empty("No timer waits", "Process managers set them, and so does `engine send … --in 15m`."))
            } @else { div.scroll { table {
                thead { tr { th.fit { "Due" } th { "Set by" } th { "Command" } th.optional { "For" } } }
                tbody { @for timer in &page.timers { (row(timer)) } }
            } } }
            @if let Some(next) = page.next { a rel="next" href={ "/timers?after=" (next) } { "Next page" } }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Timers, "Timers", &body))
}

fn row(timer: &TimerReport) -> Markup {
    html! { tr {
        td.fit { (timer.due) @if let Some(error) = &timer.error { " " span.type { (error) } } }
        td {
            @match (&timer.process, &timer.instance) {
                (Some(process), Some(instance)) => {
                    a.mono href={ "/processes/" (encoded(process)) "/" (encoded(instance)) } { (process) "-" (instance) }
                    @if let Some(name) = &timer.name { ", " (name) }
                },
                _ => "a sender",
            }
        }
        td { a.type href={ "/commands/" (encoded(&timer.command)) } { (timer.command) } }
        td.optional { (layout::stream_link(&timer.target)) }
    } }
}
