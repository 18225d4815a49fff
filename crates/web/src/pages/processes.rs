//! Process managers: their machines, their instances, and one instance with all that it has decided.

mod ages;
mod instance;
mod machine;

use axum::{
    extract::{Path, Query, State},
    response::Redirect,
};
use engine_runtime::{
    map::ProcessDescription,
    processes::{InstanceState, ProcessesError},
};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    Fault, Nav, Page, Posted, Seen, layout,
    parts::{empty, encoded, notice, words},
};
use crate::{Web, access::Role, api::Problem, audit};

/// How many instances a page shows.
const SHOWN: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    state: String,
    /// For how long it has done nothing, as one of the words of `ages`.
    #[serde(default)]
    quiet: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    done: String,
    #[serde(default)]
    fault: String,
}

impl Which {
    fn some(text: &str) -> Option<&str> {
        Some(text).filter(|text| !text.is_empty())
    }

    fn told(&self) -> Markup {
        html! {
            @if !self.done.is_empty() { (notice("good", &self.done)) }
            @if !self.fault.is_empty() { (notice("bad", &self.fault)) }
        }
    }
}

/// `/processes`: which there are.
pub(super) async fn list(Seen(caller): Seen, State(web): State<Web>) -> Page {
    let processes = &web.map().processes;
    let body = html! {
        (layout::head(&html! { "Processes" }, "A process manager listens to events and sends commands. Each instance is one process under way.", &html! {}))
        @if processes.is_empty() { section.card { (empty("No process managers", "This application registers none.")) } }
        @for process in processes {
            section.card {
                header {
                    h2 { a href={ "/processes/" (process.name) } { (process.name) } }
                    span.muted { "hears " (words::count(process.event_types.len() as u64, "type")) " of events" }
                }
                @if let Some(machine) = &process.machine { div.scroll { div.body { (machine::draw(machine, None)) } } }
            }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Processes, "Processes", &body))
}

fn described<'a>(web: &'a Web, name: &str) -> Result<&'a ProcessDescription, Problem> {
    let found = web.map().processes.iter().find(|process| process.name == name);
    found.ok_or_else(|| Problem::not_found(format!("There is no process manager `{name}`.")))
}

/// `/processes/{name}`: its instances.
pub(super) async fn instances(
    Seen(caller): Seen,
    State(web): State<Web>,
    Path(name): Path<String>,
    Query(which): Query<Which>,
) -> Page {
    let process = described(&web, &name)?;
    let (instances, next) = ages::page(&web, &name, &which).await?;
    let stages: Vec<_> =
        process.machine.iter().flat_map(|machine| machine.states).map(|state| state.name).collect();
    let body = html! {
        (layout::head(&html! { (name) }, "", &html! { a.button href="/processes" { "All processes" } }))
        (which.told())
        @if let Some(machine) = &process.machine {
            section.card { header { h2 { "Its machine" } } div.scroll { div.body { (machine::draw(machine, Which::some(&which.state))) } } }
        }
        form.filters action={ "/processes/" (name) } {
            div.field {
                label for="state" { "State" }
                select id="state" name="state" {
                    option value="" { "all" }
                    @for word in ["running", "ended", "parked"].into_iter().chain(stages) { option value=(word) selected[word == which.state] { (word) } }
                }
            }
            div.field {
                label for="quiet" { "Quiet for" }
                select id="quiet" name="quiet" {
                    option value="" { "any time" }
                    @for (word, shown, _) in ages::QUIET { option value=(word) selected[word == which.quiet] { (shown) " or more" } }
                }
            }
            button type="submit" { "Show" }
        }
        section.card { (table(&name, &instances, next.as_deref(), &which)) }
    };
    Ok(layout::page(&web, &caller, Nav::Processes, &name, &body))
}

