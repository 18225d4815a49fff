//! What goes wrong, as one kind, one message and, where known, one field.

use std::{any::Any, error::Error, fmt::Display, io};

use engine::{
    QueryError, SendError, StartError,
    listen::HandlersError,
    processes::ProcessesError,
    read_models::ProjectionsError,
    store::{AppendError, MaintenanceError, ReadError},
    stores::OpenError,
    timers::TimersError,
};
use serde::Serialize;

use crate::{exit::Exit, panics, signals::Signal};

/// Why a command was not carried out. The kind is one stable word for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    /// The kind, as in [`SendError::kind`], and `usage`, `not_found`, `locked` and their like.
    pub(crate) kind: &'static str,
    /// What is wrong and what to do.
    pub(crate) message: String,
    /// The field at fault, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// What is said to people beside the message.
    #[serde(skip)]
    pub(crate) advice: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into(), field: None, advice: None }
    }

    /// The command line is not one.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::new("usage", message)
    }

    /// There is no such thing.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Failure::new("not_found", message)
    }

    /// A signal came before the command was done.
    pub(crate) fn stopped() -> Self {
        let message = "stopped by a signal before it was done; a command that was sent may still take effect";
        Failure::new("stopped", message)
    }

    /// A panic that nobody caught.
    pub(crate) fn defect(panic: &(dyn Any + Send)) -> Self {
        Failure::new("internal", format!("a defect: {}", panics::message(panic)))
    }

    #[must_use]
    pub(crate) fn of_field(mut self, field: &str) -> Self {
        self.field = Some(field.to_owned());
        self
    }

    #[must_use]
    pub(crate) fn advising(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Says what to do about damage.
    fn of_damage(mut self) -> Self {
        self.message.push_str("; keep a copy of the files, then restore a backup");
        self.advising("`verify` lists what is damaged")
    }

    /// How a process ends that had only this to do.
    pub(crate) fn exit(&self) -> Exit {
        Exit::of_kind(self.kind)
    }
}

impl<R: Display> From<SendError<R>> for Failure {
    fn from(error: SendError<R>) -> Self {
        let failure = Failure::new(error.kind(), error.to_string());
        match error {
            SendError::Invalid(fault) => Failure { field: fault.field, ..failure },
            SendError::UnknownCommand { .. } => failure.advising("`help` lists the commands"),
            SendError::UnknownCategory { .. } => failure.advising("`map` lists the aggregates"),
            SendError::Corrupt(_) => failure.of_damage(),
            _ => failure,
        }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        let failure = Failure::new(error.kind(), with_causes(&error));
        match error {
            QueryError::Invalid(fault) => Failure { field: fault.field, ..failure },
            QueryError::UnknownQuery { .. } => failure.advising("`help` lists the queries"),
            QueryError::NotYetHandled { .. } => {
                failure.advising("`--consistency eventual` answers with what there is")
            }
            QueryError::Damaged(_) => failure.advising("`projections rebuild` builds it anew"),
            _ => failure,
        }
    }
}

impl From<HandlersError> for Failure {
    fn from(error: HandlersError) -> Self {
        let kind = match error {
            HandlersError::Store(error) => return error.into(),
            HandlersError::Unknown { .. } => "unknown_handler",
            HandlersError::Refused(_) => "refused",
            _ => "not_yet_handled",
        };
        let failure = Failure::new(kind, error.to_string());
        if kind == "unknown_handler" { failure.advising("`handlers` lists them") } else { failure }
    }
}

impl From<ProjectionsError> for Failure {
    fn from(error: ProjectionsError) -> Self {
        let kind = match error {
            ProjectionsError::Unknown { .. } => "unknown_projection",
            ProjectionsError::Refused(_) | ProjectionsError::Cancelled(_) => "refused",
            _ => "unavailable",
        };
        let failure = Failure::new(kind, error.to_string());
        if kind == "unknown_projection" { failure.advising("`projections` lists them") } else { failure }
    }
}

impl From<ProcessesError> for Failure {
    fn from(error: ProcessesError) -> Self {
        let kind = match error {
            ProcessesError::Handlers(error) => return error.into(),
            ProcessesError::Store(error) => return error.into(),
            ProcessesError::Unknown { .. } => "unknown_process",
            ProcessesError::NoInstance { .. } => "not_found",
            _ => "refused",
        };
        Failure::new(kind, error.to_string())
    }
}

