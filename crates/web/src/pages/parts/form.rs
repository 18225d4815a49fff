//! Typed forms, made from the fields of a command or a query.

use engine_types::command::{Field, FieldKind};
use maud::{Markup, html};

/// The inputs for these fields. `values` are shown again; `fault` belongs to the field of that name.
pub(in crate::pages) fn inputs(
    fields: &[Field],
    values: &[(String, String)],
    fault: Option<(&str, &str)>,
) -> Markup {
    html! { @for field in fields { (input(field, values, fault)) } }
}

fn input(field: &Field, values: &[(String, String)], fault: Option<(&str, &str)>) -> Markup {
    let id = format!("field-{}", field.name);
    let hint = format!("{id}-hint");
    let value = values.iter().find(|(name, _)| name == field.name).map_or("", |(_, value)| value);
    let fault = fault.filter(|(name, _)| *name == field.name).map(|(_, message)| message);
    html! {
        div.field {
            label for=(id) { (field.name) @if !field.required { span.hint { " (optional)" } } }
            (control(field, &id, &hint, value, fault.is_some()))
            span.hint id=(hint) { (field.doc) @if !field.doc.is_empty() { " " } code { (field.rust_type) } }
            @if let Some(fault) = fault { span.fault role="alert" { (fault) } }
        }
    }
}

fn control(field: &Field, id: &str, hint: &str, value: &str, is_wrong: bool) -> Markup {
    let invalid = is_wrong.then_some("true");
    match field.kind {
        FieldKind::Boolean => html! {
            select id=(id) name=(field.name) aria-describedby=(hint) aria-invalid=[invalid] {
                @if !field.required { option value="" { "not given" } }
                @for choice in ["false", "true"] { option value=(choice) selected[choice == value] { (choice) } }
            }
        },
        FieldKind::Json => html! {
            textarea id=(id) name=(field.name) rows="3" spellcheck="false" required[field.required]
                aria-describedby=(hint) aria-invalid=[invalid] { (value) }
        },
        kind => {
            let mode = match kind {
                FieldKind::Integer => Some("numeric"),
                FieldKind::Number => Some("decimal"),
                _ => None,
            };
            html! {
                input id=(id) name=(field.name) value=(value) inputmode=[mode] autocomplete="off"
                    required[field.required] aria-describedby=(hint) aria-invalid=[invalid];
            }
        }
    }
}

/// The fields that were filled in, without optional ones that were left empty.
pub(in crate::pages) fn filled(fields: &[Field], sent: &[(String, String)]) -> Vec<(String, String)> {
    let is_left_out = |name: &str, value: &str| {
        value.is_empty() && fields.iter().any(|field| field.name == name && !field.required)
    };
    sent.iter().filter(|(name, value)| !is_left_out(name, value)).cloned().collect()
}
