//! What a sender is told.

use engine_runtime::SendError;
use engine_store::EventStore;
use engine_types::{CorrelationId, CurrentRevision, Position, Revision};

use crate::support::{
    account::{self, Account, AccountEvent::*, AccountRejection, Status},
    bus_on, command_id, events_of,
    faulty::FaultyStore,
    stream, types_of,
};

#[tokio::test]
async fn a_receipt_tells_stream_revision_position_and_events() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("other")).await.unwrap();
    bus.send_command(account::create("a")).await.unwrap();
    let receipt = bus.send_command(account::deposit("a", 23)).command_id(command_id(1)).await.unwrap();

    assert_eq!(receipt.stream, stream("account-a"));
    assert_eq!(receipt.revision, CurrentRevision::At(Revision(1)));
    assert_eq!(receipt.position, Some(Position(2)));
    assert_eq!(receipt.events, [MoneyDeposited { amount: 23 }]);
    assert_eq!(receipt.command_id, command_id(1));
    assert_eq!(receipt.correlation_id, CorrelationId::from(command_id(1).0));
    assert_eq!(receipt.state, None);
    assert!(!receipt.duplicate);
}

#[tokio::test]
async fn the_state_after_the_events_comes_when_it_is_asked_for() {
    let bus = bus_on(&FaultyStore::new()).await;
    bus.send_command(account::create("a")).await.unwrap();
    let receipt = bus.send_command(account::deposit("a", 23)).return_state().await.unwrap();
    assert_eq!(receipt.state, Some(Account { status: Status::Open, balance: 23, name: String::new() }));
}

#[tokio::test]
async fn several_events_are_stored_together_and_the_receipt_names_the_last() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let receipt = bus.send_command(account::deposit_many("a", &[1, 2, 3])).await.unwrap();

    assert_eq!(receipt.events.len(), 3);
    assert_eq!(receipt.revision, CurrentRevision::At(Revision(3)));
    let stored = events_of(&store, "account-a").await;
    assert_eq!(receipt.position, stored.last().map(|event| event.position));
}

#[tokio::test]
async fn each_step_of_a_decision_sees_the_state_after_the_steps_before_it() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let too_much_together = [account::LIMIT - 1, 1, 1];
    let error = bus.send_command(account::deposit_many("a", &too_much_together)).await.unwrap_err();

    assert!(matches!(error, SendError::Rejected(AccountRejection::TooMuch(_))), "{error}");
    assert_eq!(types_of(&store, "account-a").await, ["AccountCreated"]);
    bus.send_command(account::deposit_many("a", &too_much_together[..2])).await.unwrap();
}

#[tokio::test]
async fn a_refusal_writes_nothing_and_leaves_the_instance_at_work() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let error = bus.send_command(account::deposit("a", 1)).await.unwrap_err();
    assert!(matches!(error, SendError::Rejected(AccountRejection::Absent)), "{error}");
    assert_eq!(error.to_string(), "the account does not exist");
    assert_eq!(store.head().await.unwrap(), None);

    bus.send_command(account::create("a")).await.unwrap();
    bus.send_command(account::deposit("a", 1)).await.unwrap();
}

#[tokio::test]
async fn an_answer_without_events_writes_nothing_and_tells_where_the_instance_is() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let receipt = bus.send_command(account::rename("a", "")).return_state().await.unwrap();

    assert!(receipt.events.is_empty());
    assert_eq!(receipt.position, None);
    assert_eq!(receipt.revision, CurrentRevision::At(Revision(0)));
    assert!(receipt.state.is_some());
    assert_eq!(types_of(&store, "account-a").await.len(), 1);
}

#[tokio::test]
async fn an_id_that_no_stream_can_have_names_its_field() {
    let bus = bus_on(&FaultyStore::new()).await;
    for id in ["", "a b", "a/b", &"x".repeat(1_000)] {
        let error = bus.send_command(account::create(id)).await.unwrap_err();
        let SendError::Invalid(fault) = error else { panic!("{id:?}: {error}") };
        assert_eq!(fault.field.as_deref(), Some("id"));
    }
}
