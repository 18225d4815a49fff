//! What a group is: where its events come from, and how they are handed out.

use std::{fmt, time::Duration};

use engine_types::StreamName;
use serde::{Deserialize, Serialize};

/// Where the events of a group come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Source {
    Stream(StreamName),
    All,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Stream(stream) => stream.fmt(formatter),
            Source::All => formatter.write_str("$all"),
        }
    }
}

/// The name of a group, as clients see it: `SOURCE::GROUP`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Key {
    pub(crate) source: Source,
    pub(crate) group: String,
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}::{}", self.source, self.group)
    }
}

/// Where a group begins: a revision of its stream, or a position among all events; that event is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Start {
    First,
    At(u64),
    End,
}

/// How events are handed out among consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Strategy {
    /// All to one, and to the next only what that one has no room for.
    DispatchToSingle,
    /// To each in turn.
    RoundRobin,
    /// The events of a stream always to the same, as long as the consumers stay the same.
    Pinned,
    /// The events of a correlation always to the same.
    PinnedByCorrelation,
}

impl Strategy {
    /// The name under which clients know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Strategy::DispatchToSingle => "DispatchToSingle",
            Strategy::RoundRobin => "RoundRobin",
            Strategy::Pinned => "Pinned",
            Strategy::PinnedByCorrelation => "PinnedByCorrelation",
        }
    }

    /// The strategy of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let all = [
            Strategy::DispatchToSingle,
            Strategy::RoundRobin,
            Strategy::Pinned,
            Strategy::PinnedByCorrelation,
        ];
        all.into_iter().find(|strategy| strategy.name() == name)
    }
}

/// How a group works. The defaults are those of clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) resolve_links: bool,
    pub(crate) extra_statistics: bool,
    /// How long a consumer may hold an event; 0 is for ever.
    pub(crate) message_timeout_ms: u64,
    /// How often an event is delivered again before it is parked.
    pub(crate) max_retry_count: u32,
    pub(crate) checkpoint_after_ms: u64,
    pub(crate) min_checkpoint_count: u32,
    pub(crate) max_checkpoint_count: u32,
    /// How many consumers there may be; 0 is any number.
    pub(crate) max_subscriber_count: u32,
    pub(crate) live_buffer_size: u32,
    pub(crate) read_batch_size: u32,
    pub(crate) history_buffer_size: u32,
    pub(crate) strategy: Strategy,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            resolve_links: false,
            extra_statistics: false,
            message_timeout_ms: 30_000,
            max_retry_count: 10,
            checkpoint_after_ms: 2_000,
            min_checkpoint_count: 10,
            max_checkpoint_count: 1_000,
            max_subscriber_count: 0,
            live_buffer_size: 500,
            read_batch_size: 20,
            history_buffer_size: 500,
            strategy: Strategy::RoundRobin,
        }
    }
}

impl Settings {
    /// What is wrong with them, in the words of the original.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        if self.history_buffer_size <= self.read_batch_size {
            return Some("Buffer Size must be larger than read batch size");
        }
        (self.live_buffer_size == 0 || self.read_batch_size == 0).then_some("Buffer sizes must be at least 1")
    }

    pub(crate) fn message_timeout(&self) -> Option<Duration> {
        Some(self.message_timeout_ms).filter(|ms| *ms > 0).map(Duration::from_millis)
    }

    pub(crate) fn checkpoint_after(&self) -> Duration {
        Duration::from_millis(self.checkpoint_after_ms)
    }
}

/// A group as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Definition {
    pub(crate) key: Key,
    pub(crate) settings: Settings,
    /// Where it was told to begin.
    pub(crate) start: Start,
    /// The end at the time at which it was made, where it was told to begin there: the last event that is not its.
    pub(crate) end: Option<u64>,
    /// Which events of all streams, in the words of the protocol (a message `FilterOptions`).
    pub(crate) filter: Option<Vec<u8>>,
}
