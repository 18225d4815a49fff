//! Commands and queries as forms that others fill in: from JSON, or from `field=value` texts.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::command::{Field, FieldKind, InvalidCommand, nearest};

/// What is known of a command or a query to those who fill it in.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// Its name.
    pub name: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// Whether names that are not among the fields are refused.
    pub closed: bool,
}

impl Form {
    /// Reads JSON, naming the field of any fault.
    ///
    /// # Errors
    /// An unknown field (with the nearest known one), a missing field, or a value of the wrong type.
    pub fn read_json<T: DeserializeOwned>(&self, body: Value) -> Result<T, InvalidCommand> {
        let Value::Object(fields) = &body else {
            return Err(InvalidCommand::body(format!(
                "the body of {} must be a JSON object of its fields: {}",
                self.name,
                self.usage()
            )));
        };
        self.refuse_unknown_fields(fields)?;
        for field in self.fields.iter().filter(|field| field.required) {
            if !fields.contains_key(field.name) {
                return Err(InvalidCommand::field(
                    field.name,
                    format_args!("is missing; {} takes {}", self.name, self.usage()),
                ));
            }
        }
        serde_path_to_error::deserialize(body).map_err(|error| {
            let path = error.path().to_string();
            let fault = error.into_inner();
            match path.as_str() {
                "." | "?" => InvalidCommand::body(fault.to_string()),
                path => InvalidCommand::field(path, self.expected(path, &fault)),
            }
        })
    }

    /// Reads `field=value` texts, each value as its field's kind.
    ///
    /// # Errors
    /// As [`Form::read_json`]; also a field that is given twice.
    pub fn read_texts<T: DeserializeOwned>(&self, texts: &[(String, String)]) -> Result<T, InvalidCommand> {
        let mut body = texts_to_json(self.fields, texts)?;
        // A field of a type that is known to nobody here may want the text, although it reads as JSON.
        for _ in self.fields {
            let fault = match self.read_json(body.clone()) {
                Ok(filled) => return Ok(filled),
                Err(fault) => fault,
            };
            let typed = fault.field.as_ref().and_then(|field| self.typed_as_json(field, texts));
            let Some((name, text)) = typed else { return Err(fault) };
            if body[name].is_string() {
                return Err(fault);
            }
            body[name] = Value::String(text.to_owned());
        }
        self.read_json(body)
    }

    /// The text of this field, where its kind leaves open whether it is JSON.
    fn typed_as_json<'a>(&self, field: &str, texts: &'a [(String, String)]) -> Option<(&'a str, &'a str)> {
        let is_open =
            |name: &str| self.fields.iter().any(|field| field.name == name && field.kind == FieldKind::Json);
        let (name, text) = texts.iter().find(|(name, _)| name == field && is_open(name))?;
        Some((name, text))
    }

    fn refuse_unknown_fields(&self, fields: &Map<String, Value>) -> Result<(), InvalidCommand> {
        let known = |name: &str| self.fields.iter().any(|field| field.name == name);
        match fields.keys().find(|name| !known(name)) {
            Some(name) if self.closed => {
                let hint = nearest(name, self.fields.iter().map(|field| field.name))
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                let fault = format_args!("is not known to {}, which takes {}{hint}", self.name, self.usage());
                Err(InvalidCommand::field(name, fault))
            }
            _ => Ok(()),
        }
    }

    /// The fields and types on one line: `id: String, amount: u64`.
    fn usage(&self) -> String {
        let fields: Vec<_> =
            self.fields.iter().map(|field| format!("{}: {}", field.name, field.rust_type)).collect();
        if fields.is_empty() { "no fields".to_owned() } else { fields.join(", ") }
    }

    fn expected(&self, path: &str, fault: &serde_json::Error) -> String {
        let field = self.fields.iter().find(|field| field.name == path);
        match field.filter(|field| field.kind == FieldKind::Integer) {
            Some(field) => whole_number(range(field.rust_type), &fault.to_string()),
            None => fault.to_string(),
        }
    }
}

/// Turns `field=value` texts into the JSON body of a form with these fields.
///
/// # Errors
/// A field that is given twice.
pub fn texts_to_json(fields: &[Field], texts: &[(String, String)]) -> Result<Value, InvalidCommand> {
    let mut body = Map::new();
    for (name, text) in texts {
        let kind = fields.iter().find(|field| field.name == name).map_or(FieldKind::Json, |field| field.kind);
        if body.insert(name.clone(), text_to_json(kind, text)).is_some() {
            return Err(InvalidCommand::field(name, "is given twice"));
        }
    }
    Ok(Value::Object(body))
}

fn text_to_json(kind: FieldKind, text: &str) -> Value {
    let as_text = || Value::String(text.to_owned());
    match kind {
        FieldKind::Text => as_text(),
        FieldKind::Integer | FieldKind::Number | FieldKind::Boolean | FieldKind::Json => {
            serde_json::from_str(text).unwrap_or_else(|_| as_text())
        }
    }
}

/// What is wrong with a value that is to be a whole number.
fn whole_number(range: Option<(i128, i128)>, fault: &str) -> String {
    let Some((least, most)) = range else { return format!("must be a whole number ({fault})") };
    let fault = if is_above(most, fault) { "this one is too large" } else { fault };
    format!("must be a whole number from {least} to {most} ({fault})")
}

/// Whether what a fault quotes is a whole number above `most`. One that no integer can hold is quoted as a float.
#[expect(clippy::cast_precision_loss, reason = "`most` itself is no fault")]
fn is_above(most: i128, fault: &str) -> bool {
    let quoted = fault.split('`').nth(1).and_then(|number| number.parse::<f64>().ok());
    quoted.is_some_and(|number| number.fract() == 0.0 && number >= most as f64)
}

/// The least and the largest number that a whole-number type can hold.
#[expect(clippy::cast_lossless, reason = "one of them, usize, has no other way")]
fn range(rust_type: &str) -> Option<(i128, i128)> {
    macro_rules! ranges {
        ($($number:ident),*) => {
            match rust_type.trim_start_matches("Option<").trim_end_matches('>') {
                $(stringify!($number) => Some(($number::MIN as i128, $number::MAX as i128)),)*
                _ => None,
            }
        };
    }
    ranges!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize)
}
