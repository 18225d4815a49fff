//! Middleware: what happens around every command, whatever it is.

use std::{any::Any, borrow::Cow, fmt};

use async_trait::async_trait;
use engine_types::{Command, CommandId, CorrelationId, CurrentRevision, Position};
use serde_json::Value;

use crate::SendOptions;

/// Runs around every command: authorisation, auditing, enrichment of metadata.
///
/// `before` runs in the order of registration, `after` and `failed` in the reverse order. Exactly one of the
/// latter two runs for each middleware whose `before` was reached, unless the sender goes away before there is
/// an answer. The time that a command may take begins behind the last `before`.
#[async_trait]
pub trait Middleware: Send + Sync + 'static {
    /// Runs before the command is decided; may change its options.
    ///
    /// # Errors
    /// Stops the command: later middleware and the aggregate do not see it.
    async fn before(&self, dispatch: &mut Dispatch<'_>) -> Result<(), Halt> {
        let _ = dispatch;
        Ok(())
    }

    /// Runs after the command was accepted and its events are stored.
    async fn after(&self, dispatch: &Dispatch<'_>, accepted: &Accepted) {
        let _ = (dispatch, accepted);
    }

    /// Runs after the command failed, in whatever way.
    async fn failed(&self, dispatch: &Dispatch<'_>, failure: &Failure) {
        let _ = (dispatch, failure);
    }
}

/// A command on its way.
#[derive(Debug)]
pub struct Dispatch<'a> {
    /// The command itself.
    pub command: &'a dyn AnyCommand,
    /// Its identity. One that middleware sets counts as the sender's own: sent again with the same, the command
    /// gives the first answer again.
    pub command_id: CommandId,
    /// What the chain of causes is called.
    pub correlation_id: CorrelationId,
    /// What was chosen for it. Changes count, except to the ids in it that stand above.
    pub options: &'a mut SendOptions,
}

/// A command whose type is known only at run time.
pub trait AnyCommand: Send + Sync {
    /// The name it is sent under.
    fn name(&self) -> &'static str;
    /// The category of the aggregate that answers it.
    fn category(&self) -> &'static str;
    /// The instance that it is addressed to.
    fn id(&self) -> Cow<'_, str>;
    /// Its fields.
    ///
    /// # Errors
    /// A field that JSON cannot hold.
    fn to_json(&self) -> Result<Value, serde_json::Error>;
    /// The command as [`Any`], to be downcast to its type.
    fn as_any(&self) -> &dyn Any;
}

impl<C: Command> AnyCommand for C {
    fn name(&self) -> &'static str {
        C::NAME
    }

    fn category(&self) -> &'static str {
        <C::Aggregate as engine_types::Aggregate>::CATEGORY
    }

    fn id(&self) -> Cow<'_, str> {
        self.aggregate_id()
    }

    fn to_json(&self) -> Result<Value, serde_json::Error> {
        serde_json::to_value(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl fmt::Debug for dyn AnyCommand + '_ {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} for {}-{}", self.name(), self.category(), self.id())
    }
}

/// Why a middleware stopped a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Halt {
    /// What is wrong and what to do, for the sender.
    pub reason: String,
}

impl Halt {
    /// Stops with this reason.
    pub fn because(reason: impl Into<String>) -> Self {
        Halt { reason: reason.into() }
    }
}

/// What became of an accepted command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Where the instance is now.
    pub revision: CurrentRevision,
    /// The position of the last event, where there are events.
    pub position: Option<Position>,
    /// The types of the events, in order.
    pub event_types: Vec<&'static str>,
    /// Whether this is the first answer again.
    pub duplicate: bool,
}

/// What became of a failed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind, as in [`SendError::kind`](crate::SendError::kind).
    pub kind: &'static str,
    /// The message.
    pub message: String,
}
