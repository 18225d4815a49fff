//! `wait_for`: reading one's own writes, and hearing at once when that cannot be.

use std::time::Duration;

use engine_runtime::listen::{HandlerOptions, HandlersError};
use engine_store::EventStore;
use serde_json::json;

use super::kit::{self, Behaviour, LONG, Probe};
use crate::support::{faulty::FaultyStore, foreign};

#[tokio::test(start_paused = true)]
async fn events_that_the_handler_cannot_see_are_no_reason_to_wait() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, HandlerOptions { partitions: 2, ..HandlerOptions::default() }).await;
    let other = store.healthy().append(foreign("other-1", "Other", &json!({}))).await.unwrap();
    kit::wait(&bus, other.position.unwrap()).await;
}

/// The last event belongs to the partition that is ahead; the other one learns only from it that nothing is
/// left for it.
#[tokio::test(start_paused = true)]
async fn a_wait_ends_after_a_restart_between_two_partitions() {
    for id in ["a", "b", "c", "d"] {
        let (store, probe) = (FaultyStore::new(), Probe::new());
        let options = HandlerOptions { partitions: 2, ..HandlerOptions::default() };
        let bus = kit::start(&store, &probe, options.clone()).await;
        kit::until("a live handler", async || kit::state(&bus).await == "live").await;
        let mut saves = 0;
        // Only the first of the two checkpoints is stored.
        store.plan(move |call| {
            saves += u32::from(call == crate::support::faulty::Call::SaveDocument);
            (call == crate::support::faulty::Call::SaveDocument && saves > 1)
                .then_some(crate::support::faulty::Fault::Unavailable)
        });
        let last = kit::append(&store, id, [1]).await;
        kit::wait(&bus, last).await;
        bus.close().await.unwrap();
        store.plan(|_| None);
        let bus = kit::start(&store, &probe, options).await;
        kit::wait(&bus, last).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_slow_is_waited_for_until_the_deadline() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|_| Behaviour::Hang);
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    let last = kit::append(&store, "a", [1]).await;
    let late = bus.handlers().wait_for("probe", last, Duration::from_secs(3)).await.unwrap_err();
    assert!(matches!(late, HandlersError::Timeout { .. }), "{late}");
    assert_eq!(late.to_string(), "handler `probe` had not handled position 0 within 3000 ms");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_rests_is_not_waited_for() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    let before = kit::append(&store, "a", [1]).await;
    kit::wait(&bus, before).await;
    bus.handlers().pause("probe").await.unwrap();
    kit::wait(&bus, before).await;
    let last = kit::append(&store, "a", [2]).await;
    let begun = tokio::time::Instant::now();
    let refused = bus.handlers().wait_for("probe", last, LONG).await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(refused.to_string(), "handler `probe` has not handled position 1: it is paused");
    bus.close().await.unwrap();
    let refused = bus.handlers().wait_for("probe", last, LONG).await.unwrap_err();
    assert!(refused.to_string().contains("ended"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn settling_lasts_until_what_is_there_is_handled_and_never_keeps_a_handler_from_it() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|_| Behaviour::Take(Duration::from_secs(1)));
    kit::append(&store, "a", 1..=5).await;
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    let begun = tokio::time::Instant::now();
    bus.handlers().settle(LONG).await;
    assert_eq!(begun.elapsed(), Duration::from_secs(5));
    let report = bus.handlers().report("probe").await.unwrap();
    assert_eq!((report.state.word(), report.lag_events, report.handled), ("live", 0, 5));
    bus.handlers().pause("probe").await.unwrap();
    kit::append(&store, "a", [6]).await;
    bus.handlers().settle(LONG).await;
    bus.handlers().resume("probe").await.unwrap();
    bus.handlers().settle(Duration::from_millis(200)).await;
    assert_eq!(begun.elapsed(), Duration::from_millis(5_200), "no longer than the time that it has");
}
