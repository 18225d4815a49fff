//! The API, to read: made from the same description that programs get.

use axum::extract::State;
use maud::{Markup, html};
use serde_json::Value;

use super::{Nav, Page, Seen, layout, parts::json};
use crate::{Web, api::openapi};

const METHODS: [&str; 4] = ["get", "post", "put", "delete"];

pub(super) async fn page(Seen(caller): Seen, State(web): State<Web>) -> Page {
    let document = openapi::described(web.map());
    let body = html! {
        (layout::head(&html! { "HTTP API" }, document["info"]["description"].as_str().unwrap_or_default(),
            &html! { a.button href="/api/openapi.json" { "OpenAPI document" } }))
        section.card { div.body {
            p { "Say who you are with every request: a name and password, such as " code { "curl -u admin:…" } ", or a token. The same users as here, with the same roles." }
            pre.raw { "curl -u admin -X POST http://localhost:2113/api/commands/" (example(&web)) }
        } }
        @for tag in document["tags"].as_array().into_iter().flatten() {
            @let name = tag["name"].as_str().unwrap_or_default();
            section.card {
                header { h2 { (name) } span.muted { (tag["description"].as_str().unwrap_or_default()) } }
                @for (path, method, operation) in operations(&document, name) { (described(&document, path, method, operation)) }
            }
        }
    };
    Ok(layout::page(&web, &caller, Nav::Api, "HTTP API", &body))
}

/// A command of this application, as one would send it.
fn example(web: &Web) -> String {
    let Some((_, command)) = web.map().commands().next() else { return "NAME".to_owned() };
    let fields = command.fields.iter().filter(|field| field.required);
    let fields: Vec<_> = fields.map(|field| format!("\"{}\": …", field.name)).collect();
    format!("{} -d '{{ {} }}'", command.name, fields.join(", "))
}

fn operations<'a>(document: &'a Value, tag: &str) -> Vec<(&'a str, &'static str, &'a Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths
        .flat_map(|(path, item)| METHODS.iter().map(move |method| (path.as_str(), *method, &item[*method])))
        .filter(|(_, _, operation)| {
            operation["tags"].as_array().is_some_and(|tags| tags.iter().any(|it| it == tag))
        })
        .collect()
}

fn described(document: &Value, path: &str, method: &str, operation: &Value) -> Markup {
    let text = |key: &str| operation[key].as_str().unwrap_or_default();
    html! {
        details.op {
            summary { span class={ "method " (method) } { (method.to_uppercase()) } code { (path) } span.muted { (text("summary")) } }
            div.body {
                @if !text("description").is_empty() { p { (text("description")) } }
                (parameters(operation))
                @if let Some(body) = schema(document, &operation["requestBody"]["content"]) { h3 { "Body" } (body) }
                h3 { "Answers" }
                div.scroll { table { tbody { @for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
                    tr { td.fit.mono { (status) } td { (answer["description"].as_str().unwrap_or_default()) } }
                } } } }
                @if let Some(body) = schema(document, &operation["responses"]["200"]["content"]) { h3 { "What 200 answers" } (body) }
            }
        }
    }
}

fn parameters(operation: &Value) -> Markup {
    let parameters: Vec<_> = operation["parameters"].as_array().into_iter().flatten().collect();
    html! { @if !parameters.is_empty() {
        h3 { "Parameters" }
        div.scroll { table {
            thead { tr { th.fit { "Name" } th.fit { "In" } th { "Meaning" } } }
            tbody { @for parameter in parameters {
                tr {
                    td.fit.mono { (parameter["name"].as_str().unwrap_or_default()) }
                    td.fit.muted { (parameter["in"].as_str().unwrap_or_default()) @if parameter["required"] == true { ", required" } }
                    td { (parameter["description"].as_str().unwrap_or_default()) }
                }
            } }
        } }
    } }
}

/// The fields of the first kind of content.
fn schema(document: &Value, content: &Value) -> Option<Markup> {
    let (_, content) = content.as_object()?.iter().next()?;
    let mut schema = &content["schema"];
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        schema = &document["components"]["schemas"][name];
    }
    let Some(fields) = schema["properties"].as_object() else { return Some(json::tree(schema)) };
    Some(html! {
        div.scroll { table { tbody { @for (name, field) in fields {
            tr {
                td.fit.mono { (name) }
                td.fit.muted { (kind(field)) }
                td { (field["description"].as_str().unwrap_or_default()) }
            }
        } } } }
    })
}

fn kind(field: &Value) -> String {
    if let Some(name) = field["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return name.to_owned();
    }
    match &field["type"] {
        Value::String(kind) if kind == "array" => format!("list of {}", kind_of_items(&field["items"])),
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => "anything".to_owned(),
    }
}

fn kind_of_items(items: &Value) -> String {
    if items.is_object() { kind(items) } else { "anything".to_owned() }
}
