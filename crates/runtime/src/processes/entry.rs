//! Entries: what an instance has handled and decided, as it is stored. Version 1 of the form.
//!
//! The event that was handled is kept whole: an instance is loaded by reading its own stream, whatever has become of
//! the streams of the events. Each command has its id, so that it is the same command when it is sent again. Fields
//! that are absent mean none; a reader passes over fields that it does not know.

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use engine_store::{ContentType, RecordedEvent, Timestamp};
use engine_types::{
    CommandId, Consistency, Metadata, Position, Revision, StreamName,
    process_manager::{Outgoing, Reaction, Rejected, TimerChange},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

use super::standing::Stands;

/// The type of an entry that says that an event was handled.
pub(super) const HANDLED: &str = "$ProcessHandled";
/// The type of an entry that says that a command was refused.
pub(super) const REFUSED: &str = "$ProcessRefused";
/// The type of an entry that says that a timer was due, or given up.
pub(super) const TIMER: &str = "$ProcessTimer";
/// The type of an entry that says that an operator ended the instance.
pub(super) const STOPPED: &str = "$ProcessStopped";

pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// An event was handled.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Handled {
    /// The version of the process manager's functions that decided.
    pub(super) process_version: u32,
    /// Whether the instance begins here.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) begins: bool,
    pub(super) event: HandledEvent,
    pub(super) decided: Decided,
    /// How the instance stands behind it; absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) stands: Option<Stands>,
}

/// The event that was handled.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct HandledEvent {
    pub(super) id: Uuid,
    pub(super) stream: StreamName,
    pub(super) revision: Revision,
    pub(super) position: Position,
    pub(super) recorded_at_us: i64,
    #[serde(rename = "type")]
    pub(super) event_type: String,
    pub(super) version: u32,
    pub(super) data: Box<RawValue>,
    pub(super) metadata: Metadata,
}

/// What was decided.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Decided {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) commands: Vec<Command>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) timers: Vec<Timer>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) ends: bool,
}

/// A command of a process manager was refused.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refused {
    pub(super) process_version: u32,
    pub(super) command: CommandId,
    pub(super) attempt: u32,
    pub(super) kind: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) code: String,
    pub(super) message: String,
    pub(super) at_us: i64,
    pub(super) decided: Decided,
    /// How the instance stands behind it; absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) stands: Option<Stands>,
}

/// A timer was due.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TimerDue {
    pub(super) name: String,
    pub(super) command: CommandId,
    pub(super) at_us: i64,
    /// Whether it was too late, so that nothing is sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) skipped: bool,
    /// How the instance stands behind it; absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) stands: Option<Stands>,
}

/// An operator ended the instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stopped {
    pub(super) reason: String,
    pub(super) at_us: i64,
    /// How the instance stands behind it; absent in entries of earlier versions.
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) stands: Option<Stands>,
}

/// A command, with the id that it has whenever it is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Command {
    pub(super) id: CommandId,
    pub(super) name: Cow<'static, str>,
    pub(super) target: String,
    pub(super) body: Box<RawValue>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) timeout_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) consistency: Option<Consistency>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(super) metadata: Map<String, Value>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) attempt: u32,
}

/// What happens to a timer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Timer {
    Set {
        name: String,
        due_us: i64,
        #[serde(default, skip_serializing_if = "is_default")]
        skip_if_late_by_ms: Option<u64>,
        command: Box<Command>,
    },
    Cancel {
        name: String,
    },
}

/// What is in the stream of an instance.
#[derive(Debug)]
pub(super) enum Entry {
    Handled(Box<Handled>),
    Refused(Refused),
    TimerDue(TimerDue),
    Stopped(Stopped),
}

impl Entry {
    /// Reads a stored entry; none where its type is not known.
    pub(super) fn read(recorded: &RecordedEvent) -> Result<Option<Self>, serde_json::Error> {
        let data = &recorded.data;
        Ok(Some(match &*recorded.event_type {
            HANDLED => Entry::Handled(serde_json::from_slice(data)?),
            REFUSED => Entry::Refused(serde_json::from_slice(data)?),
            TIMER => Entry::TimerDue(serde_json::from_slice(data)?),
            STOPPED => Entry::Stopped(serde_json::from_slice(data)?),
            _ => return Ok(None),
        }))
    }

