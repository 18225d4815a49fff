//! Counters, and a histogram of durations.

use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How finely each doubling of a duration is divided.
const STEPS: u64 = 16;

/// How many classes of durations there are: enough for hours in microseconds.
const CLASSES: usize = 16 * 34;

/// What was counted since the start.
pub struct Figures {
    appended: AtomicU64,
    read: AtomicU64,
    durations: [AtomicU64; CLASSES],
}

impl fmt::Debug for Figures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Figures").field("appended", &self.appended).finish_non_exhaustive()
    }
}

impl Default for Figures {
    fn default() -> Self {
        Figures {
            appended: AtomicU64::new(0),
            read: AtomicU64::new(0),
            durations: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}

/// All figures at one moment.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) appended: u64,
    pub(crate) read: u64,
    durations: Vec<u64>,
}

impl Figures {
    /// Counts an append of so many events that took this long.
    pub(super) fn appended(&self, events: usize, took: Duration) {
        self.appended.fetch_add(events as u64, Ordering::Relaxed);
        self.durations[class(took)].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts events that were read.
    pub(super) fn read(&self, events: usize) {
        self.read.fetch_add(events as u64, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Reading {
        Reading {
            appended: self.appended.load(Ordering::Relaxed),
            read: self.read.load(Ordering::Relaxed),
            durations: self.durations.iter().map(|class| class.load(Ordering::Relaxed)).collect(),
        }
    }
}

impl Reading {
    /// How long the given part of the appends since an earlier reading took at most, in microseconds; absent where
    /// there were none.
    pub(crate) fn quantile_us(&self, since: Option<&Reading>, part: f64) -> Option<u64> {
        let before = |class: usize| since.map_or(0, |since| since.durations[class]);
        let counts =
            self.durations.iter().enumerate().map(|(class, count)| count.saturating_sub(before(class)));
        let counts: Vec<u64> = counts.collect();
        let all: u64 = counts.iter().sum();
        if all == 0 {
            return None;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a rank"
        )]
        let rank = ((all as f64 * part).ceil() as u64).clamp(1, all);
        let mut seen = 0;
        let class = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        });
        class.map(upper_us)
    }
}

/// The class of a duration: exact up to 16 µs, then 16 classes for each doubling.
fn class(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    if micros < STEPS {
        return usize::try_from(micros).unwrap_or(0);
    }
    let doublings = u64::from(micros.ilog2()) - 4;
    let step = (micros >> doublings) - STEPS;
    usize::try_from((doublings + 1) * STEPS + step).map_or(CLASSES - 1, |class| class.min(CLASSES - 1))
}

/// The longest duration of a class.
fn upper_us(class: usize) -> u64 {
    let class = class as u64;
    if class < STEPS {
        return class;
    }
    let (doublings, step) = (class / STEPS - 1, class % STEPS);
    ((STEPS + step + 1) << doublings) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_right_within_a_sixteenth() {
        let figures = Figures::default();
        for micros in 1..=10_000 {
            figures.appended(1, Duration::from_micros(micros));
        }
        let reading = figures.now();
        for (part, exact) in [(0.5, 5_000), (0.99, 9_900), (1.0, 10_000)] {
            let found = reading.quantile_us(None, part).expect("there are durations");
            assert!((exact..=exact + exact / 16 + 1).contains(&found), "{part}: {found}");
        }
    }

    #[test]
    fn only_what_came_since_the_earlier_reading_counts() {
        let figures = Figures::default();
        figures.appended(1, Duration::from_secs(1));
        let before = figures.now();
        assert_eq!(figures.now().quantile_us(Some(&before), 0.5), None);
        figures.appended(1, Duration::from_micros(3));
        assert_eq!(figures.now().quantile_us(Some(&before), 0.99), Some(3));
    }

    #[test]
    fn every_duration_has_a_class_whose_bounds_hold_it() {
        for micros in (0..2_000).chain([u64::from(u32::MAX), u64::MAX]) {
            let class = class(Duration::from_micros(micros));
            assert!(class < CLASSES);
            assert!(micros <= upper_us(class) || class == CLASSES - 1, "{micros}");
        }
    }
}
