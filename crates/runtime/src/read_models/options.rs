//! What can be chosen for a projection.

use std::time::Duration;

use engine_store::Filter;

use crate::listen::{ErrorPolicy, HandlerOptions};

/// How a projection listens and keeps its rows.
#[derive(Debug, Clone)]
pub struct ProjectionOptions {
    /// Which events it hears, among those that it can read. Default: all of them.
    pub filter: Option<Filter>,
    /// How many events are stored together at most. Default: 1,000.
    pub batch_events: usize,
    /// How long a batch waits for more events when it is not full. Default: not at all.
    pub batch_wait: Duration,
    /// How many events wait at most. Default: 2,000.
    pub queue_events: usize,
    /// What happens to events that cannot be projected. Default: the application's policy, but without retries,
    /// which would lead to the same.
    pub errors: Option<ErrorPolicy>,
    /// Whether commands that ask for strong consistency wait for it. Default: yes.
    pub strong: bool,
    /// After how many events rows in memory are saved to the store, so that a start need not read all events.
    /// Default: 100,000. Without meaning where rows are kept in a database, or the store does not last.
    pub snapshot_every: u64,
    /// How long after a start eventual queries wait for what was stored before the start. Default: 1 s.
    pub warm_up: Duration,
}

impl Default for ProjectionOptions {
    fn default() -> Self {
        ProjectionOptions {
            filter: None,
            batch_events: 1_000,
            batch_wait: Duration::ZERO,
            queue_events: 2_000,
            errors: None,
            strong: true,
            snapshot_every: 100_000,
            warm_up: Duration::from_secs(1),
        }
    }
}

impl ProjectionOptions {
    /// The same, for the runner. `errors` is the application's policy.
    pub(super) fn handler(&self, errors: &ErrorPolicy) -> HandlerOptions {
        let errors = self.errors.as_ref().unwrap_or(errors);
        HandlerOptions {
            filter: self.filter.clone(),
            batch_events: self.batch_events,
            batch_wait: self.batch_wait,
            queue_events: self.queue_events,
            errors: Some(ErrorPolicy { retries: 0, ..errors.clone() }),
            strong: self.strong,
            ..HandlerOptions::default()
        }
    }
}
