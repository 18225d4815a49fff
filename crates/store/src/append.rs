//! Appending: what is asked for, what is answered, and what can go wrong.

use std::collections::HashSet;

use engine_types::{CurrentRevision, ExpectedRevision, Position, StreamName};

use crate::{BoxError, DocumentKey, NewEvent, Timestamp, stream_metadata};

/// The largest event, in bytes of data and metadata together: 16 MiB, as in KurrentDB.
pub const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// The largest append, in bytes of all of its events: 64 MiB.
pub const MAX_APPEND_BYTES: usize = 64 * 1024 * 1024;

/// Events for one or several streams, to be written all or not at all.
#[derive(Debug, Clone)]
pub struct AppendRequest {
    /// What goes to which stream. No stream may be named twice.
    pub streams: Vec<StreamAppend>,
    /// When the append counts as done.
    pub durability: Durability,
    /// When the events were first accepted, where they come from another store. Absent for all others: the
    /// store's clock tells. A store that cannot be told so keeps its own time.
    pub created: Option<Timestamp>,
}

impl AppendRequest {
    /// An append to one stream.
    pub fn to(stream: StreamName, expected: ExpectedRevision, events: Vec<NewEvent>) -> Self {
        AppendRequest::to_many(vec![StreamAppend { stream, expected, events }])
    }

    /// An append to several streams.
    pub fn to_many(streams: Vec<StreamAppend>) -> Self {
        AppendRequest { streams, durability: Durability::Synced, created: None }
    }

    /// Checks what can be checked without the store: sizes, names, no stream twice.
    ///
    /// # Errors
    /// [`AppendError::Invalid`].
    pub fn check(&self) -> Result<(), AppendError> {
        let mut total = 0;
        if let Some(stream) = self.named_twice() {
            return Err(AppendError::invalid(format!("stream `{stream}` is named twice in one append")));
        }
        for append in &self.streams {
            let stream = &append.stream;
            if stream.described_stream().is_some_and(|described| described.is_metadata()) {
                return Err(stream_metadata::fixed(stream));
            }
            for event in &append.events {
                event.check().map_err(AppendError::invalid)?;
                total += event.bytes();
            }
        }
        if self.streams.is_empty() {
            return Err(AppendError::invalid("an append must name at least one stream"));
        }
        if total > MAX_APPEND_BYTES {
            return Err(AppendError::invalid(format!(
                "an append of {total} bytes is over the limit of {MAX_APPEND_BYTES}: split it"
            )));
        }
        Ok(())
    }

    fn named_twice(&self) -> Option<&StreamName> {
        if self.streams.len() < 2 {
            return None;
        }
        let mut names = HashSet::with_capacity(self.streams.len());
        self.streams.iter().map(|append| &append.stream).find(|stream| !names.insert(*stream))
    }
}

/// The part of an append that concerns one stream.
#[derive(Debug, Clone)]
pub struct StreamAppend {
    /// The stream.
    pub stream: StreamName,
    /// What the writer believes about it.
    pub expected: ExpectedRevision,
    /// What to write; nothing makes the part a mere condition.
    pub events: Vec<NewEvent>,
}

/// When an append counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// When the disk has it: what was answered survives a power cut.
    #[default]
    Synced,
    /// When the operating system has it. **A crash of the machine loses what was answered in the last
    /// moments**; a crash of the process alone does not.
    Buffered,
}

/// The answer to an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// Where each stream ends now, in the order of the request.
    pub streams: Vec<StreamAppended>,
    /// The position of the last event written; absent when the request had no events.
    pub position: Option<Position>,
    /// Whether the events had been written before, and nothing was written now.
    pub deduplicated: bool,
}

/// Where one stream ends after an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamAppended {
    /// The stream.
    pub stream: StreamName,
    /// The revision of the last event of this append, or where the stream was if it had none.
    pub revision: CurrentRevision,
}

/// Why an append failed, sorted by what the caller should do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// Another writer came first. Nothing was written: reload, decide again, append again.
    #[error("stream `{stream}` is at revision {actual}, the writer expected {expected}")]
    Conflict {
        /// The stream.
        stream: StreamName,
        /// What the writer expected.
        expected: ExpectedRevision,
        /// What is there.
        actual: CurrentRevision,
    },
    /// Another writer of the document came first. Nothing was written: load, change, save again.
    #[error("document `{key}` is at version {actual}, the writer expected {expected}")]
    DocumentConflict {
        /// The document.
        key: DocumentKey,
        /// What the writer expected.
        expected: crate::ExpectedVersion,
        /// What is there; 0 where there is nothing.
        actual: u64,
    },
    /// The stream was closed for ever. Nothing was written: use another stream.
    #[error("stream `{stream}` was deleted for ever and takes no more events")]
    StreamDeleted {
        /// The stream.
        stream: StreamName,
    },
    /// The store cannot write now. Nothing was written: mend the cause, then try again.
    #[error("the store cannot write: {0}")]
    Unavailable(#[source] BoxError),
    /// The answer was lost. The events may be there: read before trying again, or repeat with the same
    /// event ids.
    #[error("the outcome of the append is unknown: {0}")]
    OutcomeUnknown(#[source] BoxError),
    /// The store is damaged. Stop, keep the files, verify.
    #[error("the store is damaged: {0}")]
    Corrupt(#[source] BoxError),
    /// The store does not offer this. Nothing was written.
    #[error("{0}")]
    Unsupported(String),
    /// The request cannot be carried out as it is: a bug, or bad input. Nothing was written.
    #[error("invalid append: {0}")]
    Invalid(String),
}

impl AppendError {
    /// A request that cannot be carried out as it is.
    pub fn invalid(fault: impl Into<String>) -> Self {
        AppendError::Invalid(fault.into())
    }

    /// A store that cannot write now.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        AppendError::Unavailable(cause.into())
    }
}

impl From<crate::ReadError> for AppendError {
    /// What a failed look into the store means for a write that depends on it: nothing was written.
    fn from(error: crate::ReadError) -> Self {
        use crate::ReadError;
        match error {
            ReadError::StreamDeleted { stream } => AppendError::StreamDeleted { stream },
            ReadError::Corrupt(cause) => AppendError::Corrupt(cause),
            ReadError::Invalid(fault) => AppendError::Invalid(fault),
            ReadError::Unsupported(what) => AppendError::Unsupported(what),
            ReadError::Unavailable(cause) => AppendError::Unavailable(cause),
            error @ ReadError::StreamNotFound { .. } => AppendError::Unavailable(error.into()),
        }
    }
}
