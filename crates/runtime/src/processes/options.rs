//! What can be chosen for a process manager.

use engine_types::{Consistency, Position};

use crate::listen::{ErrorPolicy, HandlerOptions, StartFrom};

/// How a process manager listens.
#[derive(Debug, Clone)]
pub struct ProcessOptions {
    /// Where it begins when it has no checkpoint yet. Default: the first event.
    pub start: StartFrom,
    /// It begins no instance with an event behind this position; those that run go on to their end. Default: it
    /// begins instances for ever. With the next one starting behind the same position, the work moves from one
    /// process manager to another while what has begun is finished.
    pub begins_until: Option<Position>,
    /// Over how many partitions its instances are divided, 1 to 1,000. What waits for a retry waits with its
    /// partition. Default: 16.
    pub partitions: usize,
    /// How many events of a partition are handled at the same time at most; those of one instance never are.
    /// Default: 64.
    pub at_once: usize,
    /// How many instances are kept in memory. Default: 10,000. Those at work are never dropped, so that this can be
    /// exceeded by as many as are at work at the same time.
    pub cached_instances: usize,
    /// How many instances may be parked at the same time; one more stops the process manager. Default: 10,000.
    pub parked_instances: usize,
    /// What happens when the store, or the aggregates that it sends to, cannot be reached. Default: the
    /// application's policy.
    pub errors: Option<ErrorPolicy>,
    /// Whether commands that ask for strong consistency wait for it. Default: no.
    pub strong: bool,
    /// When the commands that it sends count as done, where they do not say themselves: the next one is sent then.
    /// Default: when their events are stored. One that would wait for itself is refused when the application is
    /// started.
    pub sends: Consistency,
}

impl Default for ProcessOptions {
    fn default() -> Self {
        ProcessOptions {
            start: StartFrom::default(),
            begins_until: None,
            partitions: 16,
            at_once: 64,
            cached_instances: 10_000,
            parked_instances: 10_000,
            errors: None,
            strong: false,
            sends: Consistency::Eventual,
        }
    }
}

impl ProcessOptions {
    /// The same as options of a handler.
    pub(crate) fn for_listening(&self) -> HandlerOptions {
        HandlerOptions {
            start: self.start,
            partitions: self.partitions,
            batch_events: self.at_once,
            parked_keys: self.parked_instances,
            errors: self.errors.clone(),
            strong: self.strong,
            sends: self.sends.clone(),
            ..HandlerOptions::default()
        }
    }
}
