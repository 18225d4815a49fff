//! Handlers and read models: how they are doing, and telling them what to do.

use axum::{
    extract::{Path, Query, State},
    response::Redirect,
};
use engine_runtime::{
    listen::{HandlerReport, HandlerState},
    read_models::{ProjectionReport, RebuildProgress},
};
use engine_types::Position;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    Fault, Nav, Page, Posted, Seen, layout,
    parts::{button, empty, encoded, notice, secret, words},
};
use crate::{
    Web,
    access::{Caller, Role},
    api::Problem,
    audit,
};

#[derive(Debug, Deserialize)]
pub(super) struct Told {
    /// What was just done.
    #[serde(default)]
    done: String,
}

/// `/handlers`.
pub(super) async fn page(
    Seen(caller): Seen,
    State(web): State<Web>,
    Query(Told { done }): Query<Told>,
) -> Page {
    let handlers = web.bus().handlers().list().await?;
    let models = web.bus().projections().list().await?;
    let may = caller.role >= Role::Operator;
    let body = html! {
        (layout::head(&html! { "Handlers" }, "What listens to events. A read model is a handler that keeps rows.", &html! {}))
        @if !done.is_empty() { (notice("good", &done)) }
        section.card id="handlers" data-live="" hx-get="/handlers" hx-select="#handlers" hx-target="#handlers" hx-swap="outerMorph" hx-trigger="live" {
            header { h2 { "All handlers" } }
            @if handlers.is_empty() { (empty("No handlers", "This application registers none.")) }
            @else { div.scroll { table {
                thead { tr {
                    th { "Handler" } th.fit { "State" } th.num.fit { "Behind" } th.num.fit { "Age" } th.num.fit { "Checkpoint" }
                    th.num.fit.optional { "Handled" } th.num.fit { "Parked" } th.optional { "Owner" } th.fit { span.hidden-text { "Orders" } }
                } }
                tbody { @for handler in &handlers { (row(handler, &caller, may, models.iter().any(|model| model.name == handler.name))) } }
            } } }
        }
        section.card id="read-models" data-live="" hx-get="/handlers" hx-select="#read-models" hx-target="#read-models" hx-swap="outerMorph" hx-trigger="live" {
            header { h2 { "Read models" } }
            @if models.is_empty() { (empty("No read models", "This application registers none.")) }
            @else { div.scroll { table {
                thead { tr {
                    th { "Read model" } th.num.fit { "Version" } th.num.fit { "Generation" } th.fit { "Shown" } th.num.fit { "Position" }
                    th.fit.optional { "Kept in" } th { "Rebuild" } th.fit { span.hidden-text { "Orders" } }
                } }
                tbody { @for model in &models { (model_row(model, &caller, may)) } }
            } } }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Handlers, "Handlers", &body))
}

/// The state of a handler as a badge.
pub(super) fn state(state: &HandlerState) -> Markup {
    let class = match state {
        HandlerState::Live => "good",
        HandlerState::Starting | HandlerState::CatchingUp | HandlerState::Elsewhere => "info",
        HandlerState::Paused => "warn",
        _ => "bad",
    };
    html! { span class={ "badge " (class) } title=(state) { (state.word().replace('_', " ")) } }
}

/// A handler, and what can be done with it: a read model is built anew instead of being reset.
fn row(handler: &HandlerReport, caller: &Caller, may: bool, is_model: bool) -> Markup {
    let path = format!("/handlers/{}", encoded(&handler.name));
    let owners: Vec<_> = handler.owners.iter().map(|owner| owner.as_deref().unwrap_or("nobody")).collect();
    html! {
        tr id={ "handler-" (handler.name) } {
            td.wrap {
                strong { (handler.name) } @if handler.strong { " " span.badge.plain title="Strong commands wait for it" { "strong" } }
                @if handler.partitions > 1 { " " span.badge.plain { (handler.partitions) " partitions" } }
                @if super::overview::is_broken(&handler.state) { div.small.wrap { (handler.state) } }
                @if let Some(fault) = &handler.fault { div.small.wrap { "its checkpoint cannot be stored: " (fault) } }
            }
            td.fit { (state(&handler.state)) }
            td.num.fit { (words::number(handler.lag_events)) }
            td.num.fit { @if handler.lag_events > 0 { (words::span(handler.lag_ms)) } @else { "–" } }
            td.num.fit.mono { @if let Some(at) = handler.checkpoint { (at) } @else { "–" } }
            td.num.fit.optional { (words::number(handler.handled)) }
            td.num.fit { @if handler.parked_keys > 0 { a href="/parked" { (handler.parked_keys) } } @else { "0" } }
            td.optional.small.muted { (one_or_all(&owners)) }
            td.fit { @if may { span.inline {
                @if matches!(handler.state, HandlerState::Paused | HandlerState::Stopped { .. }) { (button(caller, &format!("{path}/resume"), "Resume", "", None)) }
                @else { (button(caller, &format!("{path}/pause"), "Pause", "", None)) }
                @if !is_model { a.button href={ (path) "/reset" } { "Reset…" } }
            } } }
        }
    }
}

fn one_or_all(owners: &[&str]) -> String {
    match owners {
        [] => "–".to_owned(),
        [first, rest @ ..] if rest.iter().all(|owner| owner == first) => (*first).to_owned(),
        owners => owners.join(", "),
    }
}

