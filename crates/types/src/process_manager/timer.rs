//! Timers: commands that are sent when they are due.

use std::time::Duration;

use super::Outgoing;
use crate::Timestamp;

/// A command that is sent when it is due, unless it is cancelled or replaced before.
#[derive(Debug, Clone, PartialEq)]
pub struct Timer {
    /// Its name within the instance. Setting another of the same name replaces it.
    pub name: String,
    /// When it is due.
    pub due: Due,
    /// What is sent then.
    pub command: Outgoing,
    /// How late it may be sent, such as after the engine was not running; later it is given up. Default: however
    /// late.
    pub skip_if_late_by: Option<Duration>,
}

/// When a timer is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// So long after the event, or the refusal, that it is set for.
    After(Duration),
    /// At this time.
    At(Timestamp),
}

impl From<Duration> for Due {
    fn from(duration: Duration) -> Self {
        Due::After(duration)
    }
}

impl From<Timestamp> for Due {
    fn from(time: Timestamp) -> Self {
        Due::At(time)
    }
}

impl Due {
    /// The time, where `now` is when it is set.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Due::After(duration) => now.after(duration),
            Due::At(time) => time,
        }
    }
}

impl Timer {
    /// A timer that is due so long after the event, or the refusal, that it is set for.
    pub fn after(name: impl Into<String>, duration: Duration, command: impl Into<Outgoing>) -> Self {
        Timer::new(name, Due::After(duration), command)
    }

    /// A timer that is due at this time.
    pub fn at(name: impl Into<String>, time: Timestamp, command: impl Into<Outgoing>) -> Self {
        Timer::new(name, Due::At(time), command)
    }

    fn new(name: impl Into<String>, due: Due, command: impl Into<Outgoing>) -> Self {
        Timer { name: name.into(), due, command: command.into(), skip_if_late_by: None }
    }

    /// Gives the timer up where it could only be sent later than this after it was due.
    #[must_use]
    pub fn skip_if_late_by(mut self, duration: Duration) -> Self {
        self.skip_if_late_by = Some(duration);
        self
    }
}
