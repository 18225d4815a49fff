//! Streams that are deleted, closed for ever, or cut, while the runtime knows them.

use engine_runtime::{RuntimeOptions, SendError};
use engine_store::{DeleteMode, EventStore, StreamMetadata};
use engine_types::{CurrentRevision, ExpectedRevision, Revision};
use serde_json::json;

use crate::support::{
    account::{self, Account, AccountRejection},
    bus_on, bus_with, command_id,
    faulty::{Call, Fault, FaultyStore, Gate},
    foreign,
    meter::{self, Meter},
    stream, types_of,
};

async fn delete(store: &FaultyStore, name: &str, mode: DeleteMode) {
    store.delete_stream(&stream(name), ExpectedRevision::Any, mode).await.unwrap();
}

async fn truncate(store: &FaultyStore, name: &str, before: u64) {
    let metadata = StreamMetadata { truncate_before: Some(before), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream(name), ExpectedRevision::Any, metadata).await.unwrap();
}

#[tokio::test]
async fn an_instance_whose_stream_was_deleted_begins_anew_and_its_revisions_go_on() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    bus.send_command(account::deposit("a", 5)).await.unwrap();
    delete(&store, "account-a", DeleteMode::Soft).await;

    let error = bus.send_command(account::create("a")).expect(ExpectedRevision::StreamExists).await;
    assert_eq!(error.unwrap_err().kind(), "conflict");
    let receipt = bus.send_command(account::create("a")).return_state().await.unwrap();
    assert_eq!(receipt.revision, CurrentRevision::At(Revision(2)));
    assert_eq!(receipt.state.unwrap().balance, 0);
    let receipt = bus.send_command(account::deposit("a", 1)).return_state().await.unwrap();
    assert_eq!((receipt.revision, receipt.state.unwrap().balance), (CurrentRevision::At(Revision(3)), 1));
}

#[tokio::test]
async fn an_instance_that_was_deleted_and_revived_by_others_has_the_state_of_its_new_events() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    bus.send_command(account::deposit("a", 5)).await.unwrap();
    delete(&store, "account-a", DeleteMode::Soft).await;
    store.append(foreign("account-a", "AccountCreated", &json!({}))).await.unwrap();

    let state = bus.state::<Account>("a", None).await.unwrap().unwrap();
    assert_eq!((state.state.balance, state.revision), (0, Revision(2)));
}

#[tokio::test]
async fn an_instance_that_was_closed_for_ever_takes_no_commands_whatever_is_cached() {
    let store = FaultyStore::new();
    let (bus, restarted) = (bus_on(&store).await, bus_on(&store).await);
    bus.send_command(account::create("a")).await.unwrap();
    delete(&store, "account-a", DeleteMode::Tombstone).await;
    for bus in [&bus, &restarted] {
        let accepted = bus.send_command(account::deposit("a", 1)).await.unwrap_err();
        let refused = bus.send_command(account::create("a")).await.unwrap_err();
        let state = bus.state::<Account>("a", None).await.unwrap_err();
        assert!(matches!(accepted, SendError::Deleted(_)), "{accepted}");
        assert!(matches!(refused, SendError::Deleted(_)), "{refused}");
        assert!(matches!(state, SendError::Deleted(_)), "{state}");
    }
}

#[tokio::test]
async fn a_snapshot_of_a_stream_that_was_deleted_and_revived_is_passed_over() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    for _ in 0..meter::SNAPSHOT_EVERY {
        bus.send_command(meter::count("m", 100)).await.unwrap();
    }
    bus.close().await.unwrap();
    delete(&store, "meter-m", DeleteMode::Soft).await;
    store.append(foreign("meter-m", "Counted", &json!({ "by": 1 }))).await.unwrap();

    let state = bus_on(&store).await.state::<Meter>("m", None).await.unwrap().unwrap();
    assert_eq!((state.state.total, state.revision), (1, Revision(3)));
    let past = bus_on(&store).await.state::<Meter>("m", Some(Revision(3))).await.unwrap().unwrap();
    assert_eq!(past.state.total, 1);
}

