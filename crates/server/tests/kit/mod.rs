//! A node in this process and an official client that is connected to it.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each file of tests takes what it needs")]

use std::{
    io::{Read, Write},
    net::SocketAddr,
    sync::Arc,
};

use engine_server::{Node, Options};
use engine_store::{EventStore, memory::MemoryStore};
use kurrentdb::{
    Client, Error, EventData, ReadAllOptions, ReadStreamOptions, RecordedEvent, Subscription,
    SubscriptionEvent,
};
use serde_json::json;

/// How long something that must come may take.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

pub struct Connected {
    pub node: Node,
    pub client: Client,
}

/// A node over a store in memory, on a port of its own.
pub async fn node() -> Connected {
    node_with(Options::default()).await
}

/// A node over a store in memory, on a port of its own, with options.
pub async fn node_with(options: Options) -> Connected {
    node_over(Arc::new(MemoryStore::new()), options).await
}

/// A node over this store, on a port of its own.
pub async fn node_over(store: Arc<dyn EventStore>, options: Options) -> Connected {
    let options = Options { listen: "127.0.0.1:0".parse().unwrap(), ..options };
    let tls = options.tls.is_some();
    let node = Node::start(store, Vec::new(), options).await.unwrap();
    let client = client(&node, "", tls);
    Connected { node, client }
}

/// A client of a node; `user` is `name:password@`, or nothing.
pub fn client(node: &Node, user: &str, tls: bool) -> Client {
    let port = node.address().port();
    let url = format!("kurrentdb://{user}localhost:{port}?tls={tls}&tlsVerifyCert=false");
    Client::new(url.parse().unwrap()).unwrap()
}

/// So many events.
pub fn json(count: usize) -> Vec<EventData> {
    types(&vec!["Happened"; count])
}

/// One event of each type.
pub fn types(types: &[&str]) -> Vec<EventData> {
    let event = |(index, name): (usize, &&str)| {
        EventData::json(*name, &json!({ "index": index })).unwrap().id(uuid::Uuid::new_v4())
    };
    types.iter().enumerate().map(event).collect()
}

/// An event, as far as tests look at it.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    pub stream: String,
    pub revision: u64,
    pub position: u64,
    pub id: uuid::Uuid,
    pub event_type: String,
    pub is_json: bool,
}

fn seen(event: &RecordedEvent) -> Seen {
    assert_eq!(event.position.commit, event.position.prepare);
    Seen {
        stream: event.stream_id().to_owned(),
        revision: event.revision,
        position: event.position.commit,
        id: event.id,
        event_type: event.event_type.clone(),
        is_json: event.is_json,
    }
}

/// All that a read of a stream gives.
pub async fn read(client: &Client, stream: &str, options: &ReadStreamOptions) -> Result<Vec<Seen>, Error> {
    let mut stream = client.read_stream(stream, options).await?;
    let mut events = Vec::new();
    while let Some(event) = stream.next().await? {
        events.push(seen(event.get_original_event()));
    }
    Ok(events)
}

/// All that a read of all streams gives.
pub async fn all_events(client: &Client, options: &ReadAllOptions) -> Vec<Seen> {
    let mut stream = client.read_all(options).await.unwrap();
    let mut events = Vec::new();
    while let Some(event) = stream.next().await.unwrap() {
        events.push(seen(event.get_original_event()));
    }
    events
}

/// What a subscription tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Told {
    Confirmed,
    Event(u64),
    Checkpoint(u64),
    CaughtUp { revision: Option<u64> },
    FellBehind,
    Ended(String),
}

pub async fn next(subscription: &mut Subscription) -> Told {
    let told = tokio::time::timeout(PATIENCE, subscription.next_subscription_event()).await;
    match told.expect("nothing is told any more") {
        Ok(SubscriptionEvent::Confirmed(_)) => Told::Confirmed,
        Ok(SubscriptionEvent::EventAppeared(event)) => Told::Event(event.get_original_event().revision),
        Ok(SubscriptionEvent::Checkpoint(position)) => Told::Checkpoint(position.commit),
        Ok(SubscriptionEvent::CaughtUp(place)) => {
            Told::CaughtUp { revision: place.and_then(|place| place.stream_revision) }
        }
        Ok(SubscriptionEvent::FellBehind(_)) => Told::FellBehind,
        Ok(other) => panic!("{other:?}"),
        Err(error) => Told::Ended(format!("{error:?}")),
    }
}

/// What a node says to a request over HTTP/1.1, head and all.
pub async fn answer(address: SocketAddr, request: String) -> String {
    let asked = tokio::task::spawn_blocking(move || {
        let mut connection = std::net::TcpStream::connect(address).unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    });
    asked.await.unwrap()
}

/// A figure of the node.
pub async fn metric(address: SocketAddr, name: &str) -> u64 {
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let answer = answer(address, request.to_owned()).await;
    let line = answer.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.trim().parse().ok()).unwrap_or_else(|| panic!("{name} in {answer}"))
}
