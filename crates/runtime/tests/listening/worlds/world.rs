//! A world: one process after the other over one store, operators, and events that come in.

use std::{sync::Arc, time::Duration};

use engine_runtime::{
    App, Bus, Environment,
    ids::CountedIds,
    listen::{ErrorPolicy, Finally, HandlerOptions, Scope},
};
use engine_store::{AppendRequest, EventStore, NewEvent, memory::MemoryStore};
use engine_types::{ExpectedRevision, Position};
use uuid::Uuid;

use super::{
    handler::{Fate, Hand, InBatches, key_of},
    history::History,
    process::{Dangers, Process},
};
use crate::support::{random::Random, stream};

/// How long an operator waits for an answer.
const PATIENCE: Duration = Duration::from_secs(2);

pub struct World {
    pub history: History,
    random: Random,
    memory: MemoryStore,
    ids: Arc<CountedIds>,
    /// Nothing dies, fails or is reset: each event is handled exactly once.
    is_calm: bool,
    by_group: bool,
    in_batches: bool,
    partitions: usize,
}

/// A process that runs.
struct Running {
    process: Arc<Process>,
    bus: Bus,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        World {
            history: History::new(),
            memory: MemoryStore::new(),
            ids: Arc::default(),
            is_calm: random.percent(25),
            by_group: random.percent(50),
            in_batches: random.percent(50),
            partitions: 1 + random.index(4),
            random,
        }
    }

    pub async fn play(&self) {
        let mut running = self.start(1).await;
        for number in 2..22 + self.random.below(40) {
            self.act(&mut running, number).await;
            if !running.process.is_alive() {
                self.history.note("restarted".to_owned());
                running = self.start(number).await;
            }
            tokio::time::sleep(Duration::from_millis(self.random.below(400))).await;
        }
        self.end(running).await;
    }

    async fn act(&self, running: &mut Running, number: u64) {
        let random = &self.random;
        let handlers = running.bus.handlers();
        match random.below(if self.is_calm { 12 } else { 16 }) {
            0..6 => self.append().await,
            6 => {
                running.bus.close().await.unwrap();
                self.history.note("closed".to_owned());
                *running = self.start(number).await;
            }
            7 => {
                let paused = tokio::time::timeout(PATIENCE, handlers.pause("sim")).await;
                self.history.note(format!("paused: {}", matches!(paused, Ok(Ok(())))));
            }
            8 | 9 => {
                let resumed = tokio::time::timeout(PATIENCE, handlers.resume("sim")).await;
                self.history.note(format!("resumed: {}", matches!(resumed, Ok(Ok(())))));
            }
            10 | 11 => self.see_to_parked(running).await,
            12 => running.process.die(),
            13 | 14 => {
                let after = random.percent(60).then(|| random.below(self.history.len() + 1));
                let after = after.filter(|after| *after < self.history.len());
                let reset = handlers.reset("sim", after.map(Position));
                let _ = tokio::time::timeout(Duration::from_secs(60), reset).await;
            }
            _ => *running.process.dangers.lock() = self.dangers(),
        }
    }

    async fn append(&self) {
        for _ in 0..=self.random.below(8) {
            let name = format!("item-{}", "x".repeat(1 + self.random.index(5)));
            let fate = self.fate();
            let data = serde_json::json!({ "fate": fate });
            let id = Uuid::from_u128(u128::from(self.history.len()) << 64 | u128::from(self.random.next()));
            let event = NewEvent::json(id, "Noted", &data).unwrap();
            self.history.append(&key_of(&name, self.by_group), fate);
            let request = AppendRequest::to(stream(&name), ExpectedRevision::Any, vec![event]);
            self.memory.append(request).await.unwrap();
        }
    }

    fn fate(&self) -> Fate {
        let times = u32::try_from(1 + self.random.below(4)).unwrap();
        match self.random.below(if self.is_calm { 39 } else { 40 }) {
            0 => Fate::Poison,
            1 => Fate::Panics(times),
            2..5 => Fate::Fails(times),
            5..9 => Fate::Stalls(self.random.below(600)),
            9 => Fate::Unwanted,
            39 => Fate::Hangs(1),
            _ => Fate::Well,
        }
    }

    async fn see_to_parked(&self, running: &Running) {
        let handlers = running.bus.handlers();
        let parked = tokio::time::timeout(PATIENCE, handlers.parked("sim")).await;
        let Ok(Ok(parked)) = parked else { return };
        if parked.is_empty() {
            return;
        }
        let sequence = &parked[self.random.index(parked.len())];
        let scope = if self.random.percent(50) { Scope::First } else { Scope::All };
        if self.random.percent(70) {
            let retried = tokio::time::timeout(PATIENCE, handlers.retry("sim", &sequence.key, scope)).await;
            self.history.note(format!("retried {scope:?} of {}: {retried:?}", sequence.key));
        } else {
            self.history.excuse(&sequence.key, sequence.position.0, scope == Scope::First);
            let discarded =
                tokio::time::timeout(PATIENCE, handlers.discard("sim", &sequence.key, scope)).await;
            self.history.note(format!("discarded {scope:?} of {}: {discarded:?}", sequence.key));
        }
    }

    fn dangers(&self) -> Dangers {
        if self.is_calm {
            return Dangers::default();
        }
        Dangers {
            death_per_10_000: self.random.below(200),
            store_percent: self.random.below(25),
            init_percent: self.random.below(20),
        }
    }

    /// A process as after a restart.
    async fn start(&self, number: u64) -> Running {
        let random = &self.random;
        let partitions = if self.is_calm { self.partitions } else { 1 + random.index(4) };
        self.history.note(format!("process {number} with {partitions} partitions"));
        let policy = ErrorPolicy {
            retries: u32::try_from(random.below(3)).unwrap(),
            finally: [Finally::Park, Finally::Park, Finally::Skip, Finally::Stop][random.index(4)],
            ..ErrorPolicy::default()
        };
        let (history, dangers) = (self.history.clone(), self.dangers());
        let process = Process::new(number, history, random.clone(), dangers);
        let hand = Hand {
            process: process.clone(),
            by_group: self.by_group,
            policy: policy.clone(),
            memory: self.memory.clone(),
        };
        let options = HandlerOptions {
            partitions,
            batch_events: 1 + random.index(6),
            batch_wait: Duration::from_millis(random.below(2) * 20),
            queue_events: 1 + random.index(8),
            parked_keys: 1 + random.index(6),
            checkpoint_every: Duration::from_millis(1 + random.below(300)),
            time_limit: (!self.is_calm && random.percent(30)).then_some(Duration::from_secs(1)),
            errors: Some(policy),
            ..HandlerOptions::default()
        };
        let app = App::new("world");
        let app = if self.in_batches {
            app.batch_handler(InBatches(hand), options)
        } else {
            app.handler(hand, options)
        };
        let world = Environment { ids: self.ids.clone(), ..Environment::default() };
        let bus = app.start_in(Arc::new(process.store(&self.memory)), world).await.unwrap();
        Running { process, bus }
    }

    /// Mends everything, hands out what was parked, and waits for the end.
    async fn end(&self, mut running: Running) {
        self.history.mend();
        if running.process.is_alive() {
            *running.process.dangers.lock() = Dangers::default();
            running.bus.close().await.unwrap();
        }
        running = self.start(1_000).await;
        *running.process.dangers.lock() = Dangers::default();
        let handlers = running.bus.handlers();
        let Some(last) = self.history.len().checked_sub(1) else { return };
        for _ in 0..1_000 {
            let _ = handlers.resume("sim").await;
            for sequence in handlers.parked("sim").await.unwrap() {
                let _ = handlers.retry("sim", &sequence.key, Scope::All).await;
            }
            let waited = handlers.wait_for("sim", Position(last), Duration::from_secs(600)).await;
            if waited.is_ok() && handlers.parked("sim").await.unwrap().is_empty() {
                break;
            }
        }
        let report = handlers.report("sim").await.unwrap();
        assert_eq!((report.checkpoint, report.lag_events), (Some(Position(last)), 0), "{report:?}");
        assert!(handlers.parked("sim").await.unwrap().is_empty(), "all that was parked is done with");
        if self.is_calm {
            assert!(self.history.most_often() <= 1, "nothing went wrong, and each was handled once");
        }
    }
}
