//! A timer as it is stored: a document under a key that sorts by the time when it is due. Version 1 of the form.

use std::{fmt, str::FromStr};

use engine_store::{DocumentKey, Timestamp};
use engine_types::{CommandId, Consistency, CorrelationId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

/// What the keys of all timers begin with.
pub(super) const PREFIX: &str = "timer/";

/// The identity of a timer: when it is due, in microseconds since 1970, and the id of its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId {
    due_us: u64,
    command: Uuid,
}

impl TimerId {
    /// The identity of the timer of a command that is due then. What was due before 1970 is due in 1970.
    pub(crate) fn new(due: Timestamp, command: CommandId) -> Self {
        TimerId { due_us: u64::try_from(due.as_micros()).unwrap_or(0), command: command.0 }
    }

    /// When it is due.
    pub fn due(self) -> Timestamp {
        Timestamp::from_micros(i64::try_from(self.due_us).unwrap_or(i64::MAX))
    }

    /// The id of the command that is sent then.
    pub fn command_id(self) -> CommandId {
        CommandId(self.command)
    }

    pub(super) fn key(self) -> Result<DocumentKey, engine_store::ReadError> {
        crate::listen::records::key(format!("{PREFIX}{self}"))
    }

    pub(super) fn of_key(key: &DocumentKey) -> Option<Self> {
        key.as_str().strip_prefix(PREFIX)?.parse().ok()
    }
}

impl fmt::Display for TimerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:020}.{}", self.due_us, self.command)
    }
}

impl FromStr for TimerId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('.').and_then(|(due, command)| {
            Some(TimerId { due_us: due.parse().ok()?, command: Uuid::try_parse(command).ok()? })
        });
        parts.ok_or_else(|| format!("`{text}` is not the id of a timer: `engine timers` lists them"))
    }
}

impl Serialize for TimerId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is in the document of a timer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The name of the command.
    pub(crate) command: String,
    /// The stream of the instance that it is sent to.
    pub(crate) target: String,
    pub(crate) owner: Owner,
}

/// Whose timer it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Owner {
    /// That of an instance of a process manager, which knows all the rest.
    Process { process: String, instance: String, name: String },
    /// That of whoever has set it.
    Sender(Box<Sending>),
}

/// A command that is sent later.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sending {
    pub(crate) body: Box<RawValue>,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) consistency: Option<Consistency>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) metadata: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) correlation_id: Option<CorrelationId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) skip_if_late_by_ms: Option<u64>,
    /// How far it is: whoever changes this first, the one who cancels or the one who sends, has the last word.
    pub(crate) step: Step,
}

/// How far a timer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    Waits,
    Cancelled,
    Due,
}