    /// How the instance stands behind it, where the entry says so.
    pub(super) fn stands(&self) -> Option<&Stands> {
        match self {
            Entry::Handled(handled) => handled.stands.as_ref(),
            Entry::Refused(refused) => refused.stands.as_ref(),
            Entry::TimerDue(due) => due.stands.as_ref(),
            Entry::Stopped(stopped) => stopped.stands.as_ref(),
        }
    }
}

impl HandledEvent {
    pub(super) fn of(recorded: &RecordedEvent, metadata: &Metadata) -> Result<Self, serde_json::Error> {
        let data: &RawValue = serde_json::from_slice(&recorded.data)?;
        Ok(HandledEvent {
            id: recorded.id,
            stream: recorded.stream.clone(),
            revision: recorded.revision,
            position: recorded.position,
            recorded_at_us: recorded.created.as_micros(),
            event_type: recorded.event_type.to_string(),
            version: metadata.schema_version.unwrap_or(1),
            data: data.to_owned(),
            metadata: metadata.clone(),
        })
    }

    /// The event as it was delivered, without its bytes.
    pub(super) fn as_recorded(&self) -> RecordedEvent {
        RecordedEvent {
            stream: self.stream.clone(),
            revision: self.revision,
            position: self.position,
            id: self.id,
            event_type: self.event_type.as_str().into(),
            content_type: ContentType::Json,
            data: Bytes::new(),
            metadata: Bytes::new(),
            created: Timestamp::from_micros(self.recorded_at_us),
        }
    }
}

impl Decided {
    /// What was decided because of `cause`, at this time. The first command has the number `first`.
    pub(super) fn of(
        reaction: Reaction,
        ends: bool,
        (process, cause): (&StreamName, Uuid),
        now: Timestamp,
    ) -> Result<Self, String> {
        let mut numbers = 0..;
        let mut command = |outgoing: Outgoing| {
            let index = numbers.next().unwrap_or(usize::MAX);
            Command::of(outgoing, CommandId::derived(process.as_str(), cause, index))
        };
        let commands = reaction.commands.into_iter().map(&mut command).collect::<Result<_, _>>()?;
        let timer = |change| {
            Ok(match change {
                TimerChange::Cancel(name) => Timer::Cancel { name },
                TimerChange::Set(timer) => Timer::Set {
                    name: timer.name,
                    due_us: timer.due.at(now).as_micros(),
                    skip_if_late_by_ms: timer.skip_if_late_by.map(millis),
                    command: Box::new(command(timer.command)?),
                },
            })
        };
        let timers = reaction.timers.into_iter().map(timer).collect::<Result<_, String>>()?;
        Ok(Decided { commands, timers, ends })
    }
}

impl Command {
    fn of(outgoing: Outgoing, id: CommandId) -> Result<Self, String> {
        let Outgoing { name, target, body, timeout, consistency, metadata, attempt } = outgoing;
        let body = RawValue::from_string(body?).map_err(|fault| fault.to_string())?;
        let timeout_ms = timeout.map(millis);
        Ok(Command { id, name, target, body, timeout_ms, consistency, metadata, attempt })
    }

    /// The command as the process manager has decided it.
    pub(super) fn outgoing(&self) -> Outgoing {
        Outgoing {
            name: self.name.clone(),
            target: self.target.clone(),
            body: Ok(self.body.get().to_owned()),
            timeout: self.timeout_ms.map(Duration::from_millis),
            consistency: self.consistency.clone(),
            metadata: self.metadata.clone(),
            attempt: self.attempt,
        }
    }
}

impl Refused {
    /// The refusal as the process manager hears it.
    pub(super) fn as_message(&self, command: &Command) -> Rejected {
        Rejected {
            command: command.outgoing(),
            attempt: self.attempt,
            kind: self.kind.clone(),
            code: self.code.clone(),
            message: self.message.clone(),
            at: Timestamp::from_micros(self.at_us),
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
