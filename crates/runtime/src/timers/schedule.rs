//! The schedule: the task that sends what is due. Where several processes share a store, one of them does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use engine_store::{Clock, ReadError, Timestamp};
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{calendar::Calendar, firing::Firing, record::TimerId};
use crate::listen::{
    Action, ErrorPolicy,
    ownership::{Ownership, Share, Work},
};

/// The name under which the work is divided among processes.
const NAME: &str = "$timers";

/// How many timers are read, and sent, at a time.
const PAGE: usize = 256;
const AT_ONCE: usize = 64;

/// How long is waited before the clock is looked at again: it may have been set.
const TICK: Duration = Duration::from_secs(1);

/// How often is looked, where processes share the store, for timers that others have set to a time that is past.
const LOOK_BACK: Duration = Duration::from_secs(30);

/// How many timers that could not be sent are tried again before others that are due have their turn.
const MAX_LATER: usize = 10_000;

/// The task, and what it cannot do at the moment.
#[derive(Debug)]
pub(crate) struct Schedule {
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
    faults: Arc<Faults>,
}

/// Why timers that are due are not sent yet.
pub(super) type Faults = Mutex<BTreeMap<TimerId, String>>;

impl Schedule {
    /// Why a timer that is due is not sent yet.
    pub(super) fn fault(&self, id: TimerId) -> Option<String> {
        self.faults.lock().get(&id).cloned()
    }

    /// Finishes what is being sent, and ends.
    pub(crate) async fn end(&self) {
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What the task works with.
struct Keeper {
    calendar: Calendar,
    clock: Arc<dyn Clock>,
    firing: Firing,
    faults: Arc<Faults>,
    /// Everything up to here was sent, or waits in `later`.
    passed: Option<TimerId>,
    /// Nothing behind `passed` is due before this; absent where that is not known.
    quiet_until: Option<Timestamp>,
    /// Those that could not be sent: how often, and when they are tried again.
    later: BTreeMap<TimerId, (u32, Instant)>,
    looked_back: Instant,
    /// Whether other processes set timers too.
    is_shared: bool,
}

/// Starts the task.
pub(crate) fn start(
    calendar: Calendar,
    clock: Arc<dyn Clock>,
    firing: Firing,
    ownership: &dyn Ownership,
) -> Schedule {
    let work = Work { store: firing.store.clone(), handler: NAME.to_owned(), partitions: 1 };
    let share = ownership.join(work);
    let (stop, faults) = (CancellationToken::new(), Arc::<Faults>::default());
    let keeper = Keeper {
        calendar,
        clock,
        firing,
        faults: faults.clone(),
        passed: None,
        quiet_until: None,
        later: BTreeMap::new(),
        looked_back: Instant::now(),
        is_shared: share.sharing.is_some(),
    };
    let task = tokio::spawn(keep(keeper, share, stop.clone()));
    Schedule { stop, task: Mutex::new(Some(task)), faults }
}

/// Sends what is due for as long as it is this process's work.
async fn keep(mut keeper: Keeper, mut share: Share, stop: CancellationToken) {
    while !stop.is_cancelled() {
        let is_here = !share.begin().is_empty() && share.validity().holds();
        if is_here {
            let ended = stop.clone();
            keeper.begin();
            loop {
                let wait = keeper.send_due(&|| share.validity().holds() && !ended.is_cancelled()).await;
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = share.changed() => break,
                    () = keeper.calendar.news() => {}
                    () = tokio::time::sleep(wait.min(TICK)) => {}
                }
                if !share.validity().holds() {
                    break;
                }
            }
        }
        share.end();
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = share.granted() => {}
        }
    }
    share.end();
}

impl Keeper {
    /// Begins to look from the first timer on.
    fn begin(&mut self) {
        self.look_from_the_first();
        self.later.clear();
        self.faults.lock().clear();
    }

    fn look_from_the_first(&mut self) {
        self.passed = None;
        self.quiet_until = None;
        self.looked_back = Instant::now();
    }

    /// Sends what is due; answers how long there is nothing to do.
    async fn send_due(&mut self, may_go_on: &(dyn Fn() -> bool + Sync)) -> Duration {
        if let Some(first) = self.calendar.take_news() {
            self.quiet_until = self.quiet_until.filter(|until| *until <= first.due());
            if self.passed >= Some(first) {
                // It was set to a time that is past.
                self.look_from_the_first();
            }
        }
        if self.is_shared && self.looked_back.elapsed() >= LOOK_BACK {
            self.look_from_the_first();
        }
        while may_go_on() {
            let (due, next) = match self.next_due().await {
                Ok(found) => found,
                Err(error) => {
                    tracing::warn!(%error, "timers cannot be read; will try again");
                    return TICK;
                }
            };
            if due.is_empty() {
                return next;
            }
            self.send(due).await;
        }
        Duration::ZERO
    }

    /// The timers that are to be sent now, and where there are none, for how long.
    async fn next_due(&mut self) -> Result<(BTreeSet<TimerId>, Duration), ReadError> {
        let (now, instant) = (self.clock.now(), Instant::now());
        let again = self.later.iter().filter(|(_, (_, at))| *at <= instant).map(|(id, _)| *id);
        let mut due: BTreeSet<_> = again.take(PAGE).collect();
        let mut wait = self.later.values().map(|(_, at)| at.duration_since(instant)).min().unwrap_or(TICK);
        if let Some(until) = self.quiet_until.filter(|until| *until > now) {
            return Ok((due, wait.min(until.since(now))));
        }
        if self.later.len() >= MAX_LATER {
            return Ok((due, wait));
        }
        let page = self.calendar.next(self.passed, PAGE).await?;
        self.quiet_until = page.is_empty().then(|| Timestamp::from_micros(i64::MAX));
        for id in page {
            if id.due() > now {
                self.quiet_until = Some(id.due());
                wait = wait.min(id.due().since(now));
                break;
            }
            self.passed = Some(id);
            if !self.later.contains_key(&id) {
                due.insert(id);
            }
        }
        Ok((due, wait))
    }

    async fn send(&mut self, due: BTreeSet<TimerId>) {
        let firing = &self.firing;
        let fired = stream::iter(due).map(|id| async move { (id, firing.fire(id).await) });
        let fired: Vec<_> = fired.buffer_unordered(AT_ONCE).collect().await;
        for (id, outcome) in fired {
            match outcome {
                Ok(()) => {
                    self.later.remove(&id);
                    self.faults.lock().remove(&id);
                }
                Err(fault) => self.try_later(id, fault),
            }
        }
    }

    fn try_later(&mut self, id: TimerId, fault: String) {
        let failures = self.later.get(&id).map_or(1, |(failures, _)| failures.saturating_add(1));
        let policy = ErrorPolicy { retries: u32::MAX, ..ErrorPolicy::default() };
        let pause = match policy.decide(id.command_id().0, failures) {
            Action::Retry(pause) => pause,
            _ => policy.longest_pause,
        };
        tracing::warn!(timer = %id, fault, "a timer is due and cannot be sent; will try again");
        self.later.insert(id, (failures, Instant::now() + pause));
        self.faults.lock().insert(id, fault);
    }
}
