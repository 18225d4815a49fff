//! Why a command was not carried out, sorted by what the sender does next.

use std::{convert::Infallible, time::Duration};

use engine_store::{AppendError, BoxError, ReadError};
use engine_types::{
    CommandId, CurrentRevision, ExpectedRevision, Position, StreamName, command::InvalidCommand,
    event::DecodeError,
};

use crate::{listen::NotHandled, middleware::Halt};

/// Why a command was not carried out. `R` is the domain's own refusal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<R> {
    /// The domain refused. Nothing was written.
    #[error("{0}")]
    Rejected(R),
    /// Nobody handles a command of this name.
    #[error("there is no command `{name}`{}", did_you_mean(.nearest.as_deref()))]
    UnknownCommand {
        /// The name.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// There is no aggregate of this category.
    #[error("there is no aggregate of category `{category}`{}", did_you_mean(.nearest.as_deref()))]
    UnknownCategory {
        /// The category.
        category: String,
        /// The known category that is most like it.
        nearest: Option<String>,
    },
    /// The body is not the command that it claims to be. Mend the input.
    #[error(transparent)]
    Invalid(#[from] InvalidCommand),
    /// A middleware stopped the command before it was decided.
    #[error(transparent)]
    Halted(Halt),
    /// The instance is not where the sender expected it. Nothing was written: look, then send again.
    #[error("stream `{stream}` is at revision {actual}, the sender expected {expected}")]
    Conflict {
        /// The stream of the instance.
        stream: StreamName,
        /// What the sender expected.
        expected: ExpectedRevision,
        /// Where the instance is.
        actual: CurrentRevision,
    },
    /// Others wrote to the instance again and again. Nothing was written: send again later.
    #[error("stream `{stream}` was changed by others during {attempts} attempts: send the command again")]
    TooManyConflicts {
        /// The stream of the instance.
        stream: StreamName,
        /// How often the command was decided.
        attempts: u32,
    },
    /// There was no answer in time. The command may still take effect.
    #[error(
        "no answer within {} ms; the command may still take effect: send it again with the same command id, \
         {command_id}",
        .after.as_millis()
    )]
    Timeout {
        /// How long the sender waited.
        after: Duration,
        /// The command's id, whoever chose it.
        command_id: CommandId,
    },
    /// The command took effect, but a handler did not handle its events in time. Do not send it again: read
    /// later, or look at the handler.
    #[error(
        "the command took effect (stream `{stream}`, revision {revision}), but handler `{handler}` has not handled \
         position {position}: {reason}; do not send it again"
    )]
    NotYetHandled {
        /// The handler.
        handler: String,
        /// The stream of the instance.
        stream: StreamName,
        /// Where the instance is now.
        revision: CurrentRevision,
        /// The position of the event that the handler has yet to handle.
        position: Position,
        /// Why it has not.
        reason: NotHandled,
    },
    /// The instance was deleted for ever.
    #[error("stream `{0}` was deleted for ever and takes no more commands")]
    Deleted(StreamName),
    /// The store cannot be used now. Nothing was written: mend the cause, then send again.
    #[error("the store is unavailable: {0}")]
    Unavailable(#[source] BoxError),
    /// The store's answer was lost. Send again with the same command id.
    #[error(
        "it is unknown whether the command took effect ({source}): send it again with the same command id{}",
        .command_id.map_or_else(String::new, |id| format!(", {id}"))
    )]
    OutcomeUnknown {
        /// The command's id, whoever chose it; absent where the write was not a command's.
        command_id: Option<CommandId>,
        /// What the store said.
        source: BoxError,
    },
    /// The store is damaged. Stop, keep the files, verify.
    #[error("the store is damaged: {0}")]
    Corrupt(#[source] BoxError),
    /// A stored event cannot be read. Nothing was written: add the type or an upcaster.
    #[error("stream `{stream}` revision {revision}: {source}")]
    Unreadable {
        /// The stream of the instance.
        stream: StreamName,
        /// The revision of the event.
        revision: u64,
        /// Why.
        #[source]
        source: DecodeError,
    },
    /// The domain's code, or the engine's, is at fault. Nothing was written.
    #[error("{0}")]
    Internal(String),
}