fn model_row(model: &ProjectionReport, caller: &Caller, may: bool) -> Markup {
    let path = format!("/read-models/{}", encoded(model.name));
    html! {
        tr id={ "model-" (model.name) } {
            td.wrap { strong { (model.name) } @if let Some(fault) = &model.fault { div.small { (fault) } } }
            td.num.fit { (model.version) }
            td.num.fit.generation { (model.generation) }
            td.fit { @if model.ready { span.badge.good { "ready" } } @else { span.badge.info { "building " (model.percent.unwrap_or(0)) " %" } } }
            td.num.fit.mono { @if let Some(at) = model.position { (at) } @else { "–" } }
            td.fit.optional { (model.place) }
            td { @if let Some(rebuild) = &model.rebuild { (progress(rebuild)) } @else { span.muted { "–" } } }
            td.fit { @if may {
                @if model.rebuild.is_some() { (button(caller, &format!("{path}/cancel"), "Cancel", "danger", None)) }
                @else { (button(caller, &format!("{path}/rebuild"), "Rebuild", "", None)) }
            } }
        }
    }
}

fn progress(rebuild: &RebuildProgress) -> Markup {
    let done = rebuild.position.map_or(0, |at| at.0 + 1);
    let all = rebuild.head.map_or(done, |head| head.0 + 1).max(1);
    html! {
        progress max=(all) value=(done) aria-label="How much is built" {}
        span.small.muted {
            (words::count(rebuild.events, "event")) ", " (words::number(rebuild.events_per_second)) "/s, "
            (words::span(u64::try_from(rebuild.eta.as_millis()).unwrap_or(u64::MAX))) " left"
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct After {
    #[serde(default)]
    after: String,
}

impl After {
    fn position(&self) -> Result<Option<Position>, Problem> {
        let text = self.after.trim();
        if text.is_empty() {
            return Ok(None);
        }
        let fault = || {
            Problem::bad_request(format!(
                "`{text}` is no position: use a number, or nothing for the first event"
            ))
        };
        text.parse().map(|position| Some(Position(position))).map_err(|_| fault())
    }
}

/// `/handlers/{name}/reset`: what a reset would lead to, before it is done.
pub(super) async fn preview(
    Seen(caller): Seen,
    State(web): State<Web>,
    Path(name): Path<String>,
    Query(after): Query<After>,
) -> Page {
    let preview = web.bus().handlers().preview_reset(&name, after.position()?).await?;
    let path = format!("/handlers/{}/reset", encoded(&name));
    let body = html! {
        (layout::head(&html! { "Reset " (name) }, "It handles events again, behind the position that you choose, or from the first.", &html! {}))
        section.card { div.body {
            form.filters action=(path) {
                div.field { label for="after" { "Behind position" } input id="after" name="after" value=(after.after) placeholder="the first event" inputmode="numeric"; }
                button type="submit" { "Preview" }
            }
            div.notice.warn role="status" {
                strong { (words::count(preview.events, "event")) } " would be handled again, or for the first time"
                @if preview.parked_keys > 0 { ", and " (words::count(preview.parked_keys as u64, "parked sequence")) " forgotten" } "."
            }
            form method="post" action=(path) {
                (secret(&caller))
                input type="hidden" name="after" value=(after.after);
                div.actions { button.danger type="submit" { "Reset it" } a.button href="/handlers" { "Leave it" } }
            }
        } }
    };
    Ok(layout::page(&web, &caller, Nav::Handlers, &format!("Reset {name}"), &body))
}

/// `POST /handlers/{name}/{order}`.
pub(super) async fn order(
    State(web): State<Web>,
    Path((name, order)): Path<(String, String)>,
    posted: Posted,
) -> Result<Redirect, Fault> {
    let posted = posted.at_least(Role::Operator)?;
    let handlers = web.bus().handlers();
    let after = After { after: posted.field("after").to_owned() };
    let (result, done) = match order.as_str() {
        "pause" => (handlers.pause(&name).await, format!("{name} rests, over restarts too.")),
        "resume" => (handlers.resume(&name).await, format!("{name} goes on.")),
        "reset" => (handlers.reset(&name, after.position()?).await, format!("{name} handles events again.")),
        _ => return Err(Problem::not_found(format!("There is no order `{order}`.")).into()),
    };
    let outcome = if result.is_ok() { "done" } else { "refused" };
    audit::record(web.store(), &posted.caller, &order, &name, json!({ "after": after.after }), outcome).await;
    result?;
    Ok(Redirect::to(&format!("/handlers?done={}", encoded(&done))))
}

/// `POST /read-models/{name}/{order}`.
pub(super) async fn rebuild(
    State(web): State<Web>,
    Path((name, order)): Path<(String, String)>,
    posted: Posted,
) -> Result<Redirect, Fault> {
    let posted = posted.at_least(Role::Operator)?;
    let projections = web.bus().projections();
    let done = match order.as_str() {
        "rebuild" => {
            let order = projections.rebuild(&name);
            audit::order(web.store(), &posted.caller, "rebuild", &name, json!({}), order).await?;
            format!("{name} is being built anew. What it shows now is shown until then.")
        }
        "cancel" => {
            if let Some(rebuild) = projections.rebuilding(&name)? {
                rebuild.cancel();
            }
            audit::record(web.store(), &posted.caller, "cancel", &name, json!({}), "done").await;
            format!("The rebuild of {name} is broken off.")
        }
        _ => return Err(Problem::not_found(format!("There is no order `{order}`.")).into()),
    };
    Ok(Redirect::to(&format!("/handlers?done={}", encoded(&done))))
}
