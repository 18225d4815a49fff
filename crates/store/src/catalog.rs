//! What is in a store: its streams, and the types of its events.

use engine_types::{Revision, StreamName};

/// A request for one page of stream names, in alphabetical order of their bytes.
///
/// Streams of the system (`$…`) are listed only where the prefix begins with `$`. Deleted streams are not
/// listed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StreamQuery {
    /// Only names that begin with this.
    pub prefix: String,
    /// Only streams of this category.
    pub category: Option<String>,
    /// Only names behind this one.
    pub after: Option<StreamName>,
    /// At most this many; 0 means 1,000.
    pub limit: usize,
}

impl StreamQuery {
    /// How many to list.
    pub fn effective_limit(&self) -> usize {
        if self.limit == 0 { 1_000 } else { self.limit }
    }

    /// Whether a stream of this name is asked for.
    pub fn matches(&self, stream: &StreamName) -> bool {
        stream.as_str().starts_with(&self.prefix)
            && (self.prefix.starts_with('$') || !stream.is_system())
            && self.category.as_deref().is_none_or(|category| stream.category() == Some(category))
            && self.after.as_ref().is_none_or(|after| stream > after)
    }
}

/// One page of stream names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamsPage {
    /// The streams.
    pub streams: Vec<StreamInfo>,
    /// Whether there are more behind them.
    pub more: bool,
}

/// A stream and where it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamInfo {
    /// Its name.
    pub stream: StreamName,
    /// The revision of its newest event.
    pub last: Revision,
}

/// How often an event type occurs in a category.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventTypeCount {
    /// The category; absent for streams whose name has no `-`.
    pub category: Option<String>,
    /// The name on disk.
    pub event_type: String,
    /// How many events, where the store can tell.
    pub count: Option<u64>,
}
