//! What can go wrong when handlers are looked at, told something, or waited for.

use std::{fmt, time::Duration};

use engine_store::ReadError;
use engine_types::Position;

use crate::listen::HandlerState;

/// Why a handler could not be looked at, told something, or waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlersError {
    /// There is no handler of this name.
    #[error("there is no handler `{name}`{}", .nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    Unknown {
        /// The name.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// The handler cannot do that now. The message says why.
    #[error("{0}")]
    Refused(String),
    /// The handler had not come as far when the time was up.
    #[error("handler `{handler}` had not handled position {position} within {} ms", .limit.as_millis())]
    Timeout {
        /// The handler.
        handler: String,
        /// The position that was waited for.
        position: Position,
        /// How long.
        limit: Duration,
    },
    /// The handler has not come as far, and will not before somebody does something about it.
    #[error("handler `{handler}` has not handled position {position}: {state}")]
    AtRest {
        /// The handler.
        handler: String,
        /// The position that was waited for.
        position: Position,
        /// Why it handles nothing.
        state: HandlerState,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] ReadError),
}

/// Says that a handler cannot be reset to a place that is not there.
pub(in crate::listen) fn nothing_at(position: Position) -> String {
    format!("there is nothing at position {position} yet: the handler would skip events")
}

/// Why an event was not handled although somebody waited for it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotHandled {
    /// The time was up.
    Late {
        /// How long was waited.
        limit: Duration,
    },
    /// The event could not be handled, or waits behind one that could not.
    Parked,
    /// Nothing will be handled before somebody does something about it.
    AtRest(HandlerState),
}

impl fmt::Display for NotHandled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotHandled::Late { limit } => write!(formatter, "it had not within {} ms", limit.as_millis()),
            NotHandled::Parked => formatter.write_str("its sequence is parked"),
            NotHandled::AtRest(state) => state.fmt(formatter),
        }
    }
}
