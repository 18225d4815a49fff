//! Commands: a wish addressed to exactly one aggregate instance.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::Aggregate;

/// A wish, addressed to exactly one instance of exactly one aggregate.
///
/// Derive it: `#[derive(Command, Serialize, Deserialize)] #[command(aggregate = Account, id = id)]`.
pub trait Command: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The one aggregate that answers this command.
    type Aggregate: Aggregate;

    /// The stable name under which others send this command: by default the type's own name.
    const NAME: &'static str;

    /// What the command is for, from the type's doc comment.
    const DOC: &'static str;

    /// The name of the field that addresses the instance.
    const ID_FIELD: &'static str;

    /// The fields, as they are named in JSON.
    const FIELDS: &'static [Field];

    /// Whether names outside [`Command::FIELDS`] are refused (false only where a field is flattened).
    const CLOSED: bool = true;

    /// The instance that the command is addressed to.
    fn aggregate_id(&self) -> Cow<'_, str>;
}

/// One field of a command, for help, completion, typed forms and error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Field {
    /// The name in JSON.
    pub name: &'static str,
    /// The type as written in the source.
    #[serde(rename = "type")]
    pub rust_type: &'static str,
    /// How a value that was typed as text is to be read.
    pub kind: FieldKind,
    /// Whether the field must be given.
    pub required: bool,
    /// The field's doc comment.
    pub doc: &'static str,
}

/// How the text of `field=value` becomes JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldKind {
    /// The text is the value.
    Text,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// JSON if it reads as JSON and fits, else text.
    Json,
}

/// Why a body is not the command that it claims to be. The message names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidCommand {
    /// The field at fault, where one is.
    pub field: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
}

impl InvalidCommand {
    /// A fault of one field; the message is prefixed with its name.
    pub fn field(field: &str, fault: impl std::fmt::Display) -> Self {
        InvalidCommand { field: Some(field.to_owned()), message: format!("field `{field}`: {fault}") }
    }

    /// A fault of the body as a whole.
    pub fn body(message: impl Into<String>) -> Self {
        InvalidCommand { field: None, message: message.into() }
    }
}

/// Reads a command from JSON, naming the field of any fault.
///
/// # Errors
/// An unknown field (with the nearest known one), a missing field, or a value of the wrong type.
pub fn from_json<C: Command>(body: Value) -> Result<C, InvalidCommand> {
    let Value::Object(fields) = &body else {
        return Err(InvalidCommand::body(format!(
            "the body of {} must be a JSON object of its fields: {}",
            C::NAME,
            usage::<C>()
        )));
    };
    refuse_unknown_fields::<C>(fields)?;
    for field in C::FIELDS.iter().filter(|field| field.required) {
        if !fields.contains_key(field.name) {
            return Err(InvalidCommand::field(
                field.name,
                format_args!("is missing; {} takes {}", C::NAME, usage::<C>()),
            ));
        }
    }
    serde_path_to_error::deserialize(body).map_err(|error| {
        let path = error.path().to_string();
        let fault = error.into_inner();
        match path.as_str() {
            "." | "?" => InvalidCommand::body(fault.to_string()),
            path => InvalidCommand::field(path, expected::<C>(path, &fault)),
        }
    })
}

/// Reads a command from `field=value` texts, each value read as its field's kind.
///
/// # Errors
/// As [`from_json`]; also a field that is given twice.
pub fn from_texts<C: Command>(texts: &[(String, String)]) -> Result<C, InvalidCommand> {
    let mut body = texts_to_json(C::FIELDS, texts)?;
    // A field of a type that is known to nobody here may want the text, although it reads as JSON.
    for _ in C::FIELDS {
        let fault = match from_json(body.clone()) {
            Ok(command) => return Ok(command),
            Err(fault) => fault,
        };
        let Some((name, text)) = fault.field.as_ref().and_then(|field| typed_as_json::<C>(field, texts))
        else {
            return Err(fault);
        };
        if body[name].is_string() {
            return Err(fault);
        }
        body[name] = Value::String(text.to_owned());
    }
    from_json(body)
}

/// The text of this field, where its kind leaves open whether it is JSON.
fn typed_as_json<'a, C: Command>(field: &str, texts: &'a [(String, String)]) -> Option<(&'a str, &'a str)> {
    let is_open =
        |name: &str| C::FIELDS.iter().any(|field| field.name == name && field.kind == FieldKind::Json);
    let (name, text) = texts.iter().find(|(name, _)| name == field && is_open(name))?;
    Some((name, text))
}

/// Turns `field=value` texts into the JSON body of a command with these fields.
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

fn refuse_unknown_fields<C: Command>(fields: &Map<String, Value>) -> Result<(), InvalidCommand> {
    let known = |name: &str| C::FIELDS.iter().any(|field| field.name == name);
    match fields.keys().find(|name| !known(name)) {
        Some(name) if C::CLOSED => {
            let hint = nearest(name, C::FIELDS.iter().map(|field| field.name))
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let fault = format_args!("is not known to {}, which takes {}{hint}", C::NAME, usage::<C>());
            Err(InvalidCommand::field(name, fault))
        }
        _ => Ok(()),
    }
}

/// The fields and types of a command on one line: `id: String, amount: u64`.
fn usage<C: Command>() -> String {
    let fields: Vec<_> =
        C::FIELDS.iter().map(|field| format!("{}: {}", field.name, field.rust_type)).collect();
    if fields.is_empty() { "no fields".to_owned() } else { fields.join(", ") }
}

fn expected<C: Command>(path: &str, fault: &serde_json::Error) -> String {
    let field = C::FIELDS.iter().find(|field| field.name == path);
    match field.filter(|field| field.kind == FieldKind::Integer) {
        Some(field) => format!("must be a whole number{} ({fault})", range(field.rust_type)),
        None => fault.to_string(),
    }
}

/// The numbers that a whole-number type can hold, in words.
fn range(rust_type: &str) -> String {
    macro_rules! ranges {
        ($($number:ident),*) => {
            match rust_type.trim_start_matches("Option<").trim_end_matches('>') {
                $(stringify!($number) => format!(" from {} to {}", $number::MIN, $number::MAX),)*
                _ => String::new(),
            }
        };
    }
    ranges!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize)
}

/// The candidate that was most likely meant by `name`, if any is near enough.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |candidate: &str| strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase());
    candidates
        .into_iter()
        .map(|candidate| (likeness(candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate)
}