fn table(name: &str, instances: &[ages::Aged], next: Option<&str>, which: &Which) -> Markup {
    let link = |after: &str| {
        let (state, quiet) = (encoded(&which.state), encoded(&which.quiet));
        format!("/processes/{name}?state={state}&quiet={quiet}&after={}", encoded(after))
    };
    html! {
        @if instances.is_empty() { (empty("No instances", "None is like this. One begins when an event says so.")) }
        @else { div.scroll { table {
            thead { tr { th { "Instance" } th.fit { "State" } th { "Stage" } th.fit { "Age" } th.fit.optional { "Last entry" } th.num.fit.optional { "Entries" } th.num.fit { "Timers" } th.optional { "Error" } } }
            tbody data-rows="" { @for ages::Aged { summary: instance, began, last } in instances {
                tr {
                    td.mono { a.row-link href={ "/processes/" (name) "/" (encoded(&instance.id)) } { (instance.id) } }
                    td.fit { (badge(instance.state)) }
                    td { (instance.stage.unwrap_or("–")) }
                    td.fit { @if let Some(began) = began { (words::age(*began)) } @else { "–" } }
                    td.fit.optional.muted { @if let Some(last) = last { (words::ago(*last)) } @else { "–" } }
                    td.num.fit.optional { @if let Some(revision) = instance.revision { (revision.0 + 1) } @else { "0" } }
                    td.num.fit { (instance.timers) }
                    td.optional.wrap { (instance.error.as_deref().unwrap_or_default()) }
                }
            } }
        } } }
        footer {
            span { @if !which.after.is_empty() { a href=(link("")) { "First page" } } }
            @if let Some(next) = next { a rel="next" href=(link(next)) { "Next page" } }
        }
    }
}

fn badge(state: InstanceState) -> Markup {
    let class = match state {
        InstanceState::Running => "info",
        InstanceState::Ended => "good",
        InstanceState::Parked => "bad",
    };
    html! { span class={ "badge " (class) } { (state.word()) } }
}

/// `/processes/{name}/{id}`: one of them.
pub(super) async fn show(
    Seen(caller): Seen,
    State(web): State<Web>,
    Path((name, id)): Path<(String, String)>,
    Query(which): Query<Which>,
) -> Page {
    caller.expect_payloads(&web)?;
    let process = described(&web, &name)?;
    let report = web.bus().processes().show(&name, &id).await?;
    let body = html! {
        (layout::head(&html! { span.muted { (name) " " } (id) }, "", &html! {
            (badge(report.summary.state))
            a.button href={ "/streams/" (encoded(&format!("{name}-{id}"))) } { "Its stream" }
        }))
        (which.told())
        (instance::shown(&caller, process, &report))
    };
    Ok(layout::page(&web, &caller, Nav::Processes, &id, &body))
}

/// `POST /processes/{name}/{id}/{order}`.
pub(super) async fn order(
    State(web): State<Web>,
    Path((name, id, order)): Path<(String, String, String)>,
    posted: Posted,
) -> Result<Redirect, Fault> {
    let posted = posted.at_least(Role::Operator)?;
    let reason = posted.field("reason").trim();
    let processes = web.bus().processes();
    let done = match order.as_str() {
        "retry" => processes
            .retry(&name, &id)
            .await
            .map(|events| format!("It goes on: {} handled.", words::count(events, "event"))),
        "stop" if reason.is_empty() => Err(ProcessesError::Refused("say why it is to end".to_owned())),
        "stop" => processes.stop(&name, &id, reason).await.map(|()| "It has ended.".to_owned()),
        _ => return Err(Problem::not_found(format!("There is no order `{order}`.")).into()),
    };
    let subject = format!("{name}-{id}");
    let outcome = if done.is_ok() { "done" } else { "refused" };
    audit::record(web.store(), &posted.caller, &order, &subject, json!({ "reason": reason }), outcome).await;
    let told = match done {
        // One that had never begun is not there any more.
        Ok(done) if order == "stop" => {
            let done = format!("{id}: {done}");
            return Ok(Redirect::to(&format!("/processes/{}?done={}", encoded(&name), encoded(&done))));
        }
        Ok(done) => format!("done={}", encoded(&done)),
        Err(error) => {
            let problem = Problem::from(error);
            if problem.status() != StatusCode::UNPROCESSABLE_ENTITY {
                return Err(Fault::Problem(Box::new(problem)));
            }
            format!("fault={}", encoded(problem.detail()))
        }
    };
    Ok(Redirect::to(&format!("/processes/{}/{}?{told}", encoded(&name), encoded(&id))))
}
