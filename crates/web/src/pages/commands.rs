//! Commands: a typed form for each, to try or to send.

use axum::extract::{Path, Query, State};
use engine_runtime::{Body, JsonEvent, JsonReceipt, SendError, SendOptions, map::CommandDescription};
use engine_types::{CommandId, ExpectedRevision};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::json;
use uuid::Uuid;

use super::{
    Fault, Nav, Page, Posted, Seen,
    layout::{self, stream_link},
    parts::{encoded, form, json, secret},
};
use crate::{
    Web,
    access::{Caller, Role},
    api::{Problem, USER},
    audit,
};

/// Names of fields of the form that are no fields of the command.
const DO: &str = "$do";
const ID: &str = "$id";
const EXPECT: &str = "$expect";
const CORRELATION: &str = "$correlation";

/// `/commands`: all of them.
pub(super) async fn list(Seen(caller): Seen, State(web): State<Web>) -> Page {
    let audit = encoded(audit::STREAM);
    let body = html! {
        (layout::head(&html! { "Commands" }, "Each is answered by exactly one aggregate. Whatever is sent from here is recorded with your name.",
            &html! { a.button href={ "/streams/" (audit) } { "What people did" } }))
        @for aggregate in &web.map().aggregates {
            h2 { (aggregate.category) }
            div.list { @for command in &aggregate.commands {
                a href={ "/commands/" (command.name) } { strong { (command.name) } span { (command.doc) } }
            } }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Commands, "Commands", &body))
}

fn described<'a>(web: &'a Web, name: &str) -> Result<(&'static str, &'a CommandDescription), Fault> {
    let found = web.map().commands().find(|(_, command)| command.name == name);
    found.ok_or_else(|| Problem::not_found(format!("There is no command `{name}`.")).into())
}

/// `/commands/{name}`: an empty form; what stands in the URL is filled in.
pub(super) async fn form(
    Seen(caller): Seen,
    State(web): State<Web>,
    Path(name): Path<String>,
    Query(values): Query<Vec<(String, String)>>,
) -> Page {
    let (category, command) = described(&web, &name)?;
    Ok(shown(&web, &caller, category, command, &values, None, &html! {}))
}

fn shown(
    web: &Web,
    caller: &Caller,
    category: &str,
    command: &CommandDescription,
    values: &[(String, String)],
    fault: Option<(&str, &str)>,
    answer: &Markup,
) -> Markup {
    let value =
        |name: &str| values.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let may = caller.role >= Role::Operator;
    let id = Uuid::now_v7().to_string();
    let body = html! {
        (layout::head(&html! { (command.name) }, command.doc, &html! { span.badge.plain { "answered by " (category) } a.button href="/commands" { "All commands" } }))
        @if !may { div.notice.warn { "Your role may look at commands, but not send them." } }
        div.grid.two {
            section.card { div.body {
                form.form method="post" action={ "/commands/" (command.name) } {
                    (secret(caller))
                    (form::inputs(command.fields, values, fault))
                    details.more open[!value(EXPECT).is_empty()] {
                        summary { "Options" }
                        div.form {
                            div.field {
                                label for="expect" { "Expected revision" }
                                input id="expect" name=(EXPECT) value=(value(EXPECT)) placeholder="any" autocomplete="off" aria-describedby="expect-hint";
                                span.hint id="expect-hint" { "A number, none, exists or any: refused unless the instance is there." }
                            }
                            div.field {
                                label for="correlation" { "Correlation id" }
                                input id="correlation" name=(CORRELATION) value=(value(CORRELATION)) autocomplete="off";
                            }
                            div.field {
                                label for="command-id" { "Command id" }
                                input.mono id="command-id" name=(ID) value=(if value(ID).is_empty() { &id } else { value(ID) }) autocomplete="off" aria-describedby="id-hint";
                                span.hint id="id-hint" { "Sent twice with the same id, it takes effect once." }
                            }
                        }
                    }
                    div.actions {
                        button.primary type="submit" name=(DO) value="send" disabled[!may] { "Send" }
                        button type="submit" name=(DO) value="try" disabled[!may] { "Dry run" }
                    }
                }
            } }
            section.card id="answer" aria-live="polite" {
                header { h2 { "Answer" } }
                div.body { @if answer.0.is_empty() { p.muted { "A dry run decides against the present state and stores nothing." } } @else { (answer) } }
            }
        }
    };
    layout::page(web, caller, Nav::Commands, command.name, &body)
}

