//! The commands and queries of the application, each described as an operation of its own, with the types of its
//! fields: so that programs can be made from the description, and others can try what it promises.

use engine_runtime::map::{CommandDescription, Map, QueryDescription};
use engine_types::command::{Field, FieldKind};
use serde_json::{Value, json};

/// Where commands are sent, whatever they are called.
const COMMANDS: &str = "/api/commands/{name}";

/// Where queries are asked.
const QUERIES: &str = "/api/queries/{name}";

/// Adds what this application takes to a document.
pub(super) fn describe(document: &mut Value, map: &Map) {
    let sending = document["paths"][COMMANDS]["post"].clone();
    for (_, command) in map.commands() {
        document["paths"][COMMANDS.replace("{name}", command.name)] =
            json!({ "post": sent(&sending, command) });
    }
    let asking = document["paths"][QUERIES].clone();
    for (_, query) in map.queries() {
        let operations =
            json!({ "get": asked(&asking["get"], query), "post": asked_with_body(&asking["post"], query) });
        document["paths"][QUERIES.replace("{name}", query.name)] = operations;
    }
}

fn sent(general: &Value, command: &CommandDescription) -> Value {
    let mut operation = named(general, "send", command.name, command.doc);
    operation["requestBody"] = body(command.fields, command.closed);
    operation
}

fn asked(general: &Value, query: &QueryDescription) -> Value {
    let mut operation = named(general, "ask", query.name, query.doc);
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        let fields = query.fields.iter().map(|field| {
            let (name, required, description) = (field.name, field.required, field.doc);
            json!({ "name": name, "in": "query", "required": required, "description": description, "schema": kind(field) })
        });
        parameters.extend(fields);
    }
    operation
}

fn asked_with_body(general: &Value, query: &QueryDescription) -> Value {
    let mut operation = named(general, "ask_with_body", query.name, query.doc);
    operation["requestBody"] = body(query.fields, query.closed);
    operation
}

/// An operation like the general one, for this name alone.
fn named(general: &Value, verb: &str, name: &str, doc: &str) -> Value {
    let mut operation = general.clone();
    operation["operationId"] = format!("{verb}_{name}").into();
    operation["summary"] = if doc.is_empty() { name.into() } else { doc.into() };
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.retain(|parameter| parameter["in"] != "path");
    }
    operation
}

fn body(fields: &[Field], closed: bool) -> Value {
    let properties: serde_json::Map<_, _> = fields
        .iter()
        .map(|field| {
            let mut schema = kind(field);
            if !field.doc.is_empty() {
                schema["description"] = field.doc.into();
            }
            (field.name.to_owned(), schema)
        })
        .collect();
    let required: Vec<_> = fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let mut schema = json!({ "type": "object", "properties": properties, "required": required });
    if closed {
        schema["additionalProperties"] = false.into();
    }
    let is_needed = !required.is_empty();
    json!({ "required": is_needed, "content": { "application/json": { "schema": schema } } })
}

/// The type of a field, as far as it is known here.
fn kind(field: &Field) -> Value {
    let name = match field.kind {
        FieldKind::Text => "string",
        FieldKind::Integer => "integer",
        FieldKind::Number => "number",
        FieldKind::Boolean => "boolean",
        FieldKind::Json => return json!({}),
    };
    let mut schema = if field.required { json!({ "type": name }) } else { json!({ "type": [name, "null"] }) };
    if let Some((least, most)) = bounds(field) {
        schema["minimum"] = least.into();
        schema["maximum"] = most.into();
    }
    schema
}

/// The least and the largest number that a field takes, where its type says so.
fn bounds(field: &Field) -> Option<(i64, u64)> {
    let of = field.rust_type.trim_start_matches("Option").trim_matches(['<', '>', ' ']);
    let unsigned = |bits: u32| Some((0, u64::MAX >> (64 - bits)));
    match of {
        "u8" => unsigned(8),
        "u16" => unsigned(16),
        "u32" => unsigned(32),
        "u64" | "usize" => unsigned(64),
        "i8" => Some((i8::MIN.into(), 0x7f)),
        "i16" => Some((i16::MIN.into(), 0x7fff)),
        "i32" => Some((i32::MIN.into(), 0x7fff_ffff)),
        "i64" | "isize" => Some((i64::MIN, 0x7fff_ffff_ffff_ffff)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(kind: FieldKind, rust_type: &'static str, required: bool) -> Field {
        Field { name: "amount", rust_type, kind, required, doc: "in cents" }
    }

    #[test]
    fn a_field_has_the_bounds_of_its_type_and_may_be_null_where_it_is_optional() {
        let amount = field(FieldKind::Integer, "u32", true);
        assert_eq!(kind(&amount), json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX }));
        let note = field(FieldKind::Text, "Option<String>", false);
        assert_eq!(kind(&note), json!({ "type": ["string", "null"] }));
        let small = field(FieldKind::Integer, "Option<i8>", false);
        assert_eq!(kind(&small)["minimum"], -128);
    }

    #[test]
    fn a_body_names_what_is_needed_and_refuses_the_rest() {
        let body = body(&[field(FieldKind::Integer, "u64", true)], true);
        let schema = &body["content"]["application/json"]["schema"];
        assert_eq!(
            (&schema["required"], &schema["additionalProperties"]),
            (&json!(["amount"]), &json!(false))
        );
        assert_eq!(schema["properties"]["amount"]["description"], "in cents");
    }
}
