//! Panics in the domain's code.

use engine_runtime::SendError;

use crate::support::{
    account::{self, Account, CurseAccount, PanicNow},
    bus_on, events_of,
    faulty::FaultyStore,
    foreign,
};

#[tokio::test]
async fn a_panic_while_deciding_is_an_internal_error_and_the_instance_goes_on() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let error = bus.send_command(PanicNow { id: "a".into() }).await.unwrap_err();
    let SendError::Internal(fault) = error else { panic!("{error}") };
    assert_eq!(fault, "`decide` panicked: no decision");
    bus.send_command(account::deposit("a", 1)).await.unwrap();
}

#[tokio::test]
async fn events_that_the_state_does_not_survive_are_not_stored() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let error = bus.send_command(CurseAccount { id: "a".into() }).await.unwrap_err();
    let SendError::Internal(fault) = error else { panic!("{error}") };
    assert_eq!(fault, "`evolve` panicked: a curse");
    assert_eq!(events_of(&store, "account-a").await.len(), 1);
    let receipt = bus.send_command(account::deposit("a", 1)).return_state().await.unwrap();
    assert_eq!(receipt.state.unwrap().balance, 1);
}

#[tokio::test]
async fn a_stored_event_that_the_state_does_not_survive_is_named_and_harms_no_other_instance() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    engine_store::EventStore::append(&store, foreign("account-a", "AccountCursed", &serde_json::json!({})))
        .await
        .unwrap();
    for _ in 0..2 {
        let error = bus.state::<Account>("a", None).await.unwrap_err();
        assert_eq!(error.to_string(), "stream `account-a` revision 1: `evolve` panicked: a curse");
    }
    bus.send_command(account::create("b")).await.unwrap();
}
