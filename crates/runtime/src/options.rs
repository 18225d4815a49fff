//! What can be chosen: for a runtime as a whole, and for one command.

use std::time::Duration;

use engine_types::{CausationId, CommandId, CorrelationId, ExpectedRevision, StreamName};
use serde_json::{Map, Value};

pub use engine_types::Consistency;

/// The bounds of a runtime. Every one has a default that suits most.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// How long a command may take, unless it says otherwise. Default: 5 s.
    pub command_timeout: Duration,
    /// How often a command is decided again after another writer came first. Default: 10.
    pub conflict_retries: u32,
    /// How many instances of one aggregate are kept in memory. Default: 10,000. Instances that are at work
    /// are never dropped, so that this can be exceeded by as many as are at work at the same time. Each that
    /// has stored events holds its state twice.
    pub cached_instances: usize,
    /// How long an instance that is not used stays in memory. Default: 10 minutes.
    pub idle_after: Duration,
    /// How many commands of an instance are remembered with the place of their events. Default: 1,000. Older ones
    /// are recognised too, by a fingerprint of 8 bytes each and a look into the stream.
    pub deduplication_window: usize,
    /// How many events are read at a time when an instance is loaded. Default: 1,000.
    pub load_page_events: usize,
    /// How many snapshots of one aggregate are stored at the same time. Default: 16. One that is due while
    /// so many are under way is taken after a later command.
    pub snapshots_under_way: usize,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        RuntimeOptions {
            command_timeout: Duration::from_secs(5),
            conflict_retries: 10,
            cached_instances: 10_000,
            idle_after: Duration::from_secs(600),
            deduplication_window: 1_000,
            load_page_events: engine_store::read::DEFAULT_PAGE_EVENTS,
            snapshots_under_way: 16,
        }
    }
}

/// What can be chosen for one command. The default chooses nothing.
#[derive(Debug, Clone, Default)]
pub struct SendOptions {
    /// The identity of the command: sent again with the same id, it gives the first answer again.
    pub command_id: Option<CommandId>,
    /// What the whole chain of causes is called. Default: the command's id.
    pub correlation_id: Option<CorrelationId>,
    /// What caused the command, usually an event's id.
    pub causation_id: Option<CausationId>,
    /// The sender's own entries in the metadata of the command's events. Keys with `$` are refused.
    pub metadata: Map<String, Value>,
    /// Where the sender believes the instance to be. A command that was overtaken is decided again only as
    /// long as this still holds.
    pub expected: Option<ExpectedRevision>,
    /// When the command counts as done. Default: as the handler says that sends it
    /// ([`HandlerOptions::sends`](crate::listen::HandlerOptions::sends)); of anybody else, when its events are stored.
    pub consistency: Option<Consistency>,
    /// How long it may take. Default: [`RuntimeOptions::command_timeout`].
    pub timeout: Option<Duration>,
    /// The process-manager instance that sends the command, as the name of its stream: the command's events carry
    /// it, so that they find their way back.
    pub process: Option<StreamName>,
    /// Whether the receipt holds the state after the events.
    pub return_state: bool,
}
