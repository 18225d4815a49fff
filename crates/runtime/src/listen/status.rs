//! How a handler is doing.

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
        }
    }
}

/// How a handler is doing, as its runner knows it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Status {
    pub(crate) state: HandlerState,
    pub(crate) parked_keys: usize,
    /// How many events were handled since the process began.
    pub(crate) handled: u64,
}
