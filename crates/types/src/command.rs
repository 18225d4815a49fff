//! Commands: a wish addressed to exactly one aggregate instance.

use std::borrow::Cow;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Aggregate, form::Form};

pub use crate::form::texts_to_json;

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
    form::<C>().read_json(body)
}

/// Reads a command from `field=value` texts, each value read as its field's kind.
///
/// # Errors
/// As [`from_json`]; also a field that is given twice.
pub fn from_texts<C: Command>(texts: &[(String, String)]) -> Result<C, InvalidCommand> {
    form::<C>().read_texts(texts)
}

/// The form of a command.
fn form<C: Command>() -> Form {
    Form { name: C::NAME, fields: C::FIELDS, closed: C::CLOSED }
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
