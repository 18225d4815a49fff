//! A handler's code that panics: nothing dies of it but the event.

use engine_runtime::listen::{ErrorPolicy, HandlerOptions};
use serde_json::json;

use super::kit::{self, Behaviour, Probe};
use crate::support::faulty::FaultyStore;

fn park_at_once(partitions: usize) -> HandlerOptions {
    HandlerOptions { partitions, errors: Some(ErrorPolicy::park_at_once()), ..HandlerOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_panics_has_failed() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|number| if number == 2 { Behaviour::Panic } else { Behaviour::Handle });
    let bus = kit::start(&store, &probe, park_at_once(1)).await;
    kit::append(&store, "a", 1..=3).await;
    let last = kit::append(&store, "b", 4..=5).await;
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled(), [1, 4, 5]);
    assert_eq!(bus.handlers().parked("probe").await.unwrap()[0].error, "the handler panicked: as told");
}

#[tokio::test(start_paused = true)]
async fn an_upcaster_that_panics_parks_the_event() {
    for partitions in [1, 3] {
        let (store, probe) = (FaultyStore::new(), Probe::new());
        let bus = kit::start(&store, &probe, park_at_once(partitions)).await;
        kit::append_old(&store, "a", json!(13)).await;
        kit::append(&store, "a", [14]).await;
        let last = kit::append(&store, "b", [15]).await;
        kit::wait(&bus, last).await;
        assert_eq!(probe.handled(), [15]);
        let parked = bus.handlers().parked("probe").await.unwrap();
        assert!(parked[0].error.contains("cannot bear 13"), "{}", parked[0].error);
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_panics_is_the_stream() {
    let (store, mut probe) = (FaultyStore::new(), Probe::new());
    probe.key = |_| panic!("no key");
    let bus = kit::start(&store, &probe, park_at_once(3)).await;
    let last = kit::append(&store, "a", 1..=3).await;
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled(), [1, 2, 3]);
}
