//! Reading: pages of a stream, or of all streams together.

use engine_types::{Position, Revision, StreamName};

use crate::{BoxError, Filter, RecordedEvent};

/// The page size where a caller does not choose one.
pub const DEFAULT_PAGE_EVENTS: usize = 1_000;

/// Which way to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Oldest first.
    #[default]
    Forwards,
    /// Newest first.
    Backwards,
}

/// Where to begin; `At` includes the event at that place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadFrom<P> {
    /// At the oldest event.
    Start,
    /// At this place.
    At(P),
    /// At the newest event. Forwards, there is nothing behind it.
    End,
}

/// A request for one page of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadStream {
    /// The stream.
    pub stream: StreamName,
    /// Where to begin.
    pub from: ReadFrom<Revision>,
    /// Which way.
    pub direction: Direction,
    /// At most this many events; at least 1.
    pub limit: usize,
}

impl ReadStream {
    /// From the oldest event on.
    pub fn forwards(stream: StreamName) -> Self {
        ReadStream {
            stream,
            from: ReadFrom::Start,
            direction: Direction::Forwards,
            limit: DEFAULT_PAGE_EVENTS,
        }
    }

    /// From the newest event back.
    pub fn backwards(stream: StreamName) -> Self {
        ReadStream {
            stream,
            from: ReadFrom::End,
            direction: Direction::Backwards,
            limit: DEFAULT_PAGE_EVENTS,
        }
    }

    /// Begins at this revision instead.
    #[must_use]
    pub fn from(mut self, revision: Revision) -> Self {
        self.from = ReadFrom::At(revision);
        self
    }

    /// Reads at most this many events.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

/// One page of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamPage {
    /// The events, in the direction of the request. May be fewer than asked for although there are more:
    /// those that are too old are left out.
    pub events: Vec<RecordedEvent>,
    /// Where the next page begins; absent at the end of the stream in this direction.
    pub next: Option<Revision>,
    /// The revision of the newest event of the stream.
    pub last: Revision,
}

/// A request for one page of all streams together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadAll {
    /// Where to begin.
    pub from: ReadFrom<Position>,
    /// Which way.
    pub direction: Direction,
    /// At most this many events; at least 1.
    pub limit: usize,
    /// Which events.
    pub filter: Filter,
}

impl ReadAll {
    /// From the oldest event on.
    pub fn forwards() -> Self {
        ReadAll {
            from: ReadFrom::Start,
            direction: Direction::Forwards,
            limit: DEFAULT_PAGE_EVENTS,
            filter: Filter::everything(),
        }
    }

    /// From the newest event back.
    pub fn backwards() -> Self {
        ReadAll { from: ReadFrom::End, direction: Direction::Backwards, ..ReadAll::forwards() }
    }

    /// Begins at this position instead.
    #[must_use]
    pub fn from(mut self, position: Position) -> Self {
        self.from = ReadFrom::At(position);
        self
    }

    /// Reads at most this many events.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Reads only events that pass the filter.
    #[must_use]
    pub fn filter(mut self, filter: Filter) -> Self {
        self.filter = filter;
        self
    }
}

/// One page of all streams together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllPage {
    /// The events, in the direction of the request. May be empty although there is more: a store bounds
    /// how many events it looks at for one page of a filtered read.
    pub events: Vec<RecordedEvent>,
    /// Where the next page begins. Forwards it is present at the end too, and never before where this page
    /// began: new events will stand there or behind it.
    /// Backwards it is absent behind the oldest event.
    pub next: Option<Position>,
    /// Whether there was nothing more in this direction when the page was read.
    pub end: bool,
}

/// Why a read failed, sorted by what the caller should do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream has no events that can be read: it never had any, or was deleted.
    #[error("stream `{stream}` does not exist")]
    StreamNotFound {
        /// The stream.
        stream: StreamName,
    },
    /// The stream was closed for ever.
    #[error("stream `{stream}` was deleted for ever")]
    StreamDeleted {
        /// The stream.
        stream: StreamName,
    },
    /// The store cannot be read now: mend the cause, then try again.
    #[error("the store cannot be read: {0}")]
    Unavailable(#[source] BoxError),
    /// The store is damaged. Stop, keep the files, verify.
    #[error("the store is damaged: {0}")]
    Corrupt(#[source] BoxError),
    /// The store does not offer this.
    #[error("{0}")]
    Unsupported(String),
    /// The request cannot be answered as it is: a bug, or bad input.
    #[error("invalid read: {0}")]
    Invalid(String),
}

impl ReadError {
    /// A store that cannot be read now.
    pub fn unavailable(cause: impl Into<BoxError>) -> Self {
        ReadError::Unavailable(cause.into())
    }
}

/// Refuses a page of no events.
///
/// # Errors
/// [`ReadError::Invalid`].
pub fn check_limit(limit: usize) -> Result<(), ReadError> {
    if limit == 0 {
        Err(ReadError::Invalid("a page must hold at least one event".to_owned()))
    } else {
        Ok(())
    }
}
