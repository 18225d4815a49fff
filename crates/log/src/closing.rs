//! Leaving a store in order, so that the next start need not look for what was half written.

use std::{io, sync::Arc};

use engine_store::AppendError;

use crate::{
    disk,
    shared::Shared,
    store_file::{CLEAN, CleanMark},
    writer::tail::Tail,
};

/// Says that the log ends where it ends. The tail has been cut and synced.
pub(crate) fn leave_clean_mark(tail: &Tail, shared: &Shared) -> io::Result<()> {
    let mark = CleanMark {
        store: tail.segment.header.store,
        segment: tail.segment.header.number,
        length: tail.end,
        next_position: shared.view().next_position(),
    };
    disk::write_whole(&*tail.disk, CLEAN, &mark.encode())
}

/// The store was closed and everything in it is on disk; only the mark that shortens the next opening could not
/// be written. There is nothing to do.
///
/// [`EventStore::close`](engine_store::EventStore::close) gives it as the cause of
/// [`AppendError::Unavailable`].
#[derive(Debug, Clone, thiserror::Error)]
#[error(
    "the store is closed and nothing is lost; only the mark that shortens the next opening could not be \
     written, so that it takes longer ({why})"
)]
pub struct ClosedUnmarked {
    why: Arc<str>,
}

impl ClosedUnmarked {
    /// Whether an error of `close` is this one, and so no loss.
    pub fn is_cause_of(error: &AppendError) -> bool {
        matches!(error, AppendError::Unavailable(cause) if cause.is::<ClosedUnmarked>())
    }
}

/// Why a store was not closed in order.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum CloseFailure {
    #[error(transparent)]
    Unmarked(ClosedUnmarked),
    /// What was written last may be lost.
    #[error("{0}")]
    Failed(Arc<str>),
}

impl CloseFailure {
    pub(crate) fn unmarked(error: &io::Error) -> Self {
        CloseFailure::Unmarked(ClosedUnmarked { why: error.to_string().into() })
    }

    pub(crate) fn failed(why: impl Into<Arc<str>>) -> Self {
        CloseFailure::Failed(why.into())
    }
}

impl From<CloseFailure> for AppendError {
    fn from(failure: CloseFailure) -> Self {
        match failure {
            CloseFailure::Unmarked(unmarked) => AppendError::unavailable(unmarked),
            CloseFailure::Failed(why) => AppendError::unavailable(why.to_string()),
        }
    }
}