/// `POST /commands/{name}`: tries or sends it.
pub(super) async fn send(
    State(web): State<Web>,
    Path(name): Path<String>,
    posted: Posted,
) -> Result<(StatusCode, Markup), Fault> {
    let mut posted = posted.at_least(Role::Operator)?;
    let (category, command) = described(&web, &name)?;
    let all = posted.fields.clone();
    let is_dry = posted.take(DO).as_deref() != Some("send");
    let outcome = carry_out(&web, &mut posted, command, is_dry).await;
    let (status, told, problem) = match outcome {
        Ok(told) => (StatusCode::OK, told, None),
        Err(problem) => (problem.status(), refusal(&problem), Some(problem)),
    };
    let fault = problem.as_ref().and_then(|problem| Some((problem.field()?, problem.detail())));
    // Another try is another command, unless it is unknown what became of this one.
    let again: Vec<_> =
        all.into_iter().filter(|(name, _)| name != DO && (name != ID || status.is_server_error())).collect();
    Ok((status, shown(&web, &posted.caller, category, command, &again, fault, &told)))
}

async fn carry_out(
    web: &Web,
    posted: &mut Posted,
    command: &CommandDescription,
    is_dry: bool,
) -> Result<Markup, Problem> {
    let options = options(posted)?;
    let values = form::filled(command.fields, &posted.fields);
    let body = Body::Texts(values.clone());
    if is_dry {
        let events = web.bus().dry_run_by_name(command.name, body, options).await?;
        return Ok(answer(&events, "It would lead to"));
    }
    let sent = web.bus().send_by_name(command.name, body, options).await;
    let fields: serde_json::Map<_, _> =
        values.into_iter().map(|(name, value)| (name, value.into())).collect();
    let outcome = sent.as_ref().map_or_else(SendError::kind, |_| "accepted");
    audit::record(web.store(), &posted.caller, "send", command.name, json!({ "fields": fields }), outcome)
        .await;
    Ok(receipt(&sent?))
}

fn options(posted: &mut Posted) -> Result<SendOptions, Problem> {
    let mut take =
        |name: &str| posted.take(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let id = take(ID).map(|id| {
        Uuid::try_parse(&id)
            .map(CommandId)
            .map_err(|_| Problem::bad_request(format!("`{id}` is no command id: use a UUID")))
    });
    let expected = take(EXPECT).map(|text| text.parse::<ExpectedRevision>().map_err(Problem::bad_request));
    let mut options = SendOptions {
        command_id: id.transpose()?,
        expected: expected.transpose()?,
        correlation_id: take(CORRELATION).map(Into::into),
        ..SendOptions::default()
    };
    options.metadata.insert(USER.to_owned(), posted.caller.name.clone().into());
    Ok(options)
}

fn receipt(receipt: &JsonReceipt) -> Markup {
    let correlation = encoded(&receipt.correlation_id.0);
    let near = receipt.position.map_or_else(String::new, |position| format!("?near={position}"));
    html! {
        div.notice.good role="status" {
            strong { @if receipt.duplicate { "Accepted before. " } @else { "Accepted. " } }
            (stream_link(receipt.stream.as_str())) " is at revision " strong { (receipt.revision) } "."
        }
        div.actions {
            a.button href={ "/correlations/" (correlation) (near) } { "Follow what it led to" }
            @if let (Some(category), Some(id)) = (receipt.stream.category(), receipt.stream.id()) {
                a.button href={ "/aggregates/" (category) "/" (encoded(id)) } { "State" }
            }
        }
        (events(&receipt.events, "Its events"))
    }
}

/// Events that were decided and not stored.
pub(super) fn answer(decided: &[JsonEvent], words: &str) -> Markup {
    html! {
        div.notice role="status" { strong { "A dry run. " } "Nothing was stored." }
        (events(decided, words))
    }
}

fn events(events: &[JsonEvent], words: &str) -> Markup {
    html! {
        h3 { (words) }
        @if events.is_empty() { p.muted { "no events" } }
        @for event in events { div { div.type { (event.event_type) } (json::tree(&event.data)) } }
    }
}

/// Why a command was not carried out.
pub(super) fn refusal(problem: &Problem) -> Markup {
    html! {
        div.notice.bad role="alert" {
            strong { @if problem.kind() == "rejected" { "Refused by the domain. " } @else { "Not carried out. " } }
            (problem.detail())
        }
        p.muted.small { "Kind of problem: " code { (problem.kind()) } ", as the API answers it with status " (problem.status().as_u16()) "." }
    }
}
