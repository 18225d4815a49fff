//! What happens to an event that a handler could not handle. Pure: the same failure gives the same decision.

use std::time::Duration;

use engine_store::{BoxError, RecordedEvent};
use uuid::Uuid;

/// An event that could not be handled.
#[derive(Debug)]
pub struct Failure<'a> {
    /// The event as it is stored.
    pub event: &'a RecordedEvent,
    /// Why.
    pub cause: &'a BoxError,
    /// How often it has failed now, in this run.
    pub failures: u32,
}

/// What to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Hand the event out again after this time.
    Retry(Duration),
    /// Leave the event unhandled and go on.
    Skip,
    /// Put the event aside. Later events of the same sequence key wait behind it; all other keys go on.
    Park,
    /// Stop the handler, before this event.
    Stop,
}

/// What to do when there were enough tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Finally {
    /// As [`Action::Park`].
    #[default]
    Park,
    /// As [`Action::Skip`].
    Skip,
    /// As [`Action::Stop`].
    Stop,
}

/// Tries again with growing pauses, then gives up in the chosen way.
///
/// The default: 5 retries, after 100 ms, 200 ms, 400 ms, 800 ms and 1.6 s, each up to a quarter longer; then
/// the event is parked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPolicy {
    /// How often an event is handed out again; `u32::MAX` means for ever.
    pub retries: u32,
    /// The first pause. Each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// What happens after the last try.
    pub finally: Finally,
}

impl Default for ErrorPolicy {
    fn default() -> Self {
        ErrorPolicy {
            retries: 5,
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(60),
            finally: Finally::Park,
        }
    }
}

impl ErrorPolicy {
    /// Parks at the first failure.
    pub fn park_at_once() -> Self {
        ErrorPolicy { retries: 0, ..ErrorPolicy::default() }
    }

    /// Decides after the `failures`-th failure (from 1) of this event.
    ///
    /// The pause is spread by the event's id and the number of the try, so that many events that failed
    /// together do not come back together.
    pub fn decide(&self, event: Uuid, failures: u32) -> Action {
        if failures > self.retries && self.retries != u32::MAX {
            return match self.finally {
                Finally::Park => Action::Park,
                Finally::Skip => Action::Skip,
                Finally::Stop => Action::Stop,
            };
        }
        let doublings = failures.saturating_sub(1).min(30);
        let pause = self.first_pause.saturating_mul(1 << doublings).min(self.longest_pause);
        Action::Retry(pause + pause / 4 * spread(event, failures) / 256)
    }
}

/// A number from 0 to 255 that looks like chance and is none.
fn spread(event: Uuid, failures: u32) -> u32 {
    let (_, low) = event.as_u64_pair();
    let mut mixed = low ^ u64::from(failures).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^= mixed >> 33;
    mixed = mixed.wrapping_mul(0xff51_afd7_ed55_8ccd);
    u32::try_from(mixed >> 56).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: Uuid = Uuid::from_u128(0x1234_5678_9abc_def0);

    fn pause(policy: &ErrorPolicy, failures: u32) -> Duration {
        match policy.decide(EVENT, failures) {
            Action::Retry(pause) => pause,
            other => panic!("{other:?} is no retry"),
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_are_spread_by_at_most_a_quarter() {
        let policy = ErrorPolicy {
            retries: u32::MAX,
            longest_pause: Duration::from_secs(1),
            ..ErrorPolicy::default()
        };
        for (failures, millis) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (1_000_000, 1_000)] {
            let (pause, least) = (pause(&policy, failures), Duration::from_millis(millis));
            assert!(pause >= least && pause <= least + least / 4, "try {failures}: {pause:?}");
        }
    }

    #[test]
    fn after_the_last_try_the_chosen_end_comes() {
        for (finally, action) in
            [(Finally::Park, Action::Park), (Finally::Skip, Action::Skip), (Finally::Stop, Action::Stop)]
        {
            let policy = ErrorPolicy { retries: 2, finally, ..ErrorPolicy::default() };
            assert!(matches!(policy.decide(EVENT, 2), Action::Retry(_)));
            assert_eq!(policy.decide(EVENT, 3), action);
        }
    }

    #[test]
    fn events_that_failed_together_come_back_apart() {
        let policy = ErrorPolicy { first_pause: Duration::from_secs(10), ..ErrorPolicy::default() };
        let pauses: std::collections::BTreeSet<_> = (0..100)
            .map(|id| policy.decide(Uuid::from_u128(id * 7_919), 1))
            .map(|action| format!("{action:?}"))
            .collect();
        assert!(pauses.len() > 30, "{} different pauses", pauses.len());
    }
}
