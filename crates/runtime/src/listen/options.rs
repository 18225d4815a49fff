//! What can be chosen for a handler.

use std::time::Duration;

use engine_store::Filter;
use engine_types::{Consistency, Position};

use super::ErrorPolicy;

/// How a handler listens. The defaults suit a handler that does one thing at a time.
#[derive(Debug, Clone)]
pub struct HandlerOptions {
    /// Where it begins when it has no checkpoint yet. Default: the first event.
    pub start: StartFrom,
    /// Which events it hears **among those that it can read**: streams, categories, event types. An event has to
    /// pass both: one that the handler cannot read anyway is no event for it. Default: all that it can read.
    pub filter: Option<Filter>,
    /// How many events are handled at the same time, 1 to 1,000. Events of one key always go to the same
    /// partition, in order. When the number is changed, all partitions go on from where the last of them was.
    /// Default: 1.
    pub partitions: usize,
    /// How many events make a batch at most. Default: 1; for batch handlers 100.
    pub batch_events: usize,
    /// How long a batch waits for more events when it is not full. Default: not at all.
    pub batch_wait: Duration,
    /// How many events wait in a partition at most. While they are so many, the other partitions get no more
    /// either, so that `partitions * (queue_events + batch_events)` events are in memory at most. Default: 256.
    pub queue_events: usize,
    /// How many keys may be parked at the same time; one more stops the handler. Default: 10,000. Where several
    /// processes share the work, each counts its own.
    pub parked_keys: usize,
    /// How often the checkpoint is stored while events are handled. Default: every 250 ms.
    pub checkpoint_every: Duration,
    /// What happens to events that cannot be handled. Default: the application's policy.
    pub errors: Option<ErrorPolicy>,
    /// After what time a batch, or an event, that is still not handled is broken off and has failed. Default:
    /// never.
    pub time_limit: Option<Duration>,
    /// How long the events at hand may take when the handler is to end or to rest; then they are broken off, and
    /// come again. Default: 5 s.
    pub grace: Duration,
    /// Whether commands that ask for strong consistency wait for this handler. Default: no.
    pub strong: bool,
    /// When the commands that it sends while it handles events count as done, where they do not say themselves.
    /// Default: when their events are stored. A handler that would wait for itself, or for one that waits for it,
    /// is refused when the application is started.
    pub sends: Consistency,
}

/// Where a handler without a checkpoint begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StartFrom {
    /// At the first event.
    #[default]
    Origin,
    /// At the next event that is stored.
    End,
    /// After this position.
    After(Position),
}

impl Default for HandlerOptions {
    fn default() -> Self {
        HandlerOptions {
            start: StartFrom::default(),
            filter: None,
            partitions: 1,
            batch_events: 1,
            batch_wait: Duration::ZERO,
            queue_events: 256,
            parked_keys: 10_000,
            checkpoint_every: Duration::from_millis(250),
            errors: None,
            time_limit: None,
            grace: Duration::from_secs(5),
            strong: false,
            sends: Consistency::Eventual,
        }
    }
}

impl HandlerOptions {
    /// The defaults for batches: up to 100 events, without waiting for more.
    pub fn batches() -> Self {
        HandlerOptions { batch_events: 100, ..HandlerOptions::default() }
    }

    /// What cannot work.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        match self {
            HandlerOptions { partitions: 0, .. } => Some("it needs at least one partition"),
            HandlerOptions { partitions: 1_001.., .. } => Some("it can have 1,000 partitions at most"),
            HandlerOptions { time_limit: Some(Duration::ZERO), .. } => {
                Some("nothing can be handled in no time: choose a time limit above zero")
            }
            HandlerOptions { batch_events: 0, .. } => Some("a batch needs at least one event"),
            HandlerOptions { queue_events: 0, .. } => Some("a queue needs room for at least one event"),
            HandlerOptions { checkpoint_every: Duration::ZERO, .. } => {
                Some("a checkpoint cannot be stored all the time: choose a pause above zero")
            }
            _ => None,
        }
    }
}
