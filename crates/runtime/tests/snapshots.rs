//! Snapshots: when they are taken, when they are used, and when they are passed over.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use engine_runtime::{App, Bus, RuntimeOptions};
use engine_store::{DocumentKey, EventStore, ExpectedVersion};
use engine_types::Revision;
use serde_json::{Value, json};

use crate::support::{
    bus_on, bus_with,
    faulty::{Call, Fault, FaultyStore, Gate},
    meter::{self, Meter, NewCount, NewMeter},
};

fn key() -> DocumentKey {
    DocumentKey::new("snapshot/meter-m").unwrap()
}

async fn snapshot(store: &FaultyStore) -> Option<Value> {
    let document = store.load_document(&key()).await.unwrap()?;
    Some(serde_json::from_slice(&document.content).unwrap())
}

async fn count(bus: &Bus, times: u64) {
    for _ in 0..times {
        bus.send_command(meter::count("m", 1)).await.unwrap();
        // On one thread, what was spawned before runs before: a snapshot, unless something holds it.
        tokio::task::yield_now().await;
    }
}

fn saved(store: &FaultyStore) -> usize {
    store.counts().documents_saved.load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_snapshot_is_taken_exactly_when_enough_events_have_come() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    for (number, expected) in [(1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (6, 2), (7, 2)] {
        count(&bus, 1).await;
        assert_eq!(saved(&store), expected, "after {number} events");
    }
    let snapshot = snapshot(&store).await.unwrap();
    assert_eq!((&snapshot["version"], &snapshot["revision"]), (&json!(1), &json!(5)));
    assert_eq!(snapshot["state"], json!({ "total": 6 }));
}

#[tokio::test]
async fn a_command_with_many_events_leads_to_one_snapshot_of_them_all() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(meter::count_events("m", 1, 10)).await.unwrap();
    bus.close().await.unwrap();
    assert_eq!(saved(&store), 1);
    assert_eq!(snapshot(&store).await.unwrap()["revision"], 9);
}

#[tokio::test]
async fn the_sender_does_not_wait_for_the_snapshot_but_closing_does() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let gate = Gate::closed();
    store.next(Call::SaveDocument, [Fault::Held(gate.clone())]);
    count(&bus, 3).await;
    gate.arrival().await;
    let closing = tokio::spawn({
        let bus = bus.clone();
        async move { bus.close().await }
    });
    tokio::task::yield_now().await;
    assert!(!closing.is_finished());
    gate.open();
    closing.await.unwrap().unwrap();
    assert!(snapshot(&store).await.is_some());
}

#[tokio::test]
async fn loading_reads_the_events_behind_the_snapshot_and_the_one_that_it_stands_at() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(meter::count_events("m", 1, 100)).await.unwrap();
    count(&bus, 2).await;
    bus.close().await.unwrap();
    let restarted = bus_on(&store).await;
    store.take_events_read();
    let state = restarted.state::<Meter>("m", None).await.unwrap().unwrap();
    assert_eq!((state.state.total, state.revision), (102, Revision(101)));
    assert_eq!(store.take_events_read(), 3);
}

#[tokio::test]
async fn a_restart_alone_leads_to_no_further_snapshot() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    count(&bus, 4).await;
    bus.close().await.unwrap();
    let restarted = bus_on(&store).await;
    restarted.state::<Meter>("m", None).await.unwrap();
    count(&restarted, 1).await;
    restarted.close().await.unwrap();
    assert_eq!(saved(&store), 1, "two events have come since the snapshot");
    let restarted = bus_on(&store).await;
    count(&restarted, 1).await;
    restarted.close().await.unwrap();
    assert_eq!(saved(&store), 2);
}

#[tokio::test]
async fn a_snapshot_of_another_version_is_passed_over_and_replaced() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    count(&bus, 4).await;
    bus.close().await.unwrap();
    let newer = App::new("newer").command::<NewCount>().start(Arc::new(store.clone())).await.unwrap();
    store.take_events_read();
    let state = newer.state::<NewMeter>("m", None).await.unwrap().unwrap();
    assert_eq!(state.state, NewMeter { sum: 4 });
    assert_eq!(store.take_events_read(), 4);
    newer.send_command(NewCount { id: "m".into(), by: 1, events: 1 }).await.unwrap();
    newer.close().await.unwrap();
    assert_eq!(snapshot(&store).await.unwrap()["version"], 2);
}

#[tokio::test]
async fn a_snapshot_that_does_not_fit_is_passed_over() {
    let ahead = json!({ "version": 1, "revision": 77, "event": uuid::Uuid::nil(), "state": { "total": 9 } });
    let of_other_events =
        json!({ "version": 1, "revision": 1, "event": uuid::Uuid::nil(), "state": { "total": 9 } });
    let of_another_form = json!({ "version": 1, "revision": 1, "event": uuid::Uuid::nil(), "state": "nine" });
    for content in [ahead.to_string(), of_other_events.to_string(), of_another_form.to_string(), "{".into()] {
        let store = FaultyStore::new();
        count(&bus_on(&store).await, 2).await;
        let document = bytes::Bytes::from(content.clone());
        store.save_document(&key(), ExpectedVersion::Any, document).await.unwrap();
        let bus = bus_on(&store).await;
        let state = bus.state::<Meter>("m", None).await.unwrap().unwrap();
        assert_eq!((state.state.total, state.revision), (2, Revision(1)), "{content}");
        let past = bus.state::<Meter>("m", Some(Revision(1))).await.unwrap().unwrap();
        assert_eq!(past.state.total, 2, "{content}");
        count(&bus, 1).await;
        bus.close().await.unwrap();
        assert_eq!(snapshot(&store).await.unwrap()["state"], json!({ "total": 3 }), "{content}");
    }
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_stored_harms_nobody() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    store.next(Call::SaveDocument, [Fault::Unavailable]);
    count(&bus, 6).await;
    bus.close().await.unwrap();
    assert_eq!(snapshot(&store).await.unwrap()["revision"], 5);
}

#[tokio::test]
async fn an_instance_has_one_snapshot_under_way_at_a_time() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let gate = Gate::closed();
    let held = gate.clone();
    store.plan(move |call| (call == Call::SaveDocument).then(|| Fault::Held(held.clone())));
    count(&bus, 3).await;
    gate.arrival().await;
    count(&bus, 10).await;
    gate.open();
    while saved(&store) < 1 {
        tokio::task::yield_now().await;
    }
    count(&bus, 1).await;
    bus.close().await.unwrap();
    assert_eq!(saved(&store), 2);
    assert_eq!(snapshot(&store).await.unwrap()["revision"], 13);
}

#[tokio::test]
async fn the_number_of_snapshots_under_way_is_bounded() {
    let store = FaultyStore::new();
    let bus = bus_with(&store, RuntimeOptions { snapshots_under_way: 2, ..Default::default() }).await;
    let gate = Gate::closed();
    let held = gate.clone();
    store.plan(move |call| (call == Call::SaveDocument).then(|| Fault::Held(held.clone())));
    for number in 0..5 {
        bus.send_command(meter::count_events(&number.to_string(), 1, 3)).await.unwrap();
    }
    gate.arrival().await;
    gate.arrival().await;
    let third = tokio::time::timeout(Duration::ZERO, gate.arrival()).await;
    assert!(third.is_err());
    gate.open();
    bus.close().await.unwrap();
    assert_eq!(saved(&store), 2);
}
