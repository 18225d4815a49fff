//! What an entry tells of causes and effects: for those who draw what led to what.

use engine_store::RecordedEvent;
use engine_types::CommandId;
use uuid::Uuid;

use super::entry::{Command, Decided, Entry, Timer};

/// What led an instance to an entry, and what it decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What led to it.
    pub occasion: Occasion,
    /// The commands that it decided to send, at once or at a time.
    pub decisions: Vec<Decision>,
}

/// What led an instance to an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Occasion {
    /// It heard the event of this id.
    Heard(Uuid),
    /// A command of its own was refused, for this reason.
    Refused(CommandId, String),
    /// The timer of this name, with this command, was due.
    Due(CommandId, String),
    /// An operator ended it, for this reason.
    Stopped(String),
}

/// A command that an instance decided to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The identity of the command.
    pub command: CommandId,
    /// Its name.
    pub name: String,
    /// The stream of the instance that it is for.
    pub target: String,
    /// The timer that it waits for; absent where it is sent at once.
    pub timer: Option<String>,
}

impl Step {
    /// Reads an entry in the stream of an instance; absent where the event is none.
    pub fn read(recorded: &RecordedEvent) -> Option<Self> {
        let (occasion, decided) = match Entry::read(recorded).ok()?? {
            Entry::Handled(handled) => (Occasion::Heard(handled.event.id), handled.decided),
            Entry::Refused(refused) => (Occasion::Refused(refused.command, refused.message), refused.decided),
            Entry::TimerDue(due) => (Occasion::Due(due.command, due.name), Decided::default()),
            Entry::Stopped(stopped) => (Occasion::Stopped(stopped.reason), Decided::default()),
        };
        let at_once = decided.commands.iter().map(|command| decision(command, None));
        let timed = decided.timers.iter().filter_map(|timer| match timer {
            Timer::Set { name, command, .. } => Some(decision(command, Some(name.clone()))),
            Timer::Cancel { .. } => None,
        });
        Some(Step { occasion, decisions: at_once.chain(timed).collect() })
    }
}

fn decision(command: &Command, timer: Option<String>) -> Decision {
    let (name, target) = (command.name.to_string(), command.target.clone());
    Decision { command: command.id, name, target, timer }
}