impl From<TimersError> for Failure {
    fn from(error: TimersError) -> Self {
        match error {
            TimersError::Read(error) => error.into(),
            TimersError::Write(error) => error.into(),
            TimersError::NotWaiting(_) => Failure::not_found(error.to_string()),
            TimersError::Invalid(_) => Failure::new("invalid", error.to_string()),
            error => Failure::new("refused", error.to_string()),
        }
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let kind = match &error {
            ReadError::StreamNotFound { .. } => "not_found",
            ReadError::StreamDeleted { .. } => "deleted",
            ReadError::Unavailable(_) => "unavailable",
            ReadError::Corrupt(_) => "corrupt",
            ReadError::Unsupported(_) => "unsupported",
            ReadError::Invalid(_) => "invalid",
            _ => "internal",
        };
        let failure = Failure::new(kind, with_causes(&error));
        if kind == "corrupt" { failure.of_damage() } else { failure }
    }
}

impl From<MaintenanceError> for Failure {
    fn from(error: MaintenanceError) -> Self {
        match error {
            MaintenanceError::Read(error) => error.into(),
            MaintenanceError::Write(error) => error.into(),
            MaintenanceError::Place(_) => Failure::new("cannot_open", error.to_string()),
            MaintenanceError::Locked(_) => Failure::new("locked", error.to_string()),
            MaintenanceError::Unsupported(_) => Failure::new("unsupported", error.to_string()),
            MaintenanceError::Busy(_) => Failure::new("refused", error.to_string()),
            _ => Failure::new("unavailable", error.to_string()),
        }
    }
}

impl From<MaintenanceError> for Trouble {
    fn from(error: MaintenanceError) -> Self {
        Trouble::Failed(error.into())
    }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        Failure::from(SendError::<String>::from(error))
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => error.into(),
            StartError::UnreadableEvents { .. } => Failure::new("unreadable", error.to_string()),
            error => Failure::new("internal", with_causes(&error)),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Read(error) => error.into(),
            OpenError::Maintenance(error) => error.into(),
            OpenError::Url { .. } => Failure::usage(error.to_string()).of_field("store"),
            error => Failure::new(error.kind(), with_causes(&error)),
        }
    }
}

/// An error and its causes on one line, each only where it says something new.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// Why a command ended before its time.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It failed.
    Failed(Failure),
    /// It found damage in the store, and has said so.
    Damaged,
    /// Its answer could not be written.
    Output(io::Error),
    /// A signal asked it to stop.
    Stopped(Signal),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Output(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Failed(failure)
    }
}

impl From<QueryError> for Trouble {
    fn from(error: QueryError) -> Self {
        Trouble::Failed(error.into())
    }
}

impl From<HandlersError> for Trouble {
    fn from(error: HandlersError) -> Self {
        Trouble::Failed(error.into())
    }
}

impl From<ProjectionsError> for Trouble {
    fn from(error: ProjectionsError) -> Self {
        Trouble::Failed(error.into())
    }
}

impl From<ProcessesError> for Trouble {
    fn from(error: ProcessesError) -> Self {
        Trouble::Failed(error.into())
    }
}

impl From<TimersError> for Trouble {
    fn from(error: TimersError) -> Self {
        Trouble::Failed(error.into())
    }
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        Trouble::Failed(error.into())
    }
}

impl<R: Display> From<SendError<R>> for Trouble {
    fn from(error: SendError<R>) -> Self {
        Trouble::Failed(error.into())
    }
}

#[cfg(test)]
mod tests {
    use engine::command::InvalidCommand;

    use super::*;

    #[test]
    fn an_invalid_command_names_its_field() {
        let error = SendError::<String>::Invalid(InvalidCommand::field("amount", "is missing"));
        let failure = Failure::from(error);
        assert_eq!((failure.kind, failure.field.as_deref()), ("invalid", Some("amount")));
    }

    #[test]
    fn causes_are_told_once() {
        let inner = io::Error::other("the cable is cut");
        let failure = Failure::from(ReadError::unavailable(inner));
        assert_eq!(failure.message, "the store cannot be read: the cable is cut");
    }

    #[test]
    fn advice_is_for_people_only() {
        let failure = Failure::usage("no").advising("try `help`");
        assert_eq!(
            serde_json::to_value(failure).unwrap(),
            serde_json::json!({"kind": "usage", "message": "no"})
        );
    }
}
