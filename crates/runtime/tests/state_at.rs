//! The state of an instance, now and as it was.

use engine_runtime::SendError;
use engine_types::Revision;

use crate::support::{
    account::{self, Account},
    bus_on,
    faulty::FaultyStore,
    meter::{self, Meter},
};

#[tokio::test]
async fn the_state_is_told_as_it_was_at_each_revision() {
    let bus = bus_on(&FaultyStore::new()).await;
    bus.send_command(account::create("a")).await.unwrap();
    bus.send_command(account::deposit_many("a", &[1, 2, 3])).await.unwrap();
    for (revision, balance) in [(0, 0), (1, 1), (2, 3), (3, 6)] {
        let at = Some(Revision(revision));
        let state = bus.state::<Account>("a", at).await.unwrap().unwrap();
        assert_eq!((state.state.balance, state.revision), (balance, Revision(revision)));
    }
    let now = bus.state::<Account>("a", None).await.unwrap().unwrap();
    assert_eq!((now.state.balance, now.revision), (6, Revision(3)));
}

#[tokio::test]
async fn a_snapshot_helps_with_what_is_behind_it_only() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    for _ in 0..8 {
        bus.send_command(meter::count("m", 1)).await.unwrap();
        // On one thread, the snapshot that was spawned before runs before.
        tokio::task::yield_now().await;
    }
    bus.close().await.unwrap();
    for revision in 0..8 {
        store.take_events_read();
        let state = bus.state::<Meter>("m", Some(Revision(revision))).await.unwrap().unwrap();
        assert_eq!(state.state.total, revision + 1);
    }
    assert!(store.take_events_read() <= 4, "the last, the one at the snapshot, and the two behind it");
}

#[tokio::test]
async fn a_revision_beyond_the_end_is_invalid_and_says_where_the_end_is() {
    let bus = bus_on(&FaultyStore::new()).await;
    bus.send_command(account::create("a")).await.unwrap();
    let error = bus.state::<Account>("a", Some(Revision(1))).await.unwrap_err();
    let SendError::Invalid(fault) = error else { panic!("{error}") };
    assert_eq!(fault.field.as_deref(), Some("at"));
    assert!(fault.message.contains("revision 0"), "{fault}");
}

#[tokio::test]
async fn an_instance_without_events_has_no_state_at_any_revision() {
    let bus = bus_on(&FaultyStore::new()).await;
    assert!(bus.state::<Account>("a", None).await.unwrap().is_none());
    assert!(bus.state::<Account>("a", Some(Revision(0))).await.unwrap().is_none());
    assert!(bus.state::<Account>("", None).await.is_err());
}

#[tokio::test]
async fn the_state_is_the_newest_whoever_wrote_it() {
    let store = FaultyStore::new();
    let (one, other) = (bus_on(&store).await, bus_on(&store).await);
    one.send_command(account::create("a")).await.unwrap();
    other.send_command(account::deposit("a", 5)).await.unwrap();
    assert_eq!(one.state::<Account>("a", None).await.unwrap().unwrap().state.balance, 5);
}

#[tokio::test]
async fn an_aggregate_that_is_not_registered_has_no_state() {
    let bus = bus_on(&FaultyStore::new()).await;
    let error = bus.state::<meter::NewMeter>("m", None).await.unwrap_err();
    assert_eq!(error.kind(), "unknown_category");
    let error = bus.state_by_name("acount", "a", None).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no aggregate of category `acount`; did you mean `account`?");
}

#[tokio::test]
async fn a_command_is_decided_against_the_state_as_it_was_and_nothing_is_stored() {
    let bus = bus_on(&FaultyStore::new()).await;
    bus.send_command(account::create("a")).await.unwrap();
    bus.send_command(account::deposit("a", 5)).await.unwrap();
    let again = || engine_runtime::Body::Json(serde_json::json!({ "id": "a" }));
    let name = <account::CreateAccount as engine_types::Command>::NAME;
    let refused = bus.dry_run_by_name_at(name, again(), Revision(1)).await.unwrap_err();
    assert_eq!(refused.kind(), "rejected");
    let beyond = bus.dry_run_by_name_at(name, again(), Revision(2)).await.unwrap_err();
    assert_eq!(beyond.kind(), "invalid");
    let now = bus.state::<Account>("a", None).await.unwrap().unwrap();
    assert_eq!(now.revision, Revision(1));
}
