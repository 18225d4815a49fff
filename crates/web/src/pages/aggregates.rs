//! An aggregate in time: its state at any revision, what each event changed, and what a command would have led to.

use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse, Redirect, Response},
};
use engine_runtime::{Body, map::AggregateDescription};
use engine_store::{ReadStream, RecordedEvent};
use engine_types::{Revision, StreamName};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Value;

use super::{
    Fault, Nav, Page, Posted, Seen,
    commands::{answer, refusal},
    layout::{self, stream_link},
    parts::{encoded, form, json, secret, words},
};
use crate::{
    Web,
    access::{Caller, Role},
    api::Problem,
};

#[derive(Debug, Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    category: String,
    #[serde(default)]
    id: String,
}

/// `/aggregates`: which one?
pub(super) async fn choose(
    Seen(caller): Seen,
    State(web): State<Web>,
    Query(Chosen { category, id }): Query<Chosen>,
) -> Response {
    if !category.is_empty() && !id.is_empty() {
        return Redirect::to(&format!("/aggregates/{}/{}", encoded(&category), encoded(id.trim())))
            .into_response();
    }
    let body = html! {
        (layout::head(&html! { "Aggregates" }, "Look at the state of an instance as it is, or as it was at any revision.", &html! {}))
        form.filters action="/aggregates" {
            div.field {
                label for="category" { "Category" }
                select id="category" name="category" {
                    @for aggregate in &web.map().aggregates { option value=(aggregate.category) { (aggregate.category) } }
                }
            }
            div.field { label for="id" { "Id" } input.wide id="id" name="id" required autocomplete="off"; }
            button.primary type="submit" { "Show" }
        }
        div.list { @for aggregate in &web.map().aggregates {
            a href={ "/streams?category=" (aggregate.category) } {
                strong { (aggregate.category) }
                span { (words::count(aggregate.commands.len() as u64, "command")) ", " (words::count(aggregate.events.len() as u64, "type")) " of events" }
            }
        } }
    };
    layout::page(&web, &caller, Nav::Aggregates, "Aggregates", &body).into_response()
}

#[derive(Debug, Deserialize)]
pub(super) struct At {
    at: Option<u64>,
    #[serde(default)]
    command: String,
}

/// `/aggregates/{category}/{id}`.
pub(super) async fn page(
    Seen(caller): Seen,
    State(web): State<Web>,
    Path((category, id)): Path<(String, String)>,
    Query(At { at, command }): Query<At>,
) -> Page {
    caller.expect_payloads(&web)?;
    let shown = Shown::load(&web, &category, &id, at).await?;
    let body = html! {
        (layout::head(&html! { span.muted { (category) " " } (id) }, "", &html! { a.button href={ "/streams/" (encoded(shown.stream.as_str())) } { "Its stream" } }))
        (time_travel(&shown, &category, &id))
        (what_if(&web, &caller, &shown, &category, &id, &command, &[], &html! {}))
    };
    Ok(layout::page(&web, &caller, Nav::Aggregates, &id, &body))
}

/// An instance at a revision.
struct Shown {
    stream: StreamName,
    at: u64,
    last: u64,
    event: Option<RecordedEvent>,
    state: Value,
    /// The state one event before, where there is one.
    before: Value,
    /// Why the state cannot be told.
    fault: Option<String>,
}

impl Shown {
    async fn load(web: &Web, category: &str, id: &str, at: Option<u64>) -> Result<Self, Problem> {
        let known = web.map().aggregates.iter().any(|aggregate| aggregate.category == category);
        if !known {
            return Err(Problem::not_found(format!("There is no aggregate of category `{category}`.")));
        }
        let stream = StreamName::of_instance(category, id)?;
        let newest = web.store().read_stream(ReadStream::backwards(stream.clone()).limit(1)).await?;
        let last = newest.last.0;
        let at = at.unwrap_or(last).min(last);
        let request = ReadStream::forwards(stream.clone()).from(Revision(at)).limit(1);
        let event = web.store().read_stream(request).await?.events.into_iter().next();
        let (state, fault) = match web.bus().state_by_name(category, id, Some(Revision(at))).await {
            Ok(state) => (state.map_or(Value::Null, |state| state.state), None),
            Err(error) => (Value::Null, Some(error.to_string())),
        };
        let before = match at.checked_sub(1) {
            Some(before) => {
                let before = web.bus().state_by_name(category, id, Some(Revision(before))).await;
                before.ok().flatten().map_or(Value::Null, |state| state.state)
            }
            None => Value::Null,
        };
        let event = event.filter(|event| event.revision.0 == at);
        Ok(Shown { stream, at, last, event, state, before, fault })
    }
}

