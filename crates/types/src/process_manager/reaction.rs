//! Reactions: what a process manager wants to be done, as data.

use super::{Outgoing, Timer};

/// What is to be done about an event: commands to send, timers to set or cancel.
///
/// Commands go out in their order, each when the one before has its answer. A command that is refused does not keep
/// those behind it from going out.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use = "a reaction does nothing by itself: return it"]
pub struct Reaction {
    /// The commands.
    pub commands: Vec<Outgoing>,
    /// What happens to timers, in order.
    pub timers: Vec<TimerChange>,
    /// Whether the instance ends. Its commands still go out; its timers are cancelled.
    pub stop: bool,
    /// Set where the event is not to be handled now. Nothing of the rest happens then.
    pub trouble: Option<Trouble>,
}

/// What happens to a timer.
#[derive(Debug, Clone, PartialEq)]
pub enum TimerChange {
    /// It is set, or replaced where one of this name waits.
    Set(Box<Timer>),
    /// It is cancelled, where one of this name waits.
    Cancel(String),
}

/// Why an event is not handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The instance waits at this event until an operator lets it try again.
    Park(String),
    /// The whole process manager stops before this event.
    Fail(String),
}

impl Reaction {
    /// Nothing to do.
    pub fn none() -> Self {
        Reaction::default()
    }

    /// A command to send.
    pub fn send(command: impl Into<Outgoing>) -> Self {
        Reaction::none().and_send(command)
    }

    /// A command more to send.
    pub fn and_send(mut self, command: impl Into<Outgoing>) -> Self {
        self.commands.push(command.into());
        self
    }

    /// A timer to set.
    pub fn set_timer(timer: Timer) -> Self {
        Reaction::none().and_set_timer(timer)
    }

    /// A timer more to set.
    pub fn and_set_timer(mut self, timer: Timer) -> Self {
        self.timers.push(TimerChange::Set(Box::new(timer)));
        self
    }

    /// A timer to cancel.
    pub fn cancel_timer(name: impl Into<String>) -> Self {
        Reaction::none().and_cancel_timer(name)
    }

    /// A timer more to cancel.
    pub fn and_cancel_timer(mut self, name: impl Into<String>) -> Self {
        self.timers.push(TimerChange::Cancel(name.into()));
        self
    }

    /// The instance ends.
    pub fn stop() -> Self {
        Reaction::none().and_stop()
    }

    /// The instance ends, after what was said before.
    pub fn and_stop(mut self) -> Self {
        self.stop = true;
        self
    }

    /// This, and then the other.
    pub fn and(mut self, other: Reaction) -> Self {
        self.commands.extend(other.commands);
        self.timers.extend(other.timers);
        self.stop |= other.stop;
        self.trouble = self.trouble.or(other.trouble);
        self
    }

    /// The event cannot be handled now: the instance waits at it until an operator lets it try again. All other
    /// instances go on.
    pub fn park(reason: impl Into<String>) -> Self {
        Reaction { trouble: Some(Trouble::Park(reason.into())), ..Reaction::none() }
    }

    /// The whole process manager stops before this event.
    pub fn fail(reason: impl Into<String>) -> Self {
        Reaction { trouble: Some(Trouble::Fail(reason.into())), ..Reaction::none() }
    }

    /// The commands that go out at once or later, in the order in which their ids are numbered.
    pub fn all_commands(&self) -> impl Iterator<Item = &Outgoing> {
        let timed = self.timers.iter().filter_map(|change| match change {
            TimerChange::Set(timer) => Some(&timer.command),
            TimerChange::Cancel(_) => None,
        });
        self.commands.iter().chain(timed)
    }
}
