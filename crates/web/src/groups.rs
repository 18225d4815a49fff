//! Persistent subscriptions as the console sees them: groups of consumers that share the events of a stream, or of all
//! streams. Who keeps them, and hands the events out, is the server.

use async_trait::async_trait;
use engine_store::RecordedEvent;

/// The name of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupKey {
    /// The stream whose events it shares, or `$all`.
    pub source: String,
    /// Its own name.
    pub group: String,
}

impl std::fmt::Display for GroupKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}::{}", self.source, self.group)
    }
}

/// Where a group begins: a revision of its stream, or a position among all events; that event is the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupStart {
    /// With the first event.
    First,
    /// Here.
    At(u64),
    /// Behind the newest event that there was when the group was made.
    End,
}

/// The names of the ways to hand events out among consumers.
pub const STRATEGIES: [&str; 4] = ["RoundRobin", "DispatchToSingle", "Pinned", "PinnedByCorrelation"];

/// How a group works. The defaults are those of the official clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupSettings {
    /// Whether links are followed.
    pub resolve_links: bool,
    /// Whether latencies are measured.
    pub extra_statistics: bool,
    /// How long a consumer may hold an event, in milliseconds; 0 is for ever. Default: 30,000.
    pub message_timeout_ms: u64,
    /// How often an event is delivered again before it is parked. Default: 10.
    pub max_retry_count: u32,
    /// After how many milliseconds the place is kept at the earliest. Default: 2,000.
    pub checkpoint_after_ms: u64,
    /// After how many events the place is kept at the earliest. Default: 10.
    pub min_checkpoint_count: u32,
    /// After how many events the place is kept at the latest. Default: 1,000.
    pub max_checkpoint_count: u32,
    /// How many consumers there may be; 0 is any number. Default: 0.
    pub max_subscriber_count: u32,
    /// How many live events wait to be delivered at most. Default: 500.
    pub live_buffer_size: u32,
    /// How many events are read at once. Default: 20.
    pub read_batch_size: u32,
    /// How many old events wait to be delivered at most. Default: 500.
    pub history_buffer_size: u32,
    /// One of [`STRATEGIES`]. Default: `RoundRobin`.
    pub strategy: String,
}

/// What a group is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDefinition {
    /// Its name.
    pub key: GroupKey,
    /// Where it begins.
    pub start: GroupStart,
    /// How it works.
    pub settings: GroupSettings,
}

/// How a group is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupReport {
    /// What it is.
    pub definition: GroupDefinition,
    /// Whether it hears events as they come.
    pub live: bool,
    /// The place up to which everything is done; absent before the first.
    pub checkpoint: Option<u64>,
    /// The newest event that it has taken from its source.
    pub known: Option<u64>,
    /// How many events are done since it was started.
    pub done: u64,
    /// How many events wait to be delivered.
    pub waiting: usize,
    /// How many wait to be delivered again.
    pub again: usize,
    /// How many are with consumers.
    pub held: usize,
    /// How many are parked.
    pub parked: u64,
    /// The consumers that are connected.
    pub consumers: Vec<GroupConsumer>,
}

/// A consumer that is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupConsumer {
    /// Where it connects from.
    pub from: String,
    /// Who it is.
    pub user: String,
    /// What it calls its connection.
    pub connection: String,
    /// How many events it was given.
    pub delivered: u64,
    /// How many more it has room for.
    pub free: usize,
    /// How many it holds.
    pub held: usize,
}

/// An event that nobody could handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParkedMessage {
    /// The event; absent where it is no longer there, or may not be read.
    pub event: Option<RecordedEvent>,
    /// What was parked: the place and the stream of the event, as `REVISION@STREAM`.
    pub link: String,
    /// Why.
    pub reason: String,
    /// When, as it was noted.
    pub added: String,
}

/// Why groups could not be looked at or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupsError {
    /// There is no such group.
    #[error("there is no persistent subscription `{0}`")]
    Unknown(GroupKey),
    /// That cannot be done. The message says why, and what to do.
    #[error("{0}")]
    Refused(String),
    /// Groups cannot be read or written now: try again later.
    #[error("persistent subscriptions cannot be reached: {0}")]
    Unavailable(String),
}

/// Keeps groups, and hands their events out.
#[async_trait]
pub trait Groups: Send + Sync + 'static {
    /// What a group is like of which nothing else is said.
    fn defaults(&self) -> GroupSettings;

    /// All groups, by name.
    ///
    /// # Errors
    /// [`GroupsError::Unavailable`].
    async fn list(&self) -> Result<Vec<GroupReport>, GroupsError>;

    /// How a group is doing.
    ///
    /// # Errors
    /// An unknown name, and [`GroupsError::Unavailable`].
    async fn report(&self, key: &GroupKey) -> Result<GroupReport, GroupsError>;

    /// The newest parked events of a group, at most so many, the oldest of them first.
    ///
    /// # Errors
    /// An unknown name, and [`GroupsError::Unavailable`].
    async fn parked(&self, key: &GroupKey, limit: usize) -> Result<Vec<ParkedMessage>, GroupsError>;

    /// Makes a group.
    ///
    /// # Errors
    /// A name that is taken, settings that contradict each other, and [`GroupsError::Unavailable`].
    async fn create(&self, definition: GroupDefinition) -> Result<(), GroupsError>;

    /// Changes a group. Its consumers are cut off, and connect again; it goes on where it was, unless it is to begin
    /// elsewhere.
    ///
    /// # Errors
    /// An unknown name, settings that contradict each other, and [`GroupsError::Unavailable`].
    async fn update(&self, definition: GroupDefinition) -> Result<(), GroupsError>;

    /// Removes a group, and cuts its consumers off.
    ///
    /// # Errors
    /// An unknown name, and [`GroupsError::Unavailable`].
    async fn delete(&self, key: &GroupKey) -> Result<(), GroupsError>;

    /// Delivers parked events again, at most so many.
    ///
    /// # Errors
    /// An unknown name, and [`GroupsError::Unavailable`].
    async fn replay(&self, key: &GroupKey, limit: Option<u64>) -> Result<(), GroupsError>;
}
