//! Which problem each error of the engine is.

use engine_runtime::{
    JsonSendError, LoadError, SendError,
    listen::HandlersError,
    processes::ProcessesError,
    read_models::{ProjectionsError, QueryError},
    timers::TimersError,
};
use engine_store::{AppendError, MaintenanceError, ReadError};
use engine_types::{command::InvalidCommand, stream::InvalidName};
use http::StatusCode;

use super::Problem;
use crate::{
    access::{Refused, TokensError, UsersError},
    groups::GroupsError,
};

/// The status that says best what a sender does next. What may have taken effect, or may do so later, is never a
/// fault of the sender's.
fn status_of<R>(error: &SendError<R>) -> StatusCode {
    match error {
        SendError::Rejected(_) => StatusCode::UNPROCESSABLE_ENTITY,
        SendError::UnknownCommand { .. } | SendError::UnknownCategory { .. } => StatusCode::NOT_FOUND,
        SendError::Invalid(_) => StatusCode::BAD_REQUEST,
        SendError::Halted(_) => StatusCode::FORBIDDEN,
        SendError::Conflict { .. } | SendError::TooManyConflicts { .. } | SendError::Deleted(_) => {
            StatusCode::CONFLICT
        }
        SendError::Timeout { .. }
        | SendError::NotYetHandled { .. }
        | SendError::Unavailable(_)
        | SendError::OutcomeUnknown { .. }
        | SendError::Corrupt(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl From<JsonSendError> for Problem {
    fn from(error: JsonSendError) -> Self {
        let problem = Problem::new(status_of(&error), error.kind(), error.to_string());
        match error {
            SendError::Invalid(InvalidCommand { field: Some(field), .. }) => problem.with("field", field),
            SendError::Conflict { stream, expected, actual } => problem
                .with("stream", stream.as_str())
                .with("expected", expected.to_string())
                .with("actual", actual.revision().map(|revision| revision.0)),
            SendError::Timeout { command_id, .. } => problem.with("command_id", command_id.to_string()),
            SendError::OutcomeUnknown { command_id: Some(id), .. } => {
                problem.with("command_id", id.to_string())
            }
            SendError::NotYetHandled { handler, stream, revision, position, .. } => problem
                .with("took_effect", true)
                .with("handler", handler)
                .with("stream", stream.as_str())
                .with("revision", revision.revision().map(|revision| revision.0))
                .with("position", position.0),
            _ => problem,
        }
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        Problem::new(status_of(&error), error.kind(), error.to_string())
    }
}

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let detail = error.to_string();
        match error {
            ReadError::StreamNotFound { .. } => Problem::not_found(detail),
            ReadError::StreamDeleted { .. } => Problem::new(StatusCode::NOT_FOUND, "deleted", detail),
            ReadError::Unavailable(_) => Problem::unavailable("unavailable", detail),
            ReadError::Corrupt(_) => Problem::unavailable("corrupt", detail),
            ReadError::Unsupported(_) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unsupported", detail)
            }
            ReadError::Invalid(_) => Problem::bad_request(detail),
            _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail),
        }
    }
}

impl From<AppendError> for Problem {
    fn from(error: AppendError) -> Self {
        JsonSendError::from(error).into()
    }
}

impl From<MaintenanceError> for Problem {
    fn from(error: MaintenanceError) -> Self {
        let detail = error.to_string();
        match error {
            MaintenanceError::Read(error) => error.into(),
            MaintenanceError::Write(error) => error.into(),
            MaintenanceError::Unsupported(_) => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "unsupported", detail)
            }
            _ => Problem::unavailable("unavailable", detail),
        }
    }
}

impl From<QueryError> for Problem {
    fn from(error: QueryError) -> Self {
        let status = match &error {
            QueryError::UnknownQuery { .. } | QueryError::NotFound(_) => StatusCode::NOT_FOUND,
            QueryError::Invalid(_) => StatusCode::BAD_REQUEST,
            QueryError::NotYetHandled { .. }
            | QueryError::BeingBuilt { .. }
            | QueryError::Timeout(_)
            | QueryError::Unavailable(_)
            | QueryError::Damaged(_) => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let problem = Problem::new(status, error.kind(), error.to_string());
        match error {
            QueryError::Invalid(InvalidCommand { field: Some(field), .. }) => problem.with("field", field),
            QueryError::BeingBuilt { percent, .. } => problem.with("percent", percent),
            _ => problem,
        }
    }
}

impl From<HandlersError> for Problem {
    fn from(error: HandlersError) -> Self {
        let detail = error.to_string();
        match error {
            HandlersError::Unknown { .. } => Problem::new(StatusCode::NOT_FOUND, "unknown_handler", detail),
            HandlersError::Refused(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail),
            HandlersError::Timeout { .. } | HandlersError::AtRest { .. } => {
                Problem::unavailable("not_yet_handled", detail)
            }
            HandlersError::Store(error) => error.into(),
            _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail),
        }
    }
}

impl From<ProjectionsError> for Problem {
    fn from(error: ProjectionsError) -> Self {
        let detail = error.to_string();
        match error {
            ProjectionsError::Unknown { .. } => {
                Problem::new(StatusCode::NOT_FOUND, "unknown_projection", detail)
            }
            ProjectionsError::Refused(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail),
            _ => Problem::unavailable("unavailable", detail),
        }
    }
}

impl From<ProcessesError> for Problem {
    fn from(error: ProcessesError) -> Self {
        let detail = error.to_string();
        match error {
            ProcessesError::Unknown { .. } => Problem::new(StatusCode::NOT_FOUND, "unknown_process", detail),
            ProcessesError::NoInstance { .. } => Problem::not_found(detail),
            ProcessesError::Refused(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail),
            ProcessesError::Handlers(error) => error.into(),
            ProcessesError::Store(error) => error.into(),
            _ => Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail),
        }
    }
}

impl From<TimersError> for Problem {
    fn from(error: TimersError) -> Self {
        match error {
            TimersError::Read(error) => error.into(),
            TimersError::Write(error) => error.into(),
            other => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", other.to_string()),
        }
    }
}

impl From<InvalidName> for Problem {
    fn from(error: InvalidName) -> Self {
        Problem::bad_request(format!("the name of the stream {error}"))
    }
}

impl From<UsersError> for Problem {
    fn from(error: UsersError) -> Self {
        let detail = error.to_string();
        match error {
            UsersError::Unknown(_) => Problem::new(StatusCode::NOT_FOUND, "unknown_user", detail),
            UsersError::Refused(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail),
            UsersError::Unavailable(_) => Problem::unavailable("unavailable", detail),
        }
    }
}

impl From<GroupsError> for Problem {
    fn from(error: GroupsError) -> Self {
        let detail = error.to_string();
        match error {
            GroupsError::Unknown(_) => Problem::new(StatusCode::NOT_FOUND, "unknown_group", detail),
            GroupsError::Refused(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", detail),
            GroupsError::Unavailable(_) => Problem::unavailable("unavailable", detail),
        }
    }
}

impl From<TokensError> for Problem {
    fn from(error: TokensError) -> Self {
        match error {
            TokensError::TooMany => {
                Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "refused", error.to_string())
            }
            TokensError::Read(error) => error.into(),
            TokensError::Write(error) => error.into(),
        }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let detail = refused.to_string();
        match refused {
            Refused::Wrong => Problem::new(StatusCode::UNAUTHORIZED, "wrong_credentials", detail),
            Refused::TooMany(seconds) => {
                let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_sign_ins", detail);
                problem.with("retry_after_s", seconds)
            }
            Refused::Users(error) => error.into(),
        }
    }
}
