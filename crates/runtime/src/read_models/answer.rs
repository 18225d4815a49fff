//! Queries: what answers them, what can be chosen, and why there may be no answer.

use std::time::Duration;

use engine_store::{BoxError, ReadError, rows::RowError};
use engine_types::{Position, Query, command::InvalidCommand};
use serde::Serialize;

use super::{Projection, Rows};
use crate::listen::{HandlersError, NotHandled};

/// Answers queries of one kind from the rows of a read model. To a projection what `Decide` is to an aggregate.
///
/// It sees the rows as they are at one moment, and nothing else.
pub trait Answer<Q: Query>: Projection {
    /// What comes back.
    type Output: Serialize + Send + 'static;

    /// Answers one query.
    ///
    /// # Errors
    /// See [`AnswerError`]; `?` passes on what kept the rows from being read.
    fn answer(query: &Q, rows: &dyn Rows<Self::Row>) -> Result<Self::Output, AnswerError>;
}

/// Why a projection has no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// There is no such thing. The message names it.
    #[error("{0}")]
    NotFound(String),
    /// A field of the query is at fault.
    #[error(transparent)]
    Invalid(#[from] InvalidCommand),
    /// The rows cannot be read.
    #[error(transparent)]
    Rows(#[from] RowError),
}

/// When a query may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueryConsistency {
    /// At once, from what has been counted so far. Just after a start, and while the read model is built for the
    /// first time, it waits for what was stored before.
    #[default]
    Eventual,
    /// When everything has been counted that is stored at the time of asking.
    Strong,
    /// When everything up to this position has been counted: read your own writes, with a receipt's position.
    After(Position),
}

/// What can be chosen for one query.
#[derive(Debug, Clone, Default)]
pub struct QueryOptions {
    /// When it may be answered.
    pub consistency: QueryConsistency,
    /// How long it may take. Default: as long as a command.
    pub timeout: Option<Duration>,
}

/// Why a query was not answered, sorted by what the asker does next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Nobody answers queries of this name.
    #[error("there is no query `{name}`{}", .nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    UnknownQuery {
        /// The name.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// The body is not the query that it claims to be. Mend the input.
    #[error(transparent)]
    Invalid(#[from] InvalidCommand),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// The read model has not come as far. Ask again later, or eventually, or look at its handler.
    #[error("read model `{projection}` has not counted position {position}: {reason}")]
    NotYetHandled {
        /// The projection.
        projection: &'static str,
        /// The position that was waited for.
        position: Position,
        /// Why.
        reason: NotHandled,
    },
    /// The read model is built for the first time, or for a new version. Ask again later.
    #[error("read model `{projection}` is being built: {percent} % is done")]
    BeingBuilt {
        /// The projection.
        projection: &'static str,
        /// How much is done.
        percent: u8,
    },
    /// The answer took too long. Ask for less.
    #[error("no answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// The store, or the rows, cannot be read now: mend the cause, then ask again.
    #[error("{0}")]
    Unavailable(#[source] BoxError),
    /// The rows are damaged: build them anew.
    #[error("{0}")]
    Damaged(#[source] BoxError),
    /// The domain's code, or the engine's, is at fault.
    #[error("{0}")]
    Internal(String),
}

impl QueryError {
    /// The kind of error, as one stable word for programs.
    pub fn kind(&self) -> &'static str {
        match self {
            QueryError::UnknownQuery { .. } => "unknown_query",
            QueryError::Invalid(_) => "invalid",
            QueryError::NotFound(_) => "not_found",
            QueryError::NotYetHandled { .. } => "not_yet_handled",
            QueryError::BeingBuilt { .. } => "being_built",
            QueryError::Timeout(_) => "timeout",
            QueryError::Unavailable(_) => "unavailable",
            QueryError::Damaged(_) => "corrupt",
            QueryError::Internal(_) => "internal",
        }
    }
}

impl From<AnswerError> for QueryError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::NotFound(what) => QueryError::NotFound(what),
            AnswerError::Invalid(fault) => QueryError::Invalid(fault),
            AnswerError::Rows(error) => error.into(),
        }
    }
}

impl From<RowError> for QueryError {
    fn from(error: RowError) -> Self {
        match error {
            RowError::Damaged(_) => QueryError::Damaged(error.into()),
            error => QueryError::Unavailable(error.into()),
        }
    }
}

impl From<ReadError> for QueryError {
    fn from(error: ReadError) -> Self {
        QueryError::Unavailable(error.into())
    }
}

impl From<HandlersError> for QueryError {
    fn from(error: HandlersError) -> Self {
        QueryError::Internal(error.to_string())
    }
}
