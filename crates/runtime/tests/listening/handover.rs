//! From catching up to live while 64 writers write: nothing missing, nothing twice, in order.
//!
//! `HANDOVER_EVENTS=1000000` writes more.

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_runtime::{
    App,
    listen::{Delivered, EventHandler, HandlerError, HandlerOptions},
};
use engine_store::{
    AppendRequest, EventStore, Filter, NewEvent, SubscribeFrom, SubscribeTo, SubscriptionMessage,
    memory::MemoryStore,
};
use engine_types::{ExpectedRevision, Position};
use parking_lot::Mutex;
use tokio::{sync::watch, task::JoinSet};
use uuid::Uuid;

use super::kit::CounterEvent;
use crate::support::stream;

const WRITERS: u64 = 64;

fn events() -> u64 {
    std::env::var("HANDOVER_EVENTS").map_or(50_000, |text| text.parse().expect("a number of events"))
}

/// Writes a share of the events, one at a time, each to one of the writer's three streams. Half way, it waits until
/// somebody is live.
async fn write(store: MemoryStore, writer: u64, mut is_anyone_live: watch::Receiver<bool>) {
    for number in (writer..events()).step_by(64) {
        if number > events() / 2 {
            is_anyone_live.wait_for(|is_live| *is_live).await.unwrap();
        }
        let name = stream(&format!("counter-{writer}x{}", number / WRITERS % 3));
        let mut event = NewEvent::json(
            Uuid::from_u128(number.into()),
            "Counted",
            &serde_json::json!({ "number": number }),
        )
        .unwrap();
        event.metadata = r#"{"$schemaVersion":2}"#.into();
        store.append(AppendRequest::to(name, ExpectedRevision::Any, vec![event])).await.unwrap();
        tokio::task::yield_now().await;
    }
}

/// Reads until all events have come, each at the position after the one before; answers how many had come when it
/// was live for the first time.
async fn follow(store: MemoryStore, is_anyone_live: Arc<watch::Sender<bool>>) -> u64 {
    let to = SubscribeTo::All(SubscribeFrom::Start);
    let mut subscription = store.subscribe(to, Filter::domain()).await.unwrap();
    let (mut next, mut live_from) = (0, events());
    while next < events() {
        match subscription.next().await.unwrap() {
            SubscriptionMessage::Event(event) => {
                assert_eq!(event.position, Position(next), "none is missing and none comes twice");
                next += 1;
            }
            SubscriptionMessage::CaughtUp => live_from = live_from.min(next),
            SubscriptionMessage::Progress(_) => {}
        }
        if live_from < events() {
            is_anyone_live.send_if_modified(|is_live| !std::mem::replace(is_live, true));
        }
    }
    live_from
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_that_begin_while_64_writers_write_deliver_every_event_once() {
    let (store, live) = (MemoryStore::new(), Arc::new(watch::Sender::new(false)));
    let mut writers: JoinSet<()> =
        (0..WRITERS).map(|writer| write(store.clone(), writer, live.subscribe())).collect();
    let first = tokio::spawn(follow(store.clone(), live.clone()));
    let mut followers = JoinSet::new();
    let mut through = 0;
    while let Some(written) = writers.join_next().await {
        written.unwrap();
        through += 1;
        // One more begins whenever another eighth of the writers is through.
        if through % 8 == 1 {
            followers.spawn(follow(store.clone(), live.clone()));
        }
    }
    assert!(first.await.unwrap() <= events() / 2 + 1, "it was live before the second half was written");
    while let Some(followed) = followers.join_next().await {
        followed.unwrap();
    }
}

/// How often each event was handled, and the last of each stream.
#[derive(Clone, Default)]
struct Counting {
    counts: Arc<Mutex<Vec<u8>>>,
    last: Arc<Mutex<HashMap<String, u64>>>,
    is_anyone_live: Arc<watch::Sender<bool>>,
}

#[async_trait]
impl EventHandler for Counting {
    type Event = CounterEvent;

    fn name(&self) -> &'static str {
        "counting"
    }

    async fn handle(&self, event: &Delivered<CounterEvent>) -> Result<(), HandlerError> {
        self.is_anyone_live.send_if_modified(|is_live| !std::mem::replace(is_live, true));
        self.counts.lock()[usize::try_from(event.position.0).unwrap()] += 1;
        let before = self.last.lock().insert(event.stream.to_string(), event.revision.0);
        let expected = before.map_or(0, |before| before + 1);
        if event.revision.0 == expected { Ok(()) } else { Err(HandlerError::stop("out of order")) }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_begins_while_64_writers_write_handles_every_event_once_and_in_order() {
    let (store, counting) = (MemoryStore::new(), Counting::default());
    counting.counts.lock().resize(usize::try_from(events()).unwrap(), 0);
    let live = &counting.is_anyone_live;
    let mut writers: JoinSet<()> =
        (0..WRITERS).map(|writer| write(store.clone(), writer, live.subscribe())).collect();
    let options = HandlerOptions { partitions: 4, ..HandlerOptions::default() };
    let app = App::new("handover").handler(counting.clone(), options);
    let bus = app.start(Arc::new(store.clone())).await.unwrap();
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    let last = Position(events() - 1);
    bus.handlers().wait_for("counting", last, Duration::from_secs(600)).await.unwrap();
    assert!(counting.counts.lock().iter().all(|count| *count == 1), "each once");
    bus.close().await.unwrap();
}
