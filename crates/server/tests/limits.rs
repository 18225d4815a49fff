//! What a node holds for those who ask too much of it, or take too little.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test")]

mod kit;

use std::{
    io::{Read, Write},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use engine_server::{Limits, Options};
use engine_store::{AllPage, EventStore, ReadAll, ReadError, layer::Layer, memory::MemoryStore};
use engine_types::Position;
use kit::{Connected, PATIENCE, Told, node_with};
use kurrentdb::{
    AppendToStreamOptions, Client, EventData, ReadAllOptions, StreamPosition, SubscribeToStreamOptions,
    Subscription,
};

/// So many events of 256 KiB are more than a node and a connection hold for a subscriber.
const MANY: u64 = 96;

async fn with_limits(limits: Limits) -> Connected {
    node_with(Options { limits, ..Options::default() }).await
}

async fn put_large(client: &Client) {
    for _ in 0..MANY {
        let event = EventData::binary("Large", vec![0; 256 * 1024].into()).id(uuid::Uuid::new_v4());
        client.append_to_stream("account-1", &AppendToStreamOptions::default(), event).await.unwrap();
    }
}

/// A subscription to a stream that is still empty, which has been told that it is live.
async fn live(client: &Client) -> Subscription {
    let options = SubscribeToStreamOptions::default().start_from(StreamPosition::Start);
    let mut subscription = client.subscribe_to_stream("account-1", &options).await;
    assert_eq!(kit::next(&mut subscription).await, Told::Confirmed);
    assert_eq!(kit::next(&mut subscription).await, Told::CaughtUp { revision: None });
    subscription
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_who_falls_behind_is_told_so_misses_nothing_and_is_told_when_he_is_back() {
    let node = with_limits(Limits { subscriber_messages: 2, ..Limits::default() }).await;
    let mut subscription = live(&node.client).await;
    put_large(&node.client).await;
    let (mut told, mut revisions) = (Vec::new(), Vec::new());
    while told.last() != Some(&Told::CaughtUp { revision: Some(MANY - 1) }) {
        match kit::next(&mut subscription).await {
            Told::Event(revision) => revisions.push(revision),
            other => told.push(other),
        }
    }
    assert!(revisions.iter().copied().eq(0..MANY), "{revisions:?}");
    assert_eq!(told, [Told::FellBehind, Told::CaughtUp { revision: Some(MANY - 1) }]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_who_takes_nothing_is_ended_with_the_reason_and_can_go_on_where_he_was() {
    let limits = Limits {
        subscriber_messages: 2,
        subscriber_patience: Duration::from_millis(50),
        ..Limits::default()
    };
    let node = with_limits(limits).await;
    let mut subscription = live(&node.client).await;
    put_large(&node.client).await;
    let begun = Instant::now();
    while kit::metric(node.node.address(), "engine_slow_subscribers_total").await == 0 {
        assert!(begun.elapsed() < PATIENCE, "nobody is called slow");
    }
    let (mut seen, mut ended) = (None, None);
    while ended.is_none() {
        match kit::next(&mut subscription).await {
            Told::Event(revision) => {
                assert_eq!(revision, seen.map_or(0, |seen| seen + 1));
                seen = Some(revision);
            }
            Told::Ended(reason) => ended = Some(reason),
            _ => {}
        }
    }
    let reason = ended.unwrap();
    assert!(reason.contains("Consumer too slow"), "{reason}");
    let seen = seen.unwrap();
    assert!(seen < MANY - 1, "the node did not hold it all");
    let options = SubscribeToStreamOptions::default().start_from(StreamPosition::Position(seen));
    let mut again = node.client.subscribe_to_stream("account-1", &options).await;
    assert_eq!(kit::next(&mut again).await, Told::Confirmed);
    assert_eq!(kit::next(&mut again).await, Told::Event(seen + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_too_many_waits_until_one_is_closed() {
    let node = with_limits(Limits { connections: 1, ..Limits::default() }).await;
    let address = node.node.address();
    let first = std::net::TcpStream::connect(address).unwrap();
    let mut second = std::net::TcpStream::connect(address).unwrap();
    write!(second, "GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    second.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    assert!(second.read(&mut [0]).is_err(), "it is not served while the first is there");
    drop(first);
    second.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_says_nothing_is_closed() {
    let patience = Duration::from_millis(50);
    let node = with_limits(Limits { handshake_patience: patience, ..Limits::default() }).await;
    let mut silent = std::net::TcpStream::connect(node.node.address()).unwrap();
    silent.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(silent.read(&mut [0]).unwrap(), 0, "it was closed");
}

/// A store in which whoever reads everything finds nothing, never comes to an end, and never waits.
#[derive(Debug, Clone)]
struct Endless {
    inner: MemoryStore,
    is_endless: Arc<AtomicBool>,
}

#[async_trait::async_trait]
impl Layer for Endless {
    fn inner(&self) -> &dyn EventStore {
        &self.inner
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        if self.is_endless.load(Ordering::SeqCst) {
            return Ok(AllPage { events: Vec::new(), next: Some(Position(0)), end: false });
        }
        self.inner.read_all(request).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_looks_for_what_is_not_there_keeps_nobody_on_the_same_connection_waiting() {
    let store = Endless { inner: MemoryStore::new(), is_endless: Arc::default() };
    let Connected { node, client } = kit::node_over(Arc::new(store.clone()), Options::default()).await;
    let options = AppendToStreamOptions::default();
    let append = || client.append_to_stream("account-1", &options, kit::json(1));
    append().await.unwrap();
    store.is_endless.store(true, Ordering::SeqCst);
    let everything = ReadAllOptions::default().max_count(1);
    let mut looking = client.read_all(&everything).await.unwrap();
    let looking = tokio::spawn(async move { looking.next().await.map(drop) });
    for _ in 0..10 {
        tokio::time::timeout(PATIENCE, append()).await.expect("an append has its turn").unwrap();
    }
    assert!(!looking.is_finished());
    looking.abort();
    store.is_endless.store(false, Ordering::SeqCst);
    node.stop().await;
}
