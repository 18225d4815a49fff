//! How a handler is doing.

use std::fmt;

use engine_types::Position;
use serde::Serialize;

/// What a handler does at the moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum HandlerState {
    /// It has not begun.
    #[default]
    Starting,
    /// It handles events that were there before.
    CatchingUp,
    /// It handles events as they come.
    Live,
    /// An operator has paused it.
    Paused,
    /// It could not handle an event and stops before it. Resume it when the cause is mended.
    Stopped {
        /// The event.
        position: Position,
        /// Why it could not be handled.
        error: String,
    },
    /// The store, or its own start, fails; it tries again by itself.
    Failing {
        /// Why.
        error: String,
    },
    /// Another process works on all of its partitions.
    Elsewhere,
    /// Somebody else moves its checkpoint, so that it has stopped. Resume it to take it back.
    TakenOver {
        /// How that was noticed.
        error: String,
    },
    /// The application has been closed.
    Ended,
}

impl HandlerState {
    /// The state as one word.
    pub fn word(&self) -> &'static str {
        match self {
            HandlerState::Starting => "starting",
            HandlerState::CatchingUp => "catching_up",
            HandlerState::Live => "live",
            HandlerState::Paused => "paused",
            HandlerState::Stopped { .. } => "stopped",
            HandlerState::Failing { .. } => "failing",
            HandlerState::Elsewhere => "elsewhere",
            HandlerState::TakenOver { .. } => "taken_over",
            HandlerState::Ended => "ended",
        }
    }

    /// Whether nothing will be handled until somebody does something about it.
    pub fn is_at_rest(&self) -> bool {
        match self {
            HandlerState::Starting
            | HandlerState::CatchingUp
            | HandlerState::Live
            | HandlerState::Failing { .. }
            | HandlerState::Elsewhere => false,
            HandlerState::Paused
            | HandlerState::Stopped { .. }
            | HandlerState::TakenOver { .. }
            | HandlerState::Ended => true,
        }
    }
}

impl fmt::Display for HandlerState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HandlerState::Starting => formatter.write_str("it starts"),
            HandlerState::CatchingUp => formatter.write_str("it is catching up"),
            HandlerState::Live => formatter.write_str("it is live"),
            HandlerState::Paused => formatter.write_str("it is paused"),
            HandlerState::Stopped { position, error } => {
                write!(formatter, "it has stopped at position {position} ({error})")
            }
            HandlerState::Failing { error } => write!(formatter, "it fails ({error})"),
            HandlerState::Elsewhere => formatter.write_str("another process works on it"),
            HandlerState::TakenOver { error } => {
                write!(formatter, "another process has taken it over ({error})")
            }
            HandlerState::Ended => formatter.write_str("it has ended"),
        }
    }
}

/// How a handler is doing, as its runner knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Status {
    pub(crate) state: HandlerState,
    pub(crate) parked_keys: usize,
    /// Why the checkpoint cannot be stored at the moment.
    pub(crate) fault: Option<String>,
    /// How many events were handled, or skipped, since the process began.
    pub(crate) handled: u64,
}
