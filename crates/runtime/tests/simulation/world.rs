//! A world: buses on one faulty store, and what goes wrong, all decided by one number.

use std::{sync::Arc, time::Duration};

use engine_runtime::{App, Bus, Environment, RuntimeOptions, ids::CountedIds};
use parking_lot::Mutex;
use serde_json::json;

use super::{
    purse::MoveMoney,
    sender::{Sending, work},
};
use crate::support::{
    faulty::{Call, Fault, FaultyStore},
    foreign,
    random::Random,
};

/// The purses of every world.
pub const PURSES: [&str; 3] = ["x", "y", "z"];

const SENDERS: u64 = 5;

pub struct World {
    pub store: FaultyStore,
    pub random: Random,
    ids: Arc<CountedIds>,
    buses: Mutex<Vec<Bus>>,
}

impl World {
    pub async fn new(seed: u64) -> Arc<Self> {
        let (store, random) = (FaultyStore::new(), Random::new(seed));
        let world = World { store, random, ids: Arc::default(), buses: Mutex::default() };
        for _ in 0..=world.random.below(3) {
            let bus = world.start().await;
            world.buses.lock().push(bus);
        }
        Arc::new(world)
    }

    /// A bus as after a restart.
    pub async fn start(&self) -> Bus {
        let random = &self.random;
        let options = RuntimeOptions {
            command_timeout: Duration::from_millis(10 + random.below(60)),
            conflict_retries: u32::try_from(random.below(4)).unwrap(),
            cached_instances: random.index(4),
            idle_after: Duration::from_millis(200),
            load_page_events: 1 + random.index(6),
            snapshots_under_way: 2,
            ..RuntimeOptions::default()
        };
        let app = App::new("purses").command::<MoveMoney>().options(options);
        let world = Environment { ids: self.ids.clone(), ..Environment::default() };
        app.start_in(Arc::new(self.store.clone()), world).await.unwrap()
    }

    /// One of the buses; now and then it is restarted first, while others may still use it.
    pub async fn bus(&self) -> Bus {
        let index = self.random.index(self.buses.lock().len());
        if self.random.percent(8) {
            let restarted = self.start().await;
            self.buses.lock()[index] = restarted;
        }
        self.buses.lock()[index].clone()
    }

    /// Lets the senders do their work while things go wrong, then waits until all is settled.
    pub async fn play(self: &Arc<Self>) -> Vec<Sending> {
        let (faults, severity) = (self.random.clone(), self.random.below(100));
        self.store.plan(move |call| fault(call, severity, &faults));
        let senders: Vec<_> = (0..SENDERS).map(|number| tokio::spawn(work(self.clone(), number))).collect();
        let mut sendings = Vec::new();
        for sender in senders {
            sendings.extend(sender.await.unwrap());
        }
        self.store.plan(|_| None);
        tokio::time::sleep(Duration::from_secs(10)).await;
        sendings
    }

    /// The buses that are there at the end.
    pub fn buses(&self) -> Vec<Bus> {
        self.buses.lock().clone()
    }
}

/// What goes wrong with a call, if anything.
fn fault(call: Call, severity: u64, random: &Random) -> Option<Fault> {
    if !random.percent(severity) {
        return None;
    }
    let delay = Duration::from_millis(random.below(100));
    Some(match random.below(if call == Call::Append { 12 } else { 8 }) {
        0 => Fault::Unavailable,
        1..4 => Fault::Late(delay),
        4 => {
            let purse = PURSES[random.index(PURSES.len())];
            let paid_in = json!({ "amount": random.below(20) });
            Fault::Overtaken(vec![foreign(&format!("purse-{purse}"), "Moved", &paid_in)])
        }
        5..8 => return None,
        8 => Fault::LostBefore,
        9 | 10 => Fault::LostAfter,
        _ => Fault::LostLate(delay),
    })
}
