//! Batches: by size or time, with partial progress, and with the event at fault looked for.

use std::time::Duration;

use engine_runtime::listen::{Action, ErrorPolicy, HandlerError, HandlerOptions};
use serde_json::json;

use super::kit::{self, Behaviour, Probe, fail};
use crate::support::faulty::FaultyStore;

fn options() -> HandlerOptions {
    HandlerOptions { errors: Some(ErrorPolicy::park_at_once()), ..HandlerOptions::batches() }
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_handed_out_when_it_is_full_or_its_time_is_up() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let batch_wait = Duration::from_millis(100);
    let options = HandlerOptions { batch_events: 4, batch_wait, ..options() };
    let (bus, sizes) = kit::start_batches(&store, &probe, options).await;
    let last = kit::append(&store, "a", 0..10).await;
    kit::wait(&bus, last).await;
    assert_eq!(*sizes.lock(), [4, 4, 2]);
    let begun = tokio::time::Instant::now();
    let last = kit::append(&store, "a", [10]).await;
    kit::wait(&bus, last).await;
    assert_eq!((begun.elapsed(), sizes.lock().last().copied()), (batch_wait, Some(1)));
}

#[tokio::test(start_paused = true)]
async fn only_the_event_at_fault_and_its_key_are_parked() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|number| if number == 13 { fail("poison") } else { Behaviour::Handle });
    let (bus, _) = kit::start_batches(&store, &probe, options()).await;
    for number in 0..100 {
        kit::append(&store, &format!("k{}", number % 10), [number]).await;
    }
    let last = kit::append(&store, "end", [100]).await;
    kit::wait(&bus, last).await;
    let parked = bus.handlers().parked("probe").await.unwrap();
    assert_eq!((parked.len(), parked[0].key.as_str(), parked[0].waiting), (1, "counter-k3", 8));
    assert_eq!(probe.handled_of("counter-k3"), [3]);
    assert_eq!(probe.handled().len(), 92);
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_event_is_parked_and_no_batch_is_empty() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    kit::append_old(&store, "a", json!("no number")).await;
    let last = kit::append(&store, "b", [1]).await;
    let (bus, sizes) = kit::start_batches(&store, &probe, options()).await;
    kit::wait(&bus, last).await;
    assert_eq!((probe.handled(), sizes.lock().clone()), (vec![1], vec![1]));
    assert_eq!(bus.handlers().parked("probe").await.unwrap()[0].key, "counter-a");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_says_stop_is_not_asked_again_one_by_one() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|_| Behaviour::Fail(HandlerError { cause: "enough".into(), wants: Some(Action::Stop) }));
    kit::append(&store, "a", 0..10).await;
    let (bus, sizes) = kit::start_batches(&store, &probe, options()).await;
    kit::until("a stop", async || kit::state(&bus).await == "stopped").await;
    assert_eq!(*sizes.lock(), [10]);
}

#[tokio::test(start_paused = true)]
async fn events_of_a_parked_key_in_the_same_batch_wait() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|number| if number == 2 { fail("poison") } else { Behaviour::Handle });
    let last = kit::append(&store, "a", 0..10).await;
    let (bus, _) = kit::start_batches(&store, &probe, options()).await;
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled(), [0, 1]);
}
