//! Which events a handler hears: those that it can read, of those that it chose.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_runtime::{
    App, StartError,
    listen::{HandlerError, HandlerOptions, RawHandler},
};
use engine_store::{AppendRequest, ContentType, EventStore, Filter, NewEvent, RecordedEvent, filter::Choice};
use engine_types::ExpectedRevision;
use parking_lot::Mutex;
use serde_json::json;

use super::kit::{self, Probe};
use crate::support::{faulty::FaultyStore, foreign, stream};

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

/// Notes the types of all that it hears, and fails at some.
#[derive(Clone, Default)]
struct Audit(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl RawHandler for Audit {
    fn name(&self) -> &'static str {
        "audit"
    }

    async fn handle(&self, event: &RecordedEvent) -> Result<(), HandlerError> {
        match &*event.event_type {
            "Poison" => return Err(HandlerError::park("no")),
            "Panic" => panic!("as told"),
            _ => {}
        }
        self.0.lock().push(event.event_type.to_string());
        Ok(())
    }
}

/// Appends what the application knows nothing of; answers what an audit with this filter has heard.
async fn heard_with(filter: Option<Filter>) -> (Vec<String>, Vec<String>) {
    let (store, audit) = (FaultyStore::new(), Audit::default());
    let options = HandlerOptions { filter, ..HandlerOptions::default() };
    let bus =
        App::new("audit").raw_handler(audit.clone(), options).start(Arc::new(store.clone())).await.unwrap();
    let bytes = NewEvent {
        id: uuid::Uuid::from_u128(7),
        event_type: "Photo".into(),
        content_type: ContentType::Binary,
        data: vec![0xff].into(),
        metadata: Vec::new().into(),
    };
    let request = AppendRequest::to(stream("door-a"), ExpectedRevision::Any, vec![bytes]);
    store.healthy().append(request).await.unwrap();
    let mut last = None;
    for (name, event_type) in [
        ("lamp-a", "On"),
        ("lamp-a", "Poison"),
        ("lamp-a", "Off"),
        ("clerk-a", "$ProcessHandled"),
        ("door-a", "Shut"),
    ] {
        last = store.healthy().append(foreign(name, event_type, &json!({}))).await.unwrap().position;
    }
    bus.handlers().wait_for("audit", last.unwrap(), Duration::from_secs(600)).await.unwrap();
    let parked = bus.handlers().parked("audit").await.unwrap();
    let heard = audit.0.lock().clone();
    (heard, parked.into_iter().map(|sequence| sequence.key).collect())
}

#[tokio::test(start_paused = true)]
async fn a_raw_handler_hears_events_of_any_type_and_parks_like_any_other() {
    let (heard, parked) = heard_with(None).await;
    assert_eq!(heard, ["Photo", "On", "Shut"], "`Off` waits behind what is parked");
    assert_eq!(parked, ["lamp-a"]);
}

#[tokio::test(start_paused = true)]
async fn a_raw_handler_hears_what_it_chose_and_the_systems_own_events_where_it_chose_them() {
    assert_eq!(heard_with(Some(Filter::category("door"))).await.0, ["Photo", "Shut"]);
    assert_eq!(heard_with(Some(Filter::everything())).await.0, ["Photo", "On", "$ProcessHandled", "Shut"]);
}

#[tokio::test(start_paused = true)]
async fn a_raw_handler_that_panics_parks_the_sequence() {
    let (store, audit) = (FaultyStore::new(), Audit::default());
    let app = App::new("audit").raw_handler(audit.clone(), HandlerOptions::default());
    let bus = app.start(Arc::new(store.clone())).await.unwrap();
    store.healthy().append(foreign("a-a", "Panic", &json!({}))).await.unwrap();
    let last = store.healthy().append(foreign("b-b", "Fine", &json!({}))).await.unwrap().position.unwrap();
    bus.handlers().wait_for("audit", last, Duration::from_secs(600)).await.unwrap();
    assert_eq!(*audit.0.lock(), ["Fine"]);
    assert!(bus.handlers().parked("audit").await.unwrap()[0].error.contains("panicked: as told"));
    let map = bus.map();
    assert_eq!((map.handlers[0].event_types.len(), map.handlers[0].streams.len()), (0, 0), "it hears all");
}