#[tokio::test]
async fn the_events_before_a_snapshot_may_be_cut_away() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    for _ in 0..4 {
        bus.send_command(meter::count("m", 1)).await.unwrap();
    }
    bus.close().await.unwrap();
    truncate(&store, "meter-m", 2).await;
    let restarted = bus_on(&store).await;
    let state = restarted.state::<Meter>("m", None).await.unwrap().unwrap();
    assert_eq!((state.state.total, state.revision), (4, Revision(3)));
    restarted.send_command(meter::count("m", 1)).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_was_cut_behind_its_snapshot_has_the_state_of_what_is_left() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    for _ in 0..5 {
        bus.send_command(meter::count("m", 1)).await.unwrap();
    }
    bus.close().await.unwrap();
    truncate(&store, "meter-m", 4).await;
    for bus in [bus_on(&store).await, bus] {
        bus.send_command(meter::count("m", 0)).await.unwrap();
        let fresh = bus_on(&store).await.state::<Meter>("m", None).await.unwrap().unwrap();
        assert_eq!(fresh.state.total, 1);
    }
}

#[tokio::test]
async fn a_stream_of_which_nothing_can_be_read_goes_on_after_its_last_revision() {
    let store = FaultyStore::new();
    bus_on(&store).await.send_command(account::create("a")).await.unwrap();
    truncate(&store, "account-a", 1).await;
    let bus = bus_on(&store).await;
    assert!(bus.state::<Account>("a", None).await.unwrap().is_none());
    let receipt = bus.send_command(account::create("a")).await.unwrap();
    assert_eq!(receipt.revision, CurrentRevision::At(Revision(1)));
}

#[tokio::test]
async fn a_stream_that_is_cut_while_it_is_loaded_is_loaded_again() {
    let store = FaultyStore::new();
    let writer = bus_on(&store).await;
    writer.send_command(account::create("a")).await.unwrap();
    writer.send_command(account::deposit_many("a", &[1; 9])).await.unwrap();
    let bus = bus_with(&store, RuntimeOptions { load_page_events: 3, ..RuntimeOptions::default() }).await;
    let gate = Gate::closed();
    let (held, mut reads) = (gate.clone(), 0);
    store.plan(move |_| {
        reads += 1;
        (reads == 2).then(|| Fault::Held(held.clone()))
    });
    let load = tokio::spawn(async move { bus.state::<Account>("a", None).await });
    gate.arrival().await;
    truncate(&store, "account-a", 7).await;
    gate.open();
    let state = load.await.unwrap().unwrap().unwrap();
    assert_eq!((state.state.balance, state.revision), (3, Revision(9)));
}

#[tokio::test]
async fn a_stream_that_is_cut_at_every_look_is_no_state_but_an_error() {
    let store = FaultyStore::new();
    let writer = bus_on(&store).await;
    writer.send_command(account::create("a")).await.unwrap();
    writer.send_command(account::deposit_many("a", &[1; 200])).await.unwrap();
    let bus = bus_with(&store, RuntimeOptions { load_page_events: 2, ..RuntimeOptions::default() }).await;
    let (cut, mut before) = (store.healthy().clone(), 0);
    store.plan(move |call| {
        before += 7;
        let metadata = json!({ "$tb": before });
        (call == Call::Read).then(|| Fault::Overtaken(vec![foreign("$$account-a", "$metadata", &metadata)]))
    });
    let error = bus.state::<Account>("a", None).await.unwrap_err();
    assert_eq!(error.kind(), "unavailable", "{error}");
    store.plan(|_| None);
    let first = cut.stream_metadata(&stream("account-a")).await.unwrap().0.truncate_before.unwrap();
    let state = bus.state::<Account>("a", None).await.unwrap().unwrap();
    assert_eq!(state.state.balance, 201 - first);
}

#[tokio::test]
async fn a_lost_answer_at_a_stream_that_was_deleted_is_no_refusal_for_what_was_done() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    delete(&store, "account-a", DeleteMode::Soft).await;
    let bus = bus_on(&store).await;
    store.next(Call::Append, [Fault::LostAfter]);
    let receipt = bus.send_command(account::create("a")).await.unwrap();
    assert_eq!(receipt.revision, CurrentRevision::At(Revision(1)));
    assert_eq!(types_of(&store, "account-a").await, ["AccountCreated"]);
}

#[tokio::test]
async fn a_repeated_command_whose_events_were_deleted_does_not_take_effect_again() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let first = bus.send_command(account::create("a")).command_id(command_id(1)).await.unwrap();
    delete(&store, "account-a", DeleteMode::Soft).await;
    for bus in [&bus, &bus_on(&store).await] {
        let again = bus.send_command(account::create("a")).command_id(command_id(1)).await.unwrap();
        assert!(again.duplicate && again.events.is_empty());
        assert_eq!(again.revision, first.revision);
    }
    assert!(types_of(&store, "account-a").await.is_empty());
    let refused = bus.send_command(account::deposit("a", 1)).await.unwrap_err();
    assert!(matches!(refused, SendError::Rejected(AccountRejection::Absent)), "{refused}");
}
