//! Persistent subscriptions: groups of consumers, how they are doing, what they have parked; making, changing and
//! removing them.

mod settings;
mod shown;

use std::sync::Arc;

use axum::{
    extract::{Path, Query, State},
    response::Redirect,
};
use engine_types::StreamName;
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::json;

use super::{
    Fault, Nav, Page, Posted, Seen, layout,
    parts::{empty, encoded, notice, words},
};
use crate::{
    Web,
    access::{Caller, Role},
    api::Problem,
    audit,
    groups::{GroupKey, GroupReport, Groups, GroupsError},
};

/// How many parked events a page shows.
const PARKED: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Told {
    #[serde(default)]
    done: String,
    #[serde(default)]
    fault: String,
}

impl Told {
    fn shown(&self) -> Markup {
        html! {
            @if !self.done.is_empty() { (notice("good", &self.done)) }
            @if !self.fault.is_empty() { (notice("bad", &self.fault)) }
        }
    }
}

fn groups(web: &Web) -> Result<&Arc<dyn Groups>, Problem> {
    web.groups().ok_or_else(|| Problem::not_found("This node keeps no persistent subscriptions."))
}

/// The page of a group.
fn path(key: &GroupKey) -> String {
    format!("/subscriptions/{}/{}", encoded(&key.source), encoded(&key.group))
}

/// `/subscriptions`: all of them.
pub(super) async fn list(Seen(caller): Seen, State(web): State<Web>, Query(told): Query<Told>) -> Page {
    let reports = groups(&web)?.list().await?;
    let may = caller.role >= Role::Operator;
    let mut rows = Vec::new();
    for report in &reports {
        rows.push((report, behind(&web, report).await?));
    }
    let body = html! {
        (layout::head(&html! { "Persistent subscriptions" }, "Groups of consumers that share the events of a stream, or of all streams. The node keeps their place.",
            &html! { @if may { a.button.primary href="/subscriptions/new" { "New subscription" } } }))
        (told.shown())
        section.card id="groups" data-live="" hx-get="/subscriptions" hx-select="#groups" hx-target="#groups" hx-swap="outerMorph" hx-trigger="live" {
            @if rows.is_empty() { (empty("No persistent subscriptions", "Clients of EventStoreDB and KurrentDB make them, or you here.")) }
            @else { div.scroll { table {
                thead { tr {
                    th { "Group" } th { "Source" } th.fit { "State" } th.num.fit { "Behind" } th.num.fit { "Parked" } th.num.fit.optional { "With consumers" } th.num.fit.optional { "Consumers" }
                } }
                tbody data-rows="" { @for (report, behind) in rows { (row(report, behind)) } }
            } } }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Subscriptions, "Persistent subscriptions", &body))
}

fn row(report: &GroupReport, behind: Option<u64>) -> Markup {
    let key = &report.definition.key;
    html! {
        tr {
            td.wrap { a.row-link href=(path(key)) { strong { (key.group) } } }
            td.wrap { (shown::source(&key.source)) }
            td.fit { (shown::state(report)) }
            td.num.fit { @if let Some(behind) = behind { (words::number(behind)) } @else { "–" } }
            td.num.fit { @if report.parked > 0 { a href={ (path(key)) "#parked" } { (words::number(report.parked)) } } @else { "0" } }
            td.num.fit.optional { (report.held) }
            td.num.fit.optional { (report.consumers.len()) }
        }
    }
}

/// How many places the group is behind the end of its source; absent where the source has none.
async fn behind(web: &Web, report: &GroupReport) -> Result<Option<u64>, Problem> {
    let source = &report.definition.key.source;
    let end = if source == "$all" {
        web.store().head().await?.map(|head| head.0)
    } else {
        let stream = StreamName::new(source.as_str())?;
        web.store().current_revision(&stream).await?.revision().map(|revision| revision.0)
    };
    let done = report.checkpoint.map_or(0, |place| place + 1);
    Ok(end.map(|end| (end + 1).saturating_sub(done)))
}

/// `/subscriptions/new`: an empty form.
pub(super) async fn new(Seen(caller): Seen, State(web): State<Web>) -> Page {
    if caller.role < Role::Operator {
        return Err(Problem::forbidden(&caller, Role::Operator).into());
    }
    new_page(&web, &caller, &[], "")
}

