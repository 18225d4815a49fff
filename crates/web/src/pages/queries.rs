//! Queries: a typed form for each, and what the read model answers. The URL says it all, so that an answer can be linked.

use axum::extract::{Path, Query, State};
use engine_runtime::{
    Body,
    map::QueryDescription,
    read_models::{QueryConsistency, QueryOptions},
};
use http::StatusCode;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{
    Fault, Nav, Page, Seen, layout,
    parts::{empty, encoded, form, json, words},
};
use crate::{Web, access::Caller, api::Problem};

/// Names of fields of the form that are no fields of the query.
const ASK: &str = "$ask";
const CONSISTENCY: &str = "$consistency";

/// How many rows of an answer are shown as a table.
const ROWS: usize = 500;

/// How many columns.
const COLUMNS: usize = 12;

/// `/queries`: all of them.
pub(super) async fn list(Seen(caller): Seen, State(web): State<Web>) -> Page {
    let models = &web.map().projections;
    let body = html! {
        (layout::head(&html! { "Queries" }, "Each is answered by one read model, which is made of events.", &html! { a.button href="/handlers" { "How they are doing" } }))
        @if web.map().queries().next().is_none() { section.card { (empty("No queries", "This application registers none.")) } }
        @for model in models.iter().filter(|model| !model.queries.is_empty()) {
            h2 { (model.name) }
            div.list { @for query in &model.queries {
                a href={ "/queries/" (encoded(query.name)) } { strong { (query.name) } span { (query.doc) } }
            } }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Queries, "Queries", &body))
}

/// `/queries/{name}`: a form, and the answer where it was asked.
pub(super) async fn ask(
    Seen(caller): Seen,
    State(web): State<Web>,
    Path(name): Path<String>,
    Query(values): Query<Vec<(String, String)>>,
) -> Result<(StatusCode, Markup), Fault> {
    caller.expect_payloads(&web)?;
    let found = web.map().queries().find(|(_, query)| query.name == name);
    let (model, query) = found.ok_or_else(|| Problem::not_found(format!("There is no query `{name}`.")))?;
    let is_asked = values.iter().any(|(name, _)| name == ASK) || query.fields.is_empty();
    let answer = if is_asked { Some(answer(&web, query, &values).await) } else { None };
    let (status, told, problem) = match answer {
        None => (StatusCode::OK, html! { p.muted { "Fill in the fields, and ask." } }, None),
        Some(Ok(answer)) => (StatusCode::OK, shown(&answer), None),
        Some(Err(problem)) => (problem.status(), refusal(&problem), Some(problem)),
    };
    let fault = problem.as_ref().and_then(|problem| Some((problem.field()?, problem.detail())));
    Ok((status, page(&web, &caller, (model, query), &values, fault, &told)))
}

async fn answer(web: &Web, query: &QueryDescription, values: &[(String, String)]) -> Result<Value, Problem> {
    let is_strong = !values.iter().any(|(name, value)| name == CONSISTENCY && value == "eventual");
    let consistency = if is_strong { QueryConsistency::Strong } else { QueryConsistency::Eventual };
    let fields: Vec<_> =
        values.iter().filter(|(name, _)| name != ASK && name != CONSISTENCY).cloned().collect();
    let body = Body::Texts(form::filled(query.fields, &fields));
    let options = QueryOptions { consistency, ..QueryOptions::default() };
    Ok(web.bus().query_by_name(query.name, body, options).await?)
}

fn page(
    web: &Web,
    caller: &Caller,
    (model, query): (&str, &QueryDescription),
    values: &[(String, String)],
    fault: Option<(&str, &str)>,
    answer: &Markup,
) -> Markup {
    let is_eventual = values.iter().any(|(name, value)| name == CONSISTENCY && value == "eventual");
    let body = html! {
        (layout::head(&html! { (query.name) }, query.doc, &html! { span.badge.plain { "answered by " (model) } a.button href="/queries" { "All queries" } }))
        section.card { div.body {
            form.form action={ "/queries/" (encoded(query.name)) } {
                input type="hidden" name=(ASK) value="1";
                (form::inputs(query.fields, values, fault))
                div.field {
                    label for="consistency" { "Consistency" }
                    select id="consistency" name=(CONSISTENCY) aria-describedby="consistency-hint" {
                        option value="strong" { "strong" }
                        option value="eventual" selected[is_eventual] { "eventual" }
                    }
                    span.hint id="consistency-hint" { "Strong waits until all that is stored now has been counted." }
                }
                div.actions { button.primary type="submit" { "Ask" } }
            }
        } }
        section.card id="answer" aria-live="polite" { header { h2 { "Answer" } } (answer) }
    };
    layout::page(web, caller, Nav::Queries, query.name, &body)
}

/// A list of objects as a table, anything else as a tree.
fn shown(answer: &Value) -> Markup {
    let rows: Option<Vec<_>> = answer.as_array().and_then(|rows| rows.iter().map(Value::as_object).collect());
    html! {
        @match rows {
            Some(rows) if rows.is_empty() => { (empty("No rows", "The read model knows nothing that fits.")) },
            Some(rows) => { (table(&rows)) },
            None => div.body { (json::tree(answer)) },
        }
        div.body { details.more { summary { "Raw" } pre.raw { (json::raw(answer)) } } }
    }
}

fn table(rows: &[&Map<String, Value>]) -> Markup {
    let mut columns: Vec<&str> = Vec::new();
    for name in rows.iter().take(ROWS).flat_map(|row| row.keys()) {
        if columns.len() < COLUMNS && !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    html! {
        div.scroll { table {
            thead { tr { @for column in &columns { th { (column) } } } }
            tbody { @for row in rows.iter().take(ROWS) {
                tr { @for column in &columns { (cell(row.get(*column))) } }
            } }
        } }
        @if rows.len() > ROWS { div.body { p.muted { "… and " (words::count((rows.len() - ROWS) as u64, "more row")) ": see the raw text." } } }
    }
}

fn cell(value: Option<&Value>) -> Markup {
    match value {
        None | Some(Value::Null) => html! { td.muted { "–" } },
        Some(Value::String(text)) => html! { td.wrap { (text) } },
        Some(Value::Number(number)) => html! { td.mono { (number) } },
        Some(other) => html! { td.mono.wrap { (json::brief(other.to_string().as_bytes())) } },
    }
}

fn refusal(problem: &Problem) -> Markup {
    html! {
        div.body {
            div.notice.bad role="alert" { strong { "Not answered. " } (problem.detail()) }
            p.muted.small { "Kind of problem: " code { (problem.kind()) } ", as the API answers it with status " (problem.status().as_u16()) "." }
        }
    }
}
