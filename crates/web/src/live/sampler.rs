//! Looks at the figures once a second and remembers five minutes of them.

use std::{collections::VecDeque, sync::Weak, time::Duration};

use engine_store::{Clock, SystemClock};
use parking_lot::Mutex;
use serde::Serialize;
use tokio::{
    sync::broadcast,
    time::{Instant, MissedTickBehavior, interval},
};

use super::Told;
use crate::{meter, web::Inner};

/// How many samples are remembered.
const REMEMBERED: usize = 300;

/// How many messages wait for a slow page at most.
const WAITING: usize = 32;

/// After how many seconds pages look again although no event was stored: handlers may have come further.
const LOOK_AGAIN: u64 = 3;

/// The figures of one second.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Sample {
    /// Seconds since 1970.
    pub(crate) at: i64,
    /// Events appended in a second.
    pub(crate) appends: u64,
    /// Events read in a second.
    pub(crate) reads: u64,
    /// How long half of the appends took at most, in microseconds; absent where there were none.
    pub(crate) p50_us: Option<u64>,
    /// The same for 99 of 100.
    pub(crate) p99_us: Option<u64>,
}

/// The samples of the last minutes, and those who wait for more.
pub(crate) struct Samples {
    remembered: Mutex<VecDeque<Sample>>,
    told: broadcast::Sender<Told>,
}

impl Default for Samples {
    fn default() -> Self {
        Samples { remembered: Mutex::default(), told: broadcast::channel(WAITING).0 }
    }
}

impl Samples {
    /// What is remembered, and what will come.
    pub(super) fn follow(&self) -> (Vec<Sample>, broadcast::Receiver<Told>) {
        let remembered = self.remembered.lock();
        (remembered.iter().copied().collect(), self.told.subscribe())
    }

    /// The last sample in which something was appended, or else the newest.
    pub(crate) fn newest(&self) -> Sample {
        let remembered = self.remembered.lock();
        let with_appends = remembered.iter().rev().find(|sample| sample.p99_us.is_some());
        let newest = remembered.back().copied().unwrap_or_default();
        let times = with_appends.unwrap_or(&newest);
        Sample { p50_us: times.p50_us, p99_us: times.p99_us, ..newest }
    }

    fn add(&self, sample: Sample) {
        let mut remembered = self.remembered.lock();
        if remembered.len() == REMEMBERED {
            remembered.pop_front();
        }
        remembered.push_back(sample);
        let _ = self.told.send(Told::Sample(sample));
    }
}

/// Samples until nobody serves any more.
pub(crate) async fn sampling(web: Weak<Inner>) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut before, mut looked) = (Before::default(), 0);
    loop {
        ticks.tick().await;
        let Some(web) = web.upgrade() else { return };
        let head = web.bus.store().head().await.ok().flatten().map_or(0, |head| head.0 + 1);
        let now = Before { head, reading: web.figures.as_ref().map(|it| it.now()), at: Instant::now() };
        if looked > 0 {
            web.samples.add(sample(&before, &now));
        }
        looked += 1;
        if now.head != before.head || looked % LOOK_AGAIN == 0 {
            let _ = web.samples.told.send(Told::Changed);
        }
        before = now;
    }
}

struct Before {
    head: u64,
    reading: Option<meter::Reading>,
    at: Instant,
}

impl Default for Before {
    fn default() -> Self {
        Before { head: 0, reading: None, at: Instant::now() }
    }
}

/// What happened between two looks, for a second.
fn sample(before: &Before, now: &Before) -> Sample {
    let millis = u64::try_from((now.at - before.at).as_millis()).unwrap_or(u64::MAX).max(1);
    let in_a_second = |now: u64, before: u64| now.saturating_sub(before) * 1_000 / millis;
    let reading = now.reading.as_ref().zip(before.reading.as_ref());
    let quantile = |part| reading.and_then(|(now, before)| now.quantile_us(Some(before), part));
    Sample {
        at: SystemClock.now().as_micros() / 1_000_000,
        appends: reading.map_or_else(
            || in_a_second(now.head, before.head),
            |(now, before)| in_a_second(now.appended, before.appended),
        ),
        reads: reading.map_or(0, |(now, before)| in_a_second(now.read, before.read)),
        p50_us: quantile(0.5),
        p99_us: quantile(0.99),
    }
}
