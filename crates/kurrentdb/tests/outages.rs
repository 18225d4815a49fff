//! What a store does when its node is gone: it waits, comes back, and says what it does not know.

#![allow(clippy::unwrap_used)] // everything here is a test

use std::{net::SocketAddr, sync::Arc, time::Duration};

use engine_kurrentdb::{KurrentStore, Options};
use engine_server::Node;
use engine_store::{
    AppendError, AppendRequest, EventStore, Filter, NewEvent, ReadAll, ReadError, ReadStream, SubscribeFrom,
    SubscribeTo, memory::MemoryStore,
};
use engine_types::{ExpectedRevision, StreamName};

/// How long something that must come may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node, over events that outlive it.
struct Behind {
    events: MemoryStore,
    node: Option<Node>,
    address: SocketAddr,
}

impl Behind {
    async fn start() -> Self {
        let events = MemoryStore::new();
        let node = serve(&events, "127.0.0.1:0".parse().unwrap()).await;
        let address = node.address();
        Behind { events, node: Some(node), address }
    }

    async fn connect(&self, options: Options) -> KurrentStore {
        let url = format!("esdb://admin:changeit@{}?tls=false&discoveryInterval=10", self.address);
        KurrentStore::connect(&url, options).await.unwrap()
    }

    /// Cuts everybody off.
    fn kill(&mut self) {
        drop(self.node.take());
    }

    /// Waits until nobody listens there any more.
    async fn gone(&self) {
        while std::net::TcpListener::bind(self.address).is_err() {
            tokio::task::yield_now().await;
        }
    }

    async fn start_again(&mut self) {
        self.node = Some(serve(&self.events, self.address).await);
    }
}

async fn serve(events: &MemoryStore, listen: SocketAddr) -> Node {
    loop {
        let options = engine_server::Options { listen, ..Default::default() };
        match Node::start(Arc::new(events.clone()), Vec::new(), options).await {
            Ok(node) => return node,
            // The node before has not let go of its port yet.
            Err(engine_server::StartError::Listen { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

fn stream() -> StreamName {
    StreamName::new("account-1").unwrap()
}

fn append(expected: ExpectedRevision, id: u128) -> AppendRequest {
    let event = NewEvent::json(uuid::Uuid::from_u128(id), "Opened", &()).unwrap();
    AppendRequest::to(stream(), expected, vec![event])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_wait_for_a_node_that_is_gone_for_a_while() {
    let mut behind = Behind::start().await;
    let store = behind.connect(Options { patience: PATIENCE, ..Options::default() }).await;
    store.append(append(ExpectedRevision::NoStream, 1)).await.unwrap();
    for round in 2..4 {
        behind.kill();
        let waiting = tokio::spawn({
            let store = store.clone();
            async move { store.append(append(ExpectedRevision::Any, round)).await }
        });
        let reading = tokio::spawn({
            let store = store.clone();
            async move { store.read_stream(ReadStream::forwards(stream())).await }
        });
        behind.start_again().await;
        assert!(!waiting.await.unwrap().unwrap().deduplicated);
        assert!(!reading.await.unwrap().unwrap().events.is_empty());
    }
    let there = behind.events.read_all(ReadAll::forwards().filter(Filter::domain())).await.unwrap();
    let ids: Vec<_> = there.events.iter().map(|event| event.id.as_u128()).collect();
    assert_eq!(ids, [1, 2, 3], "nothing is missing and nothing is there twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stays_away_is_unavailable() {
    let mut behind = Behind::start().await;
    let store = behind.connect(Options { patience: Duration::from_millis(300), ..Options::default() }).await;
    behind.kill();
    behind.gone().await;
    let refused = store.append(append(ExpectedRevision::NoStream, 1)).await;
    assert!(
        matches!(refused, Err(AppendError::Unavailable(_) | AppendError::OutcomeUnknown(_))),
        "{refused:?}"
    );
    let refused = store.read_stream(ReadStream::forwards(stream())).await;
    assert!(matches!(refused, Err(ReadError::Unavailable(_))), "{refused:?}");
    behind.start_again().await;
    store.append(append(ExpectedRevision::NoStream, 1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_comes_back_without_a_hole_and_without_a_repetition() {
    let mut behind = Behind::start().await;
    let store = behind.connect(Options { patience: PATIENCE, ..Options::default() }).await;
    let all = SubscribeTo::All(SubscribeFrom::Start);
    let one = SubscribeTo::Stream(stream(), SubscribeFrom::Start);
    let mut of_all = store.subscribe(all, Filter::domain()).await.unwrap();
    let mut of_stream = store.subscribe(one, Filter::everything()).await.unwrap();
    for id in 1..60_u128 {
        if id % 20 == 0 {
            behind.kill();
            behind.events.append(append(ExpectedRevision::Any, id)).await.unwrap();
            behind.start_again().await;
        } else {
            store.append(append(ExpectedRevision::Any, id)).await.unwrap();
        }
        for subscription in [&mut of_all, &mut of_stream] {
            let event = tokio::time::timeout(PATIENCE, subscription.next_event()).await.unwrap().unwrap();
            assert_eq!(event.id.as_u128(), id);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_that_is_none_is_named_without_its_password() {
    let refused =
        KurrentStore::connect("esdb://ann:s3cret@", Options::default()).await.unwrap_err().to_string();
    assert!(!refused.contains("s3cret"), "{refused}");
}
