//! A command of a process manager that was refused, as the message that the process manager gets.

use std::time::Duration;

use super::{Outgoing, Reaction, Timer};
use crate::{Command, Timestamp};

/// A command that was refused. Nothing of it took effect.
///
/// That a store cannot be reached, or an answer comes late, is no refusal: the command is sent again until there is
/// an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// The command.
    pub command: Outgoing,
    /// How often it was refused, with this time.
    pub attempt: u32,
    /// The kind, as one stable word: `rejected` by the domain, `halted` by middleware, `invalid`, or `deleted` where
    /// the instance was deleted for ever.
    pub kind: String,
    /// Where the domain refused, the name of the rejection's variant, such as `AccountIsClosed`.
    pub code: String,
    /// The message.
    pub message: String,
    /// When it was refused.
    pub at: Timestamp,
}

impl Rejected {
    /// Whether it is such a command.
    pub fn is<C: Command>(&self) -> bool {
        self.command.is::<C>()
    }

    /// Sends the same command again after this time. Count [`Rejected::attempt`] to give up some day.
    pub fn retry_after(&self, pause: Duration) -> Reaction {
        let command = Outgoing { attempt: self.attempt, ..self.command.clone() };
        let name = format!("retry of {} for {}", command.name, command.target);
        Reaction::set_timer(Timer::after(name, pause, command))
    }

    /// Lets the instance wait until an operator has looked at it; the command is then sent again.
    pub fn park(&self) -> Reaction {
        Reaction::park(format!(
            "`{}` for `{}` was refused: {}",
            self.command.name, self.command.target, self.message
        ))
    }
}
