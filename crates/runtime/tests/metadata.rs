//! What is stored beside the data of an event.

use engine_runtime::SendError;
use engine_types::ExpectedRevision;
use serde_json::{Value, json};

use crate::support::{account, bus_on, command_id, events_of, faulty::FaultyStore, types_of};

async fn metadata_of_last(store: &FaultyStore) -> Value {
    let events = events_of(store, "account-a").await;
    serde_json::from_slice(&events.last().unwrap().metadata).unwrap()
}

#[tokio::test]
async fn the_correlation_id_is_the_command_id_where_none_is_given() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).command_id(command_id(1)).await.unwrap();
    let id = command_id(1).to_string();
    let metadata = json!({ "$correlationId": id, "$causationId": id, "$command": "CreateAccount" });
    assert_eq!(metadata_of_last(&store).await, metadata);
}

#[tokio::test]
async fn ids_and_the_senders_own_entries_are_stored_as_given() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a"))
        .command_id(command_id(1))
        .correlation_id("a chain")
        .causation_id("an event")
        .metadata("user", "jsdf")
        .metadata("roles", json!(["clerk", 7]))
        .await
        .unwrap();
    assert_eq!(
        metadata_of_last(&store).await,
        json!({
            "$correlationId": "a chain",
            "$causationId": command_id(1).to_string(),
            "$command": "CreateAccount",
            "$commandCausationId": "an event",
            "user": "jsdf",
            "roles": ["clerk", 7],
        })
    );
}

#[tokio::test]
async fn the_version_of_an_events_form_is_stored_when_it_is_not_the_first() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    assert_eq!(metadata_of_last(&store).await.get("$schemaVersion"), None);
    bus.send_command(account::rename("a", "savings")).await.unwrap();
    assert_eq!(metadata_of_last(&store).await["$schemaVersion"], 2);
}

#[tokio::test]
async fn keys_that_are_the_engines_are_refused_and_nothing_is_written() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let error = bus.send_command(account::create("a")).metadata("$schemaVersion", 7).await.unwrap_err();
    let SendError::Invalid(fault) = error else { panic!("{error}") };
    assert_eq!(fault.field.as_deref(), Some("metadata"));
    assert!(fault.message.contains("$schemaVersion"), "{fault}");
    assert!(types_of(&store, "account-a").await.is_empty());
}

#[tokio::test]
async fn the_ids_of_events_follow_from_the_id_of_their_command() {
    let (one, other) = (FaultyStore::new(), FaultyStore::new());
    for store in [&one, &other] {
        let bus = bus_on(store).await;
        bus.send_command(account::create("a")).command_id(command_id(1)).await.unwrap();
        bus.send_command(account::deposit_many("a", &[1, 2])).command_id(command_id(2)).await.unwrap();
    }
    let ids = |events: Vec<engine_store::RecordedEvent>| -> Vec<_> {
        events.into_iter().map(|event| event.id).collect()
    };
    let written = ids(events_of(&one, "account-a").await);
    assert_eq!(written, ids(events_of(&other, "account-a").await));
    assert_eq!(
        written,
        [
            command_id(1).event_id("account-a", 0),
            command_id(2).event_id("account-a", 0),
            command_id(2).event_id("account-a", 1)
        ]
    );
}

#[tokio::test]
async fn an_event_that_is_too_large_is_the_senders_fault() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let huge = "x".repeat(17 * 1024 * 1024);
    let error = bus
        .send_command(account::create("a"))
        .metadata("huge", huge)
        .expect(ExpectedRevision::NoStream)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), "invalid");
    bus.send_command(account::create("a")).await.unwrap();
}
