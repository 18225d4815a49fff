//! Answers that wait until what they tell is on disk.

use std::sync::Arc;

use engine_store::{AppendError, Appended};

use super::{queue::Reply, reply::Sleepers};

/// An answer, and where it goes.
#[derive(Debug)]
pub(crate) enum Answer {
    Appended(Reply<Appended>, Result<Appended, AppendError>),
    Deleted(Reply<()>, Result<(), AppendError>),
    Saved(Reply<u64>, Result<u64, AppendError>),
}

/// Why a batch failed.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// Nothing of it was written.
    NotWritten(Arc<str>),
    /// It may be there after the next start, or not.
    Unknown(Arc<str>),
}

impl Failure {
    /// What the failure means for an append that would have been written.
    pub(crate) fn error(&self) -> AppendError {
        match self {
            Failure::NotWritten(why) => AppendError::unavailable(why.to_string()),
            Failure::Unknown(why) => AppendError::OutcomeUnknown(why.to_string().into()),
        }
    }

    /// What it means for one that was refused: that too was decided on what may not be there.
    fn of_refused(&self) -> AppendError {
        match self {
            Failure::NotWritten(why) | Failure::Unknown(why) => AppendError::unavailable(why.to_string()),
        }
    }
}

impl Answer {
    /// Gives the answer, or what became of it.
    pub(crate) fn give(self, failure: Option<&Failure>, sleepers: &mut Sleepers) {
        match self {
            Answer::Appended(reply, result) => reply.give(settle(result, failure), sleepers),
            Answer::Deleted(reply, result) => reply.give(settle(result, failure), sleepers),
            Answer::Saved(reply, result) => reply.give(settle(result, failure), sleepers),
        }
    }
}

fn settle<T>(result: Result<T, AppendError>, failure: Option<&Failure>) -> Result<T, AppendError> {
    match (result, failure) {
        (result, None) => result,
        (Err(error @ AppendError::Corrupt(_)), Some(_)) => Err(error),
        (Err(_), Some(failure)) => Err(failure.of_refused()),
        (Ok(_), Some(failure)) => Err(failure.error()),
    }
}
