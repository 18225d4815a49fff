//! A world: one process after the other over one store, each dies when chance says so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use engine_runtime::{Bus, Environment, ids::CountedIds, listen::Scope};
use engine_store::{EventStore, ReadAll, memory::MemoryStore};
use engine_types::CommandId;
use parking_lot::Mutex;
use uuid::Uuid;

use super::{
    bank::{Ask, ClosePot, PayIn, Sign, app},
    checks, witness,
};
use crate::{
    processes::kit::VirtualClock,
    support::{
        faulty::{Call, Fault, FaultyStore, Gate},
        random::Random,
    },
};

const POTS: [&str; 4] = ["a", "b", "c", "d"];
const IN_EACH: u64 = 50;

pub struct World {
    random: Random,
    memory: MemoryStore,
    clock: VirtualClock,
    ids: Arc<CountedIds>,
    orders: u64,
    trace: Arc<Mutex<Vec<String>>>,
    /// One death in so many calls.
    death_per_10_000: u64,
    /// Dies once, at this call from now on; after it or before.
    dies_at: Arc<Mutex<Option<(u64, bool)>>>,
    faults_percent: u64,
}

struct Running {
    bus: Bus,
    is_alive: Arc<AtomicBool>,
}

impl World {
    pub fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        let clock = VirtualClock::new();
        World {
            memory: MemoryStore::with_clock(Arc::new(clock.clone())),
            clock,
            ids: Arc::default(),
            orders: 3 + random.below(6),
            trace: Arc::default(),
            death_per_10_000: [0, 30, 150, 400][random.index(4)],
            faults_percent: [0, 2, 10][random.index(3)],
            dies_at: Arc::default(),
            random,
        }
    }

    /// A world in which nothing goes wrong but that a process dies once, at this call.
    pub fn dying_at(call: u64, dies_after: bool) -> Self {
        let dies_at = Arc::new(Mutex::new(Some((call, dies_after))));
        World { orders: 2, death_per_10_000: 0, faults_percent: 0, dies_at, ..World::new(0) }
    }

    pub async fn play_two_transfers(&self) {
        let quiet = self.start(true).await;
        for pot in POTS {
            quiet.bus.send_command(PayIn { id: pot.into(), amount: IN_EACH }).await.unwrap();
        }
        quiet.bus.send_command(ClosePot { id: "d".into() }).await.unwrap();
        for (id, to) in [("o0", "b"), ("o1", "d")] {
            let ask = Ask { id: id.into(), from: "a".into(), to: to.into(), amount: 10 };
            quiet.bus.send_command(ask).await.unwrap();
            quiet.bus.send_command(Sign { id: id.into() }).await.unwrap();
        }
        // What the quiet one has done of it, the next one finds done.
        drop(quiet);
        let running = self.start(false).await;
        tokio::time::sleep(Duration::from_secs(5)).await;
        drop(running);
        self.come_to_rest().await;
    }

    pub async fn play(&self) {
        let quiet = self.start(true).await;
        for pot in POTS {
            let id = CommandId(Uuid::new_v5(&Uuid::NAMESPACE_OID, pot.as_bytes()));
            let command = PayIn { id: pot.into(), amount: IN_EACH };
            quiet.bus.send_command(command).command_id(id).await.unwrap();
        }
        drop(quiet);
        let mut running = self.start(false).await;
        for number in 0..self.orders * 8 {
            if !running.is_alive.load(Ordering::SeqCst) {
                running = self.start(false).await;
            }
            self.act(&running.bus, number).await;
            tokio::time::sleep(Duration::from_millis(self.random.below(3_000))).await;
        }
        drop(running);
        self.come_to_rest().await;
    }

    /// Somebody asks for something, and does not ask again when there is no answer.
    async fn act(&self, bus: &Bus, number: u64) {
        let random = &self.random;
        let pot = || POTS[random.index(POTS.len())].to_owned();
        let order = format!("o{}", random.below(self.orders));
        let id = CommandId(Uuid::from_u64_pair(0xAC7, number));
        let limit = Duration::from_secs(2);
        match random.below(20) {
            0 => {
                let closing = bus.send_command(ClosePot { id: pot() }).command_id(id);
                let _ = tokio::time::timeout(limit, closing).await;
            }
            1..10 => {
                let asking = Ask { id: order, from: pot(), to: pot(), amount: 1 + random.below(60) };
                let _ = tokio::time::timeout(limit, bus.send_command(asking).command_id(id)).await;
            }
            10..17 => {
                let _ =
                    tokio::time::timeout(limit, bus.send_command(Sign { id: order }).command_id(id)).await;
            }
            17 => self.see_to_parked(bus).await,
            _ => {}
        }
    }

    async fn see_to_parked(&self, bus: &Bus) {
        let patience = Duration::from_secs(5);
        for process in ["mover", "witness"] {
            let Ok(Ok(parked)) = tokio::time::timeout(patience, bus.handlers().parked(process)).await else {
                return;
            };
            for sequence in parked {
                self.trace.lock().push(format!("parked: {}", sequence.error));
                let retry = bus.handlers().retry(process, &sequence.key, Scope::All);
                let _ = tokio::time::timeout(patience, retry).await;
            }
        }
    }

    /// Without any more faults, everything comes to an end.
    async fn come_to_rest(&self) {
        let running = self.start(true).await;
        let (mut head, mut quiet_looks) = (None, 0);
        while quiet_looks < 2 {
            tokio::time::sleep(Duration::from_secs(31)).await;
            self.see_to_parked(&running.bus).await;
            let now = self.memory.head().await.unwrap();
            quiet_looks = if now == head { quiet_looks + 1 } else { 0 };
            head = now;
        }
        let running_yet = running.bus.processes().list("mover", Some("running"), None, 100).await.unwrap();
        let parked = running.bus.processes().list("mover", Some("parked"), None, 100).await.unwrap();
        assert_eq!((running_yet.instances, parked.instances), (vec![], vec![]), "{:#?}", self.trace.lock());
        assert!(running.bus.handlers().parked("witness").await.unwrap().is_empty());
        let timers = running.bus.timers().list(None, 100).await.unwrap().timers;
        assert!(timers.is_empty(), "{timers:?}");
        let page = self.memory.read_all(ReadAll::forwards().limit(100_000)).await.unwrap();
        witness::check_heard(&running.bus, &page.events).await;
        check_list(&running.bus).await;
    }

    async fn start(&self, is_quiet: bool) -> Running {
        loop {
            let is_alive = Arc::new(AtomicBool::new(true));
            let store = if is_quiet { FaultyStore::over(self.memory.clone()) } else { self.store(&is_alive) };
            let world = Environment {
                ids: self.ids.clone(),
                clock: Arc::new(self.clock.clone()),
                ..Environment::default()
            };
            let starting = app(1 + self.random.index(3)).start_in(Arc::new(store), world);
            // It may die while it starts.
            if let Ok(Ok(bus)) = tokio::time::timeout(Duration::from_secs(5), starting).await {
                return Running { bus, is_alive };
            }
        }
    }

    /// A way to the store on which the process dies, before or after a call.
    fn store(&self, is_alive: &Arc<AtomicBool>) -> FaultyStore {
        let store = FaultyStore::over(self.memory.clone());
        let (random, is_alive, trace) = (self.random.clone(), is_alive.clone(), self.trace.clone());
        let dies_at = self.dies_at.clone();
        let (deaths, faults, never) = (self.death_per_10_000, self.faults_percent, Gate::closed());
        store.plan(move |call| {
            let is_write = matches!(call, Call::Append | Call::SaveDocument | Call::DeleteDocument);
            if !is_alive.load(Ordering::SeqCst) {
                return Some(Fault::Held(never.clone()));
            }
            let mut planned = dies_at.lock();
            let is_planned = planned.is_some_and(|(calls, _)| calls == 0);
            let after = is_write && planned.map_or_else(|| random.percent(50), |(_, after)| after);
            *planned = planned.and_then(|(calls, after)| Some((calls.checked_sub(1)?, after)));
            drop(planned);
            if is_planned || random.below(10_000) < deaths {
                is_alive.store(false, Ordering::SeqCst);
                trace.lock().push(format!("died {} {call:?}", if after { "after" } else { "before" }));
                return Some(if after { Fault::LostAfter } else { Fault::Held(never.clone()) });
            }
            if !random.percent(faults) {
                return None;
            }
            let fault = match random.below(if is_write { 5 } else { 3 }) {
                0 => Fault::Unavailable,
                1 | 2 => Fault::Late(Duration::from_millis(random.below(300))),
                3 => Fault::LostBefore,
                _ => Fault::LostAfter,
            };
            match fault {
                Fault::LostBefore => trace.lock().push("lost before".to_owned()),
                Fault::LostAfter => trace.lock().push("lost after".to_owned()),
                _ => {}
            }
            Some(fault)
        });
        store
    }

    /// Checks the events that are there at the end; answers what happened.
    pub async fn check(&self) -> Vec<String> {
        let told = checks::check(&self.memory, self.orders, IN_EACH * POTS.len() as u64).await;
        [self.trace.lock().clone(), told].concat()
    }
}

/// What a list says of instances, from the newest entry of each, is what follows from all their entries.
pub async fn check_list(bus: &Bus) {
    for process in ["mover", "witness"] {
        let page = bus.processes().list(process, None, None, 1_000).await.unwrap();
        for summary in page.instances {
            let at_length = bus.processes().show(process, &summary.id).await.unwrap().summary;
            assert_eq!(summary, at_length, "{process}");
        }
    }
}
