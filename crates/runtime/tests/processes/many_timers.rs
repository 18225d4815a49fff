//! Timers that wait cost nothing but their room in the store: neither a start nor what is due has to look at them.
//!
//! `TIMERS=1000000` sets as many.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine_runtime::{Bus, Environment};
use engine_store::{Clock, Timestamp, memory::MemoryStore};

use super::kit::{Desk, VirtualClock, Write, app, later};
use crate::support::{events_of, faulty::FaultyStore};

/// How many timers wait; a few of them a process manager has set.
fn many() -> u64 {
    std::env::var("TIMERS").map_or(20_000, |text| text.parse().expect("a number of timers"))
}

const OF_CLERKS: u64 = 50;

/// When those that wait are due, one each second, beginning then.
const FAR: Duration = Duration::from_secs(365 * 24 * 3_600);

fn line(line: &str) -> Write {
    Write { id: "x".into(), line: line.into() }
}

async fn start(memory: &MemoryStore, clock: &VirtualClock) -> (Bus, FaultyStore) {
    let store = FaultyStore::over(memory.clone());
    let world = Environment { clock: Arc::new(clock.clone()), ..Environment::default() };
    (app().start_in(Arc::new(store.clone()), world).await.unwrap(), store)
}

/// Starts over a store in which so many timers wait; answers how many documents were listed and read until a timer that
/// is set then has been sent, two minutes later.
async fn looked_at(timers: u64) -> usize {
    let desk = Desk::new().await;
    for number in 0..OF_CLERKS {
        desk.tell(&format!("c{number}"), [later("t", 1_000_000 + number, "x", "late")]).await;
    }
    desk.settle().await;
    let far = desk.clock.now().after(FAR);
    for number in 0..timers - OF_CLERKS {
        let due = far.after(Duration::from_secs(number));
        desk.bus.send_command_at(line("far"), due).await.unwrap();
    }
    // Until its checkpoints are stored.
    desk.wait(1).await;
    let Desk { memory, clock, bus } = desk;
    drop(bus);
    let (bus, store) = start(&memory, &clock).await;
    let set: Timestamp = clock.now();
    bus.send_command_at(line("soon"), Duration::from_secs(120)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(130)).await;
    let written = events_of(&memory, "book-x").await;
    assert_eq!(written.len(), 1, "only what is due is sent");
    let late = written[0].created.since(set.after(Duration::from_secs(120)));
    assert!(written[0].created >= set.after(Duration::from_secs(120)) && late <= Duration::from_secs(2));
    store.counts().documents_looked_at.load(Ordering::Relaxed)
}

#[tokio::test(start_paused = true)]
async fn a_start_and_what_is_due_cost_the_same_however_many_timers_wait() {
    let few = looked_at(1_000).await;
    let many = looked_at(many()).await;
    // A page of keys now and then, some 30 seconds apart.
    assert!(
        many <= few + 10 && many < 5_000,
        "{many} documents were looked at, {few} where 1,000 timers wait"
    );
}
