//! What the tests share: small domains, a store that fails on demand, and ways to look at what was stored.

pub mod account;
pub mod faulty;
pub mod meter;
pub mod random;
pub mod sparse;

use std::sync::Arc;

use engine_runtime::{App, Bus, RuntimeOptions};
use engine_store::{AppendRequest, EventStore, NewEvent, ReadError, ReadStream, RecordedEvent};
use engine_types::{CommandId, ExpectedRevision, StreamName};
use serde_json::Value;
use uuid::Uuid;

use faulty::FaultyStore;

/// A stream's name.
pub fn stream(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

/// The command id with this number.
pub fn command_id(number: u128) -> CommandId {
    CommandId(Uuid::from_u128(0xC0_0000 + number))
}

/// A bus with accounts and meters over a store.
pub async fn bus_on(store: &FaultyStore) -> Bus {
    bus_with(store, RuntimeOptions::default()).await
}

/// The same, with other bounds.
pub async fn bus_with(store: &FaultyStore, options: RuntimeOptions) -> Bus {
    app().options(options).start(Arc::new(store.clone())).await.unwrap()
}

/// The application that most tests use.
pub fn app() -> App {
    meter::register(account::register(App::new("tests")))
}

/// All events of a stream that can be read; none where there is no stream.
pub async fn events_of(store: &dyn EventStore, name: &str) -> Vec<RecordedEvent> {
    match store.read_stream(ReadStream::forwards(stream(name)).limit(100_000)).await {
        Ok(page) => page.events,
        Err(ReadError::StreamNotFound { .. }) => Vec::new(),
        Err(error) => panic!("{error}"),
    }
}

/// The types of the events of a stream.
pub async fn types_of(store: &dyn EventStore, name: &str) -> Vec<String> {
    events_of(store, name).await.iter().map(|event| event.event_type.to_string()).collect()
}

/// The append of one event by somebody else, whatever is there.
pub fn foreign(name: &str, event_type: &str, data: &Value) -> AppendRequest {
    let event = NewEvent::json(Uuid::now_v7(), event_type, data).unwrap();
    AppendRequest::to(stream(name), ExpectedRevision::Any, vec![event])
}
