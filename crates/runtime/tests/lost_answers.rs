//! The store's answer is lost, or the store cannot be used.

use engine_runtime::SendError;
use engine_types::{CurrentRevision, ExpectedRevision, Revision};
use serde_json::json;

use crate::support::{
    account::{self, Account},
    bus_on, command_id, events_of,
    faulty::{Call, Fault, FaultyStore},
    foreign, types_of,
};

#[tokio::test]
async fn a_command_whose_answer_was_lost_takes_effect_once() {
    for fault in [Fault::LostAfter, Fault::LostBefore] {
        let store = FaultyStore::new();
        let bus = bus_on(&store).await;
        bus.send_command(account::create("a")).await.unwrap();
        store.next(Call::Append, [fault]);
        let receipt = bus.send_command(account::deposit_many("a", &[1, 2])).return_state().await.unwrap();

        assert_eq!(receipt.revision, CurrentRevision::At(Revision(2)));
        assert_eq!(receipt.position, events_of(&store, "account-a").await.last().map(|event| event.position));
        assert_eq!(receipt.events.len(), 2);
        assert_eq!(receipt.state.unwrap().balance, 3);
        assert_eq!(types_of(&store, "account-a").await.len(), 3);
    }
}

#[tokio::test]
async fn a_lost_answer_takes_effect_once_without_any_window_for_repeated_commands() {
    let store = FaultyStore::new();
    let options = engine_runtime::RuntimeOptions { deduplication_window: 0, ..Default::default() };
    let bus = crate::support::bus_with(&store, options).await;
    bus.send_command(account::create("a")).await.unwrap();
    store.next(Call::Append, [Fault::LostAfter, Fault::LostAfter]);
    bus.send_command(account::deposit("a", 1)).await.unwrap();
    assert_eq!(types_of(&store, "account-a").await.len(), 2);
}

#[tokio::test]
async fn a_lost_answer_with_an_expectation_is_no_conflict_with_oneself() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    store.next(Call::Append, [Fault::LostAfter]);
    bus.send_command(account::create("a")).expect(ExpectedRevision::NoStream).await.unwrap();
    store.next(Call::Append, [Fault::LostAfter]);
    bus.send_command(account::deposit("a", 1)).expect_revision(Revision(0)).await.unwrap();
    assert_eq!(types_of(&store, "account-a").await.len(), 2);
}

#[tokio::test]
async fn answers_that_are_lost_again_and_again_end_as_unknown() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    store.plan(|call| (call == Call::Append).then_some(Fault::LostAfter));
    let error = bus.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap_err();
    assert_eq!(error.kind(), "outcome_unknown");
    assert!(error.to_string().contains(&command_id(1).to_string()), "{error}");

    store.plan(|_| None);
    let receipt = bus.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap();
    assert!(receipt.duplicate);
    assert_eq!(types_of(&store, "account-a").await.len(), 2);
}

#[tokio::test]
async fn nothing_is_called_unwritten_while_an_answer_is_missing() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let mut appends = 0;
    store.plan(move |call| {
        appends += usize::from(call == Call::Append);
        match (call, appends) {
            (Call::Append, 1) => Some(Fault::LostAfter),
            (_, 0) => None,
            _ => Some(Fault::Unavailable),
        }
    });
    let error = bus.send_command(account::deposit("a", 1)).await.unwrap_err();
    assert_eq!(error.kind(), "outcome_unknown", "{error}");
}

#[tokio::test]
async fn a_command_that_is_stored_but_whose_answer_cannot_be_read_is_not_called_unwritten() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let mut appends = 0;
    store.plan(move |call| {
        appends += usize::from(call == Call::Append);
        match (call, appends) {
            (Call::Append, 1) => Some(Fault::LostAfter),
            (Call::Read, 2) => Some(Fault::Unavailable),
            _ => None,
        }
    });
    let send = || bus.send_command(account::deposit("a", 1)).command_id(command_id(1));
    assert_eq!(send().await.unwrap_err().kind(), "outcome_unknown");
    store.plan(|_| None);
    assert!(send().await.unwrap().duplicate);
}

#[tokio::test]
async fn an_answer_that_an_earlier_sending_was_given_is_never_told_as_new() {
    let store = FaultyStore::new();
    let (one, other) = (bus_on(&store).await, bus_on(&store).await);
    other.send_command(account::create("a")).command_id(command_id(0)).await.unwrap();
    one.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap();
    store.next(Call::Append, [Fault::LostBefore]);
    let again = other.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap();
    assert!(again.duplicate);
}

#[tokio::test]
async fn a_lost_answer_and_other_writers_together_still_take_effect_once() {
    for first in [Fault::LostAfter, Fault::LostBefore] {
        let store = FaultyStore::new();
        let bus = bus_on(&store).await;
        bus.send_command(account::create("a")).await.unwrap();
        let others = vec![foreign("account-a", "MoneyDeposited", &json!({ "amount": 100 }))];
        store.next(Call::Append, [first, Fault::Overtaken(others)]);
        bus.send_command(account::deposit("a", 1)).await.unwrap();
        let state = bus.state::<Account>("a", None).await.unwrap().unwrap();
        assert_eq!((state.state.balance, state.revision), (101, Revision(2)));
    }
}

#[tokio::test]
async fn a_store_that_cannot_write_is_told_and_used_again_when_it_can() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    store.next(Call::Append, [Fault::Unavailable]);
    let error = bus.send_command(account::deposit("a", 1)).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error}");
    let receipt = bus.send_command(account::deposit("a", 1)).return_state().await.unwrap();
    assert_eq!(receipt.state.unwrap().balance, 1);
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_told_and_used_again_when_it_can() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    store.next(Call::Read, [Fault::Unavailable]);
    let error = bus.send_command(account::create("a")).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error}");
    bus.send_command(account::create("a")).await.unwrap();
}
