//! The pace of a crowd: many followers of one store take a bounded share of the machine together, so that they do
//! not slow those who append. Each comes a little later; none loses anything.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use tokio::time::Instant;

/// So many followers keep no pace.
const FEW: usize = 32;

/// How long a follower rests at least, for each that follows the same store.
const FOR_EACH: Duration = Duration::from_micros(10);

/// How long a follower rests at most.
const LONGEST: Duration = Duration::from_secs(1);

/// What it costs to wake a follower, beside what it reads.
const WAKING: Duration = Duration::from_micros(4);

/// What it costs a follower, at least, to take an event.
const TAKING: Duration = Duration::from_nanos(150);

/// The share of the machine's processors that a crowd may take: 10 of a hundred.
const SHARE_PERCENT: u32 = 10;

/// Followers wake in turn and not all at once: each has its own place in the common rest.
static PLACES: AtomicU32 = AtomicU32::new(0);

pub(super) struct Pace {
    place: u32,
    rests_until: Option<Instant>,
    is_urgent: bool,
}

impl Pace {
    pub(super) fn new() -> Self {
        // Steps of the golden ratio spread any number of places evenly.
        let place = PLACES.fetch_add(2_654_435_769, Ordering::Relaxed);
        Pace { place, rests_until: None, is_urgent: false }
    }

    /// Keeps no pace from now on.
    pub(super) fn hurry(&mut self) {
        self.is_urgent = true;
        self.rests_until = None;
    }

    /// Notes that one of so many followers has read so many messages, in so long.
    pub(super) fn worked(&mut self, reading: Duration, messages: usize, followers: usize) {
        let taking = TAKING.saturating_mul(u32::try_from(messages).unwrap_or(u32::MAX));
        self.rest_for(rest(reading + taking, followers, processors()));
    }

    /// Notes that one of so many followers, who wait for the next event, was woken.
    pub(super) fn woken(&mut self, followers: usize) {
        let whole = rest(Duration::ZERO, followers, processors());
        self.rest_for(whole.mul_f64(f64::from(self.place) / f64::from(u32::MAX)));
    }

    fn rest_for(&mut self, rest: Duration) {
        let until = (!self.is_urgent && !rest.is_zero()).then(|| Instant::now() + rest);
        self.rests_until = self.rests_until.max(until);
    }

    /// Rests. Cancel-safe: the rest is not forgotten.
    pub(super) async fn rest(&mut self) {
        if let Some(until) = self.rests_until {
            tokio::time::sleep_until(until).await;
            self.rests_until = None;
        }
    }
}

/// How long one of so many followers is to rest after so much work.
fn rest(work: Duration, followers: usize, processors: u32) -> Duration {
    if followers <= FEW {
        return Duration::ZERO;
    }
    let followers = u32::try_from(followers).unwrap_or(u32::MAX);
    let shared = (work + WAKING).saturating_mul(followers).saturating_mul(100) / (SHARE_PERCENT * processors);
    shared.max(FOR_EACH.saturating_mul(followers)).min(LONGEST)
}

fn processors() -> u32 {
    static KNOWN: std::sync::OnceLock<u32> = std::sync::OnceLock::new();
    *KNOWN.get_or_init(|| {
        std::thread::available_parallelism().map_or(1, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_followers_never_rest() {
        assert_eq!(rest(Duration::from_secs(1), 32, 2), Duration::ZERO);
    }

    #[test]
    fn a_crowd_takes_its_share_of_the_machine_and_no_more() {
        let work = Duration::from_micros(26);
        let rest = rest(work, 1_000, 2);
        let taken = (work + WAKING).as_secs_f64() * 1_000.0 / rest.as_secs_f64();
        assert!((0.19..0.21).contains(&taken), "{taken} processors");
    }

    #[test]
    fn nobody_rests_longer_than_a_second() {
        assert_eq!(rest(Duration::from_secs(1), 1_000_000, 1), LONGEST);
    }
}