fn time_travel(shown: &Shown, category: &str, id: &str) -> Markup {
    let path = format!("/aggregates/{}/{}", encoded(category), encoded(id));
    html! {
        div.grid id="then" {
            section.card { div.body {
                form.slider action=(path) {
                    label for="at" { "Revision " output.mono id="at-shown" { (shown.at) } " of " (shown.last) }
                    input type="range" id="at" name="at" min="0" max=(shown.last) value=(shown.at) data-shows="#at-shown"
                        hx-get=(path) hx-trigger="input changed delay:60ms" hx-target="#then" hx-select="#then" hx-swap="outerMorph";
                    span.actions {
                        @if let Some(before) = shown.at.checked_sub(1) { a.button href={ (path) "?at=" (before) } aria-label="One event back" { "‹" } }
                        @if shown.at < shown.last { a.button href={ (path) "?at=" (shown.at + 1) } aria-label="One event on" { "›" } }
                        noscript { button type="submit" { "Show" } }
                    }
                }
            } }
            div.grid.two {
                section.card {
                    header { h2 { "State" } span.muted.small { "after revision " span id="state-at" { (shown.at) } } }
                    div.body id="state" {
                        @if let Some(fault) = &shown.fault { div.notice.bad { strong { "The events cannot be folded. " } (fault) } }
                        @else { (json::tree(&shown.state)) }
                    }
                }
                section.card {
                    header { h2 { "What this event changed" } }
                    div.body {
                        @if let Some(event) = &shown.event {
                            div { a.type href={ "/events/" (event.position) } { (event.event_type) } " " span.muted { "stored " (words::ago(event.created)) } }
                            @if let Ok(data) = serde_json::from_slice(&event.data) { (json::tree(&data)) }
                        } @else { p.muted { "The event of this revision can no longer be read." } }
                        (difference(&shown.before, &shown.state))
                    }
                }
            }
            p.muted { "Stream " (stream_link(shown.stream.as_str())) }
        }
    }
}

fn difference(before: &Value, after: &Value) -> Markup {
    let found = json::differences(before, after);
    let side = |value: &Value| json::brief(value.to_string().as_bytes());
    html! {
        @if found.is_empty() { p.muted { "Nothing in the state." } }
        div.diff { @for (path, before, after) in found.iter().take(200) {
            @if let Some(before) = before { div.minus { "− " (path) @if !path.is_empty() { ": " } (side(before)) } }
            @if let Some(after) = after { div.plus { "+ " (path) @if !path.is_empty() { ": " } (side(after)) } }
        } }
    }
}

/// A command that is decided against the state that is shown, and never stored.
#[expect(clippy::too_many_arguments, reason = "what the form shows again, and the answer")]
fn what_if(
    web: &Web,
    caller: &Caller,
    shown: &Shown,
    category: &str,
    id: &str,
    command: &str,
    values: &[(String, String)],
    answer: &Markup,
) -> Markup {
    let Some(aggregate) = web.map().aggregates.iter().find(|aggregate| aggregate.category == category) else {
        return html! {};
    };
    let path = format!("/aggregates/{}/{}?at={}", encoded(category), encoded(id), shown.at);
    html! {
        section.card id="what-if" {
            header { h2 { "What if?" } span.muted.small { "decided against revision " (shown.at) ", stored nowhere" } }
            div.body {
                nav.actions aria-label="Commands" { @for known in &aggregate.commands {
                    a.button href={ (path) "&command=" (known.name) "#what-if" } aria-current=[(known.name == command).then_some("true")] { (known.name) }
                } }
                @if let Some(known) = chosen(aggregate, command) {
                    form.form method="post" action={ (path) "#what-if" } {
                        (secret(caller))
                        input type="hidden" name="$command" value=(known.name);
                        @let values = if values.is_empty() { vec![(known.id_field.to_owned(), id.to_owned())] } else { values.to_vec() };
                        (form::inputs(known.fields, &values, None))
                        div.actions { button.primary type="submit" { "Decide" } }
                    }
                }
                (answer)
            }
        }
    }
}

fn chosen<'a>(
    aggregate: &'a AggregateDescription,
    command: &str,
) -> Option<&'a engine_runtime::map::CommandDescription> {
    aggregate.commands.iter().find(|known| known.name == command)
}

/// `POST /aggregates/{category}/{id}`: decides, and shows what would have been stored.
pub(super) async fn dry_run(
    State(web): State<Web>,
    Path((category, id)): Path<(String, String)>,
    Query(At { at, .. }): Query<At>,
    posted: Posted,
) -> Page {
    let mut posted = posted.at_least(Role::Operator)?;
    let name = posted.take("$command").unwrap_or_default();
    let shown = Shown::load(&web, &category, &id, at).await?;
    let known = web.map().commands().find(|(_, command)| command.name == name).map(|(_, command)| command);
    let values = form::filled(known.map_or(&[], |command| command.fields), &posted.fields);
    let decided = web.bus().dry_run_by_name_at(&name, Body::Texts(values), Revision(shown.at)).await;
    let told = match decided {
        Ok(events) => answer(&events, "It would have led to"),
        Err(error) => refusal(&Problem::from(error)),
    };
    let caller = &posted.caller;
    let body = html! {
        (layout::head(&html! { span.muted { (category) " " } (id) }, "", &html! {}))
        (time_travel(&shown, &category, &id))
        (what_if(&web, caller, &shown, &category, &id, &name, &posted.fields, &told))
    };
    Ok::<_, Fault>(layout::page(&web, caller, Nav::Aggregates, &id, &body))
}
