//! Which events a handler hears: those that it can read, of those that it chose.

use engine_runtime::{App, StartError, listen::HandlerOptions};
use engine_store::{EventStore, Filter, filter::Choice};
use serde_json::json;

use super::kit::{self, Probe};
use crate::support::{faulty::FaultyStore, foreign};

fn hearing(filter: Filter) -> HandlerOptions {
    HandlerOptions { filter: Some(filter), ..HandlerOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn what_it_cannot_read_is_no_event_for_it_whatever_it_chose() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, hearing(Filter::category("counter"))).await;
    store.healthy().append(foreign("counter-a", "Unheard", &json!({}))).await.unwrap();
    store.healthy().append(foreign("other-a", "Counted", &json!({ "number": 9 }))).await.unwrap();
    let last = kit::append(&store, "a", [1]).await;
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled(), [1]);
    assert!(bus.handlers().parked("probe").await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn it_may_hear_some_streams_only() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let streams = Choice { streams: vec!["counter-b".to_owned()], ..Choice::default() };
    let bus = kit::start(&store, &probe, hearing(Filter::new(streams))).await;
    kit::append(&store, "b", [1]).await;
    let last = kit::append(&store, "a", [2]).await;
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled(), [1]);
}

#[tokio::test]
async fn a_choice_that_lets_nothing_pass_is_refused_at_the_start() {
    let types = Choice { event_types: vec!["Unheard".to_owned()], ..Choice::default() };
    let app = App::new("test").handler(Probe::new(), hearing(Filter::new(types)));
    let Err(StartError::Faulty { faults, .. }) = app.start(std::sync::Arc::new(FaultyStore::new())).await
    else {
        panic!("it started");
    };
    assert_eq!(faults, ["handler `probe`: its filter lets none of the events pass that it can read"]);
}