/// A form for a new group. `sent` is shown again, with what is wrong.
fn new_page(web: &Web, caller: &Caller, sent: &[(String, String)], fault: &str) -> Page {
    let defaults = groups(web)?.defaults();
    let body = html! {
        (layout::head(&html! { "New subscription" }, "", &html! { a.button href="/subscriptions" { "All subscriptions" } }))
        section.card { div.body { (settings::new_form(caller, &defaults, sent, fault)) } }
    };
    Ok(layout::page(web, caller, Nav::Subscriptions, "New subscription", &body))
}

/// `POST /subscriptions`: makes one, or shows the form again with what is wrong.
pub(super) async fn create(
    State(web): State<Web>,
    posted: Posted,
) -> Result<Result<Redirect, Markup>, Fault> {
    let posted = posted.at_least(Role::Operator)?;
    let key = GroupKey {
        source: posted.field("source").trim().to_owned(),
        group: posted.field("group").trim().to_owned(),
    };
    let made = async {
        if key.source.is_empty() || key.group.is_empty() {
            return Err(GroupsError::Refused("the stream and the name of the group are needed".to_owned()));
        }
        let definition = settings::read(&posted, key.clone())?;
        groups(&web)
            .map_err(|problem| GroupsError::Refused(problem.detail().to_owned()))?
            .create(definition)
            .await
    };
    let made =
        audit::order(web.store(), &posted.caller, "create", &key.to_string(), details(&posted), made).await;
    match made {
        Ok(()) => Ok(Ok(Redirect::to(&format!("{}?done={}", path(&key), encoded("It is made."))))),
        Err(GroupsError::Refused(fault)) => Ok(Err(new_page(&web, &posted.caller, &posted.fields, &fault)?)),
        Err(error) => Err(error.into()),
    }
}

/// What was asked for, as it is recorded.
fn details(posted: &Posted) -> serde_json::Value {
    let fields: serde_json::Map<_, _> =
        posted.fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    fields.into()
}

/// `/subscriptions/{source}/{group}`: one of them.
pub(super) async fn show(
    Seen(caller): Seen,
    State(web): State<Web>,
    Path((source, group)): Path<(String, String)>,
    Query(told): Query<Told>,
) -> Page {
    let key = GroupKey { source, group };
    let report = groups(&web)?.report(&key).await?;
    let parked = groups(&web)?.parked(&key, PARKED).await?;
    let behind = behind(&web, &report).await?;
    let body = html! {
        (layout::head(&html! { span.muted { (key.source) " " } (key.group) }, "", &html! { (shown::state(&report)) a.button href="/subscriptions" { "All subscriptions" } }))
        (told.shown())
        (shown::facts(&report, behind, &path(&key)))
        (shown::consumers(&report))
        (shown::parked(&caller, &report, &parked, &path(&key), caller.sees_payloads(&web)))
        @if caller.role >= Role::Operator { (settings::change(&caller, &report, &path(&key))) }
    };
    Ok(layout::page(&web, &caller, Nav::Subscriptions, &key.group, &body))
}

/// `POST /subscriptions/{source}/{group}`: changes it, removes it, or delivers parked events again.
pub(super) async fn order(
    State(web): State<Web>,
    Path((source, group)): Path<(String, String)>,
    posted: Posted,
) -> Result<Redirect, Fault> {
    let posted = posted.at_least(Role::Operator)?;
    let key = GroupKey { source, group };
    let groups = groups(&web)?;
    let what = posted.field("do").to_owned();
    let done = async {
        match what.as_str() {
            "replay" => groups.replay(&key, settings::limit(&posted)?).await,
            "update" => groups.update(settings::read(&posted, key.clone())?).await,
            "delete" => groups.delete(&key).await,
            _ => Err(GroupsError::Refused(format!("there is no order `{what}`"))),
        }
    };
    let done =
        audit::order(web.store(), &posted.caller, &what, &key.to_string(), details(&posted), done).await;
    let told = match (done, what.as_str()) {
        (Ok(()), "replay") => "done=Parked%20events%20are%20delivered%20again.".to_owned(),
        (Ok(()), "delete") => {
            return Ok(Redirect::to(&format!(
                "/subscriptions?done={}",
                encoded(&format!("{key} is no more."))
            )));
        }
        (Ok(()), _) => "done=It%20is%20changed%2C%20and%20its%20consumers%20connect%20again.".to_owned(),
        (Err(GroupsError::Refused(fault)), _) => format!("fault={}", encoded(&fault)),
        (Err(error), _) => return Err(error.into()),
    };
    Ok(Redirect::to(&format!("{}?{told}", path(&key))))
}
