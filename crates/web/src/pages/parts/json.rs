//! JSON as a tree to unfold, and as raw text. Whatever stands in it is shown as text.

use maud::{Markup, html};
use serde_json::Value;

/// How many entries of one object or list are shown.
const SHOWN: usize = 200;

/// How deep a tree goes before the rest is one line.
const DEEP: usize = 32;

/// A value as a tree.
pub(in crate::pages) fn tree(value: &Value) -> Markup {
    html! { div.json { (node(None, value, 0)) } }
}

fn node(key: Option<&str>, value: &Value, depth: usize) -> Markup {
    let name = html! { @if let Some(key) = key { span.k { (key) } span.p { ": " } } };
    if depth > DEEP {
        return html! { div.row { (name) (value) } };
    }
    match value {
        Value::Object(entries) if !entries.is_empty() => html! {
            details open[depth < 3] {
                summary { (name) span.p { "{ " (entries.len()) " }" } }
                div.in {
                    @for (key, value) in entries.iter().take(SHOWN) { (node(Some(key), value, depth + 1)) }
                    (rest(entries.len()))
                }
            }
        },
        Value::Array(entries) if !entries.is_empty() => html! {
            details open[depth < 3] {
                summary { (name) span.p { "[ " (entries.len()) " ]" } }
                div.in {
                    @for (place, value) in entries.iter().enumerate().take(SHOWN) {
                        (node(Some(&place.to_string()), value, depth + 1))
                    }
                    (rest(entries.len()))
                }
            }
        },
        leaf => html! { div.row { (name) (self::leaf(leaf)) } },
    }
}

fn rest(count: usize) -> Markup {
    html! { @if count > SHOWN { div.row.p { "… and " (count - SHOWN) " more: see the raw text" } } }
}

fn leaf(value: &Value) -> Markup {
    let class = match value {
        Value::String(_) => "s",
        Value::Number(_) => "n",
        Value::Bool(_) => "b",
        _ => "p",
    };
    html! { span class=(class) { (value) } }
}

/// A value on several lines.
pub(in crate::pages) fn raw(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// The beginning of a value on one line.
pub(in crate::pages) fn brief(bytes: &[u8]) -> String {
    const MOST: usize = 160;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MOST * 4)]);
    let mut brief: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if bytes.len() > brief.len() {
        brief.push('…');
    }
    brief
}

/// The paths at which two values differ, each with both sides.
pub(in crate::pages) fn differences(
    before: &Value,
    after: &Value,
) -> Vec<(String, Option<Value>, Option<Value>)> {
    let mut found = Vec::new();
    compare("", before, after, &mut found);
    found
}

fn compare(
    path: &str,
    before: &Value,
    after: &Value,
    found: &mut Vec<(String, Option<Value>, Option<Value>)>,
) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match (before, after) {
        (before, after) if before == after => {}
        (Value::Object(left), Value::Object(right)) => {
            for (key, value) in left {
                match right.get(key) {
                    Some(other) => compare(&below(key), value, other, found),
                    None => found.push((below(key), Some(value.clone()), None)),
                }
            }
            for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
                found.push((below(key), None, Some(value.clone())));
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for place in 0..left.len().max(right.len()) {
                match (left.get(place), right.get(place)) {
                    (Some(left), Some(right)) => compare(&below(&place.to_string()), left, right, found),
                    (left, right) => found.push((below(&place.to_string()), left.cloned(), right.cloned())),
                }
            }
        }
        (before, after) => found.push((path.to_owned(), Some(before.clone()), Some(after.clone()))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn markup_in_a_value_is_text() {
        let html = tree(&json!({ "<b>": "<script>alert(1)</script>" })).into_string();
        assert!(!html.contains("<script") && !html.contains("<b>"), "{html}");
        assert!(html.contains("&lt;script&gt;"), "{html}");
    }

    #[test]
    fn differences_name_the_path_and_both_sides() {
        let found = differences(
            &json!({ "a": 1, "b": { "c": [1, 2] } }),
            &json!({ "a": 1, "b": { "c": [1, 3, 4] }, "d": 5 }),
        );
        let expected = [
            ("b.c.1".to_owned(), Some(json!(2)), Some(json!(3))),
            ("b.c.2".to_owned(), None, Some(json!(4))),
            ("d".to_owned(), None, Some(json!(5))),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_value_that_is_very_deep_does_not_exhaust_the_stack() {
        let deep = (0..100).fold(json!(1), |value, _| json!([value]));
        assert!(tree(&deep).into_string().len() < 10_000);
    }
}
