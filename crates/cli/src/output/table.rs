//! Small tables for people: any answer that is a list of objects, or an object with such a list in it.

use std::io::{self, Write};

use serde_json::{Map, Value};

use super::human::{ASIDE, NAME, printable};

/// Writes rows under their heads, as wide as they need.
pub(super) fn write(out: &mut impl Write, heads: &[impl AsRef<str>], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].as_ref().chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..heads.len()).map(width).collect();
    let is_number = |column: usize| {
        !rows.is_empty()
            && rows
                .iter()
                .all(|row| row.get(column).is_some_and(|cell| cell.parse::<f64>().is_ok() || cell == "-"))
    };
    let numbers: Vec<_> = (0..heads.len()).map(is_number).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).zip(&numbers).map(|((cell, width), is_number)| {
            if *is_number { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    writeln!(out, "{ASIDE}{}{ASIDE:#}", line(heads.iter().map(AsRef::as_ref).collect()))?;
    for row in rows {
        writeln!(out, "{}", line(row.iter().map(String::as_str).collect()))?;
    }
    Ok(())
}

/// Writes the answer to a query.
pub(super) fn write_answer(out: &mut impl Write, answer: &Value) -> io::Result<()> {
    match answer {
        Value::Array(rows) => write_rows(out, rows),
        Value::Object(fields) => {
            let (lists, plain): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, value)| value.is_array());
            for (name, value) in plain {
                writeln!(out, "{NAME}{}{NAME:#} {}", printable(name), text(value))?;
            }
            for (name, value) in &lists {
                if lists.len() > 1 {
                    writeln!(out, "{NAME}{}{NAME:#}", printable(name))?;
                }
                write_rows(out, value.as_array().map_or(&[], Vec::as_slice))?;
            }
            Ok(())
        }
        plain => writeln!(out, "{}", text(plain)),
    }
}

fn write_rows(out: &mut impl Write, rows: &[Value]) -> io::Result<()> {
    let objects: Option<Vec<&Map<String, Value>>> = rows.iter().map(Value::as_object).collect();
    match objects {
        _ if rows.is_empty() => writeln!(out, "{ASIDE}nothing{ASIDE:#}"),
        Some(objects) => {
            let mut heads: Vec<&String> = Vec::new();
            for name in objects.iter().flat_map(|object| object.keys()) {
                if !heads.contains(&name) {
                    heads.push(name);
                }
            }
            let cell =
                |object: &Map<String, Value>, head: &String| object.get(head).map_or_else(String::new, text);
            let row = |object: &&Map<String, Value>| heads.iter().map(|head| cell(object, head)).collect();
            write(out, &heads, &objects.iter().map(row).collect::<Vec<Vec<String>>>())
        }
        None => rows.iter().try_for_each(|row| writeln!(out, "{}", text(row))),
    }
}

/// A value on one line; texts without quotes.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => printable(&text.replace('\n', " ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn plain(answer: &Value) -> String {
        let mut out = Vec::new();
        write_answer(&mut out, answer).unwrap();
        anstream::adapter::strip_bytes(&out).into_vec().try_into().unwrap()
    }

    #[test]
    fn a_list_of_objects_is_a_table_with_numbers_to_the_right() {
        let answer =
            json!([{"account": "jsdf", "balance": 23}, {"account": "a", "balance": 1234, "note": "x"}]);
        assert_eq!(plain(&answer), "account  balance  note\njsdf          23\na           1234  x\n");
    }

    #[test]
    fn an_object_has_its_fields_and_then_its_list() {
        let answer = json!({"account": "jsdf", "balance": 23, "movements": [{"amount": 23}]});
        assert_eq!(plain(&answer), "account jsdf\nbalance 23\namount\n    23\n");
        assert_eq!(plain(&json!({"movements": []})), "nothing\n");
    }

    #[test]
    fn anything_else_is_a_line_for_each() {
        assert_eq!(plain(&json!([1, "two\u{7}"])), "1\ntwo\\u{7}\n");
        assert_eq!(plain(&json!(null)), "null\n");
    }
}
