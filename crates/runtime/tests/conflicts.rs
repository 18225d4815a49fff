//! Several buses on one store.

use std::sync::atomic::Ordering;

use engine_runtime::{RuntimeOptions, SendError};
use engine_types::{CurrentRevision, ExpectedRevision, Revision};
use serde_json::json;

use crate::support::{
    account::{self, Account, AccountRejection},
    bus_on, bus_with, command_id, events_of,
    faulty::{Call, Fault, FaultyStore},
    foreign,
};

fn overtaken() -> Fault {
    Fault::Overtaken(vec![foreign("account-a", "MoneyDeposited", &json!({ "amount": 1 }))])
}

#[tokio::test]
async fn a_command_that_was_overtaken_is_decided_again_on_what_the_others_wrote() {
    let store = FaultyStore::new();
    let (one, other) = (bus_on(&store).await, bus_on(&store).await);
    one.send_command(account::create("a")).await.unwrap();
    other.send_command(account::deposit("a", 10)).await.unwrap();
    one.send_command(account::withdraw("a", 10)).await.unwrap();
    let receipt = other.send_command(account::withdraw("a", 10)).return_state().await.unwrap();

    assert_eq!(receipt.events, [account::PaymentDeclined { amount: 10, balance: 0 }]);
    assert_eq!(receipt.revision, CurrentRevision::At(Revision(3)));
}

#[tokio::test]
async fn a_refusal_is_never_based_on_an_old_state() {
    let store = FaultyStore::new();
    let (one, other) = (bus_on(&store).await, bus_on(&store).await);
    other.send_command(account::deposit("a", 1)).await.unwrap_err();
    one.send_command(account::create("a")).await.unwrap();
    other.send_command(account::deposit("a", 1)).await.unwrap();
    one.send_command(account::close("a")).await.unwrap();
    let error = other.send_command(account::create("a")).await.unwrap_err();
    assert!(matches!(error, SendError::Rejected(AccountRejection::Exists)));
}

#[tokio::test]
async fn an_answer_without_events_is_never_based_on_an_old_state() {
    let store = FaultyStore::new();
    let (one, other) = (bus_on(&store).await, bus_on(&store).await);
    one.send_command(account::create("a")).await.unwrap();
    one.send_command(account::rename("a", "red")).await.unwrap();
    other.send_command(account::rename("a", "blue")).await.unwrap();
    let receipt = one.send_command(account::rename("a", "red")).await.unwrap();
    assert_eq!(receipt.events.len(), 1);
}

#[tokio::test]
async fn an_explicit_expectation_that_is_wrong_is_a_conflict_with_the_actual_revision() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let appends = store.counts().appends.load(Ordering::Relaxed);
    for expected in [ExpectedRevision::NoStream, ExpectedRevision::Exact(Revision(7))] {
        let error = bus.send_command(account::deposit("a", 1)).expect(expected).await.unwrap_err();
        let SendError::Conflict { expected: told, actual, .. } = error else { panic!("{error}") };
        assert_eq!((told, actual), (expected, CurrentRevision::At(Revision(0))));
    }
    assert_eq!(store.counts().appends.load(Ordering::Relaxed), appends);

    let absent = bus.send_command(account::deposit("b", 1)).expect(ExpectedRevision::StreamExists).await;
    let SendError::Conflict { actual, .. } = absent.unwrap_err() else { panic!() };
    assert_eq!(actual, CurrentRevision::NoStream);
    bus.send_command(account::deposit("a", 1)).expect_revision(Revision(0)).await.unwrap();
}

#[tokio::test]
async fn a_command_with_an_expectation_is_not_decided_again_when_it_was_overtaken() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    store.next(Call::Append, [overtaken()]);
    let error = bus.send_command(account::deposit("a", 1)).expect_revision(Revision(0)).await.unwrap_err();

    let SendError::Conflict { expected, actual, .. } = error else { panic!("{error}") };
    assert_eq!(expected, ExpectedRevision::Exact(Revision(0)));
    assert_eq!(actual, CurrentRevision::At(Revision(1)));
    assert_eq!(events_of(&store, "account-a").await.len(), 2);
}

#[tokio::test]
async fn an_expectation_that_still_holds_after_others_wrote_is_no_conflict() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    store.next(Call::Append, [overtaken()]);
    let receipt =
        bus.send_command(account::deposit("a", 1)).expect(ExpectedRevision::StreamExists).await.unwrap();
    assert_eq!(receipt.revision, CurrentRevision::At(Revision(2)));
}

#[tokio::test]
async fn an_expectation_is_compared_with_what_is_there_not_with_what_is_cached() {
    let store = FaultyStore::new();
    let (one, other) = (bus_on(&store).await, bus_on(&store).await);
    one.send_command(account::create("a")).await.unwrap();
    other.send_command(account::deposit("a", 1)).await.unwrap();
    one.send_command(account::deposit("a", 1)).expect_revision(Revision(1)).await.unwrap();
}

#[tokio::test]
async fn a_command_that_is_overtaken_again_and_again_gives_up_after_ten_retries() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    store.plan(|call| (call == Call::Append).then(overtaken));
    let error = bus.send_command(account::deposit("a", 500)).await.unwrap_err();
    let SendError::TooManyConflicts { attempts, .. } = error else { panic!("{error}") };
    assert_eq!(attempts, 11);

    store.plan(|_| None);
    let state = bus.state::<Account>("a", None).await.unwrap().unwrap();
    assert_eq!(state.state.balance, 11, "only what the others paid in");
}

#[tokio::test]
async fn the_number_of_retries_can_be_chosen() {
    for retries in [0, 1, u32::MAX] {
        let store = FaultyStore::new();
        let options = RuntimeOptions { conflict_retries: retries, ..RuntimeOptions::default() };
        let bus = bus_with(&store, options).await;
        bus.send_command(account::create("a")).await.unwrap();
        store.next(Call::Append, [overtaken()]);
        let answer = bus.send_command(account::deposit("a", 1)).command_id(command_id(1)).await;
        assert_eq!(answer.is_ok(), retries > 0);
    }
}