/// Why an instance could not be loaded: a [`SendError`] without the domain's refusal.
pub type LoadError = SendError<Infallible>;

impl LoadError {
    /// The same error where the domain could have refused too.
    pub(crate) fn widen<R>(self) -> SendError<R> {
        self.map_rejection(|never| match never {})
    }
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!("; did you mean `{name}`?"))
}

impl<R> SendError<R> {
    /// The kind of error, as one stable word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            SendError::Rejected(_) => "rejected",
            SendError::UnknownCommand { .. } => "unknown_command",
            SendError::UnknownCategory { .. } => "unknown_category",
            SendError::Invalid(_) => "invalid",
            SendError::Halted(_) => "halted",
            SendError::Conflict { .. } | SendError::TooManyConflicts { .. } => "conflict",
            SendError::Timeout { .. } => "timeout",
            SendError::NotYetHandled { .. } => "not_yet_handled",
            SendError::Deleted(_) => "deleted",
            SendError::Unavailable(_) => "unavailable",
            SendError::OutcomeUnknown { .. } => "outcome_unknown",
            SendError::Corrupt(_) => "corrupt",
            SendError::Unreadable { .. } => "unreadable",
            SendError::Internal(_) => "internal",
        }
    }

    /// The same error with another form of the domain's refusal.
    pub fn map_rejection<S>(self, map: impl FnOnce(R) -> S) -> SendError<S> {
        match self {
            SendError::Rejected(rejection) => SendError::Rejected(map(rejection)),
            SendError::UnknownCommand { name, nearest } => SendError::UnknownCommand { name, nearest },
            SendError::UnknownCategory { category, nearest } => {
                SendError::UnknownCategory { category, nearest }
            }
            SendError::Invalid(error) => SendError::Invalid(error),
            SendError::Halted(halt) => SendError::Halted(halt),
            SendError::Conflict { stream, expected, actual } => {
                SendError::Conflict { stream, expected, actual }
            }
            SendError::TooManyConflicts { stream, attempts } => {
                SendError::TooManyConflicts { stream, attempts }
            }
            SendError::Timeout { after, command_id } => SendError::Timeout { after, command_id },
            SendError::NotYetHandled { handler, stream, revision, position, reason } => {
                SendError::NotYetHandled { handler, stream, revision, position, reason }
            }
            SendError::Deleted(stream) => SendError::Deleted(stream),
            SendError::Unavailable(cause) => SendError::Unavailable(cause),
            SendError::OutcomeUnknown { command_id, source } => {
                SendError::OutcomeUnknown { command_id, source }
            }
            SendError::Corrupt(cause) => SendError::Corrupt(cause),
            SendError::Unreadable { stream, revision, source } => {
                SendError::Unreadable { stream, revision, source }
            }
            SendError::Internal(fault) => SendError::Internal(fault),
        }
    }
}

impl<R> From<ReadError> for SendError<R> {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::StreamDeleted { stream } => SendError::Deleted(stream),
            ReadError::Unavailable(cause) => SendError::Unavailable(cause),
            ReadError::Corrupt(cause) => SendError::Corrupt(cause),
            error => SendError::Internal(error.to_string()),
        }
    }
}

impl<R> From<AppendError> for SendError<R> {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { stream, expected, actual } => {
                SendError::Conflict { stream, expected, actual }
            }
            AppendError::StreamDeleted { stream } => SendError::Deleted(stream),
            AppendError::Unavailable(cause) => SendError::Unavailable(cause),
            AppendError::OutcomeUnknown(source) => SendError::OutcomeUnknown { command_id: None, source },
            AppendError::Corrupt(cause) => SendError::Corrupt(cause),
            AppendError::Invalid(fault) => SendError::Invalid(InvalidCommand::body(fault)),
            error => SendError::Internal(error.to_string()),
        }
    }
}
