//! What the tests are written with.

use std::{future::Future, time::Duration};

use engine_postgres::{PostgresOptions, PostgresStore};
use engine_store::{
    AppendError, AppendRequest, Appended, EventStore, Filter, NewEvent, ReadAll, RecordedEvent,
    SubscribeFrom, SubscribeTo, Subscription,
};
use engine_types::{ExpectedRevision, StreamName};
use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn open(url: &str) -> PostgresStore {
    PostgresStore::open(url, PostgresOptions::default()).await.unwrap()
}

/// A session of its own, as an operator has one.
pub(crate) async fn session(url: &str) -> Client {
    let url = url.split_once('?').map_or(url, |(place, _)| place);
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

pub(crate) fn stream(name: impl AsRef<str>) -> StreamName {
    StreamName::new(name).unwrap()
}

pub(crate) fn event() -> NewEvent {
    NewEvent::json(Uuid::now_v7(), "Happened", &serde_json::json!({"amount": 1})).unwrap()
}

pub(crate) async fn append(
    store: &PostgresStore,
    name: &str,
    expected: ExpectedRevision,
    events: Vec<NewEvent>,
) -> Result<Appended, AppendError> {
    store.append(AppendRequest::to(stream(name), expected, events)).await
}

/// All events of the domain, oldest first.
pub(crate) async fn all(store: &PostgresStore) -> Vec<RecordedEvent> {
    let (mut events, mut request) = (Vec::new(), ReadAll::forwards().filter(Filter::domain()));
    loop {
        let page = store.read_all(request.clone()).await.unwrap();
        events.extend(page.events);
        if page.end {
            return events;
        }
        request = request.from(page.next.unwrap());
    }
}

pub(crate) async fn follow(store: &PostgresStore) -> Subscription {
    store.subscribe(SubscribeTo::All(SubscribeFrom::Start), Filter::domain()).await.unwrap()
}

/// The ids of the next so many events.
pub(crate) async fn next_ids(subscription: &mut Subscription, count: usize) -> Vec<Uuid> {
    let mut ids = Vec::new();
    while ids.len() < count {
        ids.push(soon("an event", subscription.next_event()).await.unwrap().id);
    }
    ids
}

/// Waits for what must come.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let output = tokio::time::timeout(PATIENCE, future).await;
    output.unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

/// Positions from 0 without a gap, and revisions of each stream from 0 without a gap; no id twice.
#[track_caller]
pub(crate) fn assert_whole(events: &[RecordedEvent]) {
    let mut ends = std::collections::HashMap::new();
    let mut ids = std::collections::HashSet::new();
    for (position, event) in (0..).zip(events) {
        assert_eq!(event.position.0, position, "positions have no gaps");
        let end = ends.entry(event.stream.clone()).or_insert(0);
        assert_eq!(event.revision.0, *end, "revisions of {} have no gaps", event.stream);
        *end += 1;
        assert!(ids.insert(event.id), "{} stands twice", event.id);
    }
}

/// Writers that each append to a stream of their own, one event after the other, and note what was answered.
pub(crate) struct Load {
    writers: tokio::task::JoinSet<Vec<Uuid>>,
    stop: tokio::sync::watch::Sender<bool>,
}

impl Load {
    pub(crate) fn start(store: &PostgresStore, writers: usize) -> Self {
        let stop = tokio::sync::watch::Sender::new(false);
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..writers {
            let (store, stopped) = (store.clone(), stop.subscribe());
            tasks.spawn(async move {
                let (mut written, mut expected) = (Vec::new(), ExpectedRevision::NoStream);
                let name = format!("load-{}-{writer}", Uuid::now_v7().simple());
                while !*stopped.borrow() {
                    let event = event();
                    let id = event.id;
                    let appended = append(&store, &name, expected, vec![event]).await.unwrap();
                    expected = appended.streams[0].revision.into();
                    written.push(id);
                }
                written
            });
        }
        Load { writers: tasks, stop }
    }

    /// Ends it; the ids of all events that were answered.
    pub(crate) async fn stop(self) -> Vec<Uuid> {
        self.stop.send_replace(true);
        soon("the writers", self.writers.join_all()).await.concat()
    }
}

/// Waits until there are so many events.
pub(crate) async fn until_events(store: &PostgresStore, count: u64) {
    soon("enough events", async {
        while store.head().await.unwrap().is_none_or(|head| head.0 + 1 < count) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
