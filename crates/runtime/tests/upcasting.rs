//! Events of older versions, read as what they mean today.

use engine_runtime::SendError;
use engine_store::EventStore;
use engine_types::{CurrentRevision, Revision};
use serde_json::json;

use crate::support::{
    account::{self, Account},
    bus_on, events_of,
    faulty::FaultyStore,
    foreign,
};

async fn store_with(events: &[(&str, serde_json::Value)]) -> FaultyStore {
    let store = FaultyStore::new();
    for (event_type, data) in events {
        store.append(foreign("account-a", event_type, data)).await.unwrap();
    }
    store
}

#[tokio::test]
async fn old_events_are_read_as_none_as_one_and_as_several() {
    let store = store_with(&[
        ("AccountLookedAt", json!({ "by": "jsdf" })),
        ("AccountCreated", json!({})),
        ("AccountRenamed", json!({ "title": "savings" })),
        ("MoneyPaidIn", json!({ "amount": 1 })),
        ("MoneyPaidInTwice", json!({ "amount": 10 })),
        ("AccountLookedAt", json!({ "by": "jsdf" })),
    ])
    .await;
    let bus = bus_on(&store).await;
    let state = bus.state::<Account>("a", None).await.unwrap().unwrap();
    assert_eq!((state.state.balance, state.state.name.as_str()), (21, "savings"));
    assert_eq!(state.revision, Revision(5), "an event that is read as none still counts");
    let receipt = bus.send_command(account::deposit("a", 1)).await.unwrap();
    assert_eq!(receipt.revision, CurrentRevision::At(Revision(6)));
    for (revision, balance) in [(2, 0), (3, 1), (4, 21), (5, 21)] {
        let past = bus.state::<Account>("a", Some(Revision(revision))).await.unwrap().unwrap();
        assert_eq!(past.state.balance, balance);
    }
}

#[tokio::test]
async fn a_stream_of_events_that_mean_nothing_today_exists() {
    let store = store_with(&[("AccountLookedAt", json!({}))]).await;
    let bus = bus_on(&store).await;
    let state = bus.state::<Account>("a", None).await.unwrap().unwrap();
    assert_eq!((state.state, state.revision), (Account::default(), Revision(0)));
    bus.send_command(account::create("a")).await.unwrap();
}

#[tokio::test]
async fn an_event_that_cannot_be_read_names_its_place_and_nothing_is_written() {
    let store =
        store_with(&[("AccountCreated", json!({})), ("MoneyDeposited", json!({ "amount": -1 }))]).await;
    let bus = bus_on(&store).await;
    for _ in 0..2 {
        let error = bus.send_command(account::deposit("a", 1)).await.unwrap_err();
        let SendError::Unreadable { stream, revision, .. } = &error else { panic!("{error}") };
        assert_eq!((stream.as_str(), *revision), ("account-a", 1));
    }
    assert_eq!(events_of(&store, "account-a").await.len(), 2);
}

#[tokio::test]
async fn events_of_the_system_are_passed_over() {
    let store = store_with(&[("$note", json!({})), ("AccountCreated", json!({}))]).await;
    let bus = bus_on(&store).await;
    bus.send_command(account::deposit("a", 1)).await.unwrap();
}

#[tokio::test]
async fn metadata_that_others_wrote_in_their_own_form_does_no_harm() {
    let store = FaultyStore::new();
    for metadata in ["", "[1, 2]", "not json", r#"{"$causationId": 7, "$schemaVersion": 1}"#] {
        let mut request = foreign("account-a", "AccountCreated", &json!({}));
        request.streams[0].events[0].metadata = bytes::Bytes::from(metadata);
        store.append(request).await.unwrap();
    }
    let bus = bus_on(&store).await;
    let id = crate::support::command_id(1);
    bus.send_command(account::deposit("a", 1)).command_id(id).await.unwrap();
    assert!(bus.send_command(account::deposit("a", 1)).command_id(id).await.unwrap().duplicate);
}
