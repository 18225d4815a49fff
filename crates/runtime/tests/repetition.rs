//! A command id that was seen before gives the first answer again.

use engine_runtime::{Receipt, RuntimeOptions, SendError};
use engine_types::{CurrentRevision, Revision};

use crate::support::{
    account::{self, Account, AccountEvent::*},
    bus_on, bus_with, command_id,
    faulty::FaultyStore,
    meter::{self, Meter},
    types_of,
};

#[track_caller]
fn assert_first_answer<A: engine_types::Aggregate>(first: &Receipt<A>, again: &Receipt<A>)
where
    A::Event: std::fmt::Debug + PartialEq,
{
    assert!(!first.duplicate && again.duplicate);
    assert_eq!(first.events, again.events);
    assert_eq!((first.revision, first.position), (again.revision, again.position));
    assert_eq!((&first.stream, first.command_id), (&again.stream, again.command_id));
    assert_eq!(first.correlation_id, again.correlation_id);
}

#[tokio::test]
async fn a_command_that_is_sent_twice_takes_effect_once() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let send = || bus.send_command(account::deposit("a", 1)).command_id(command_id(1));
    let first = send().correlation_id("a chain").await.unwrap();
    bus.send_command(account::deposit("a", 5)).await.unwrap();
    assert_first_answer(&first, &send().await.unwrap());
    assert_eq!(types_of(&store, "account-a").await.len(), 3);
}

#[tokio::test]
async fn a_command_that_could_not_succeed_twice_still_gives_its_first_answer() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let first = bus.send_command(account::create("a")).command_id(command_id(1)).await.unwrap();
    let again = bus.send_command(account::create("a")).command_id(command_id(1)).await.unwrap();
    assert_first_answer(&first, &again);
}

#[tokio::test]
async fn the_first_answer_comes_again_after_a_restart() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let send = account::deposit_many("a", &[1, 2, 3]);
    let first = bus.send_command(send.clone()).command_id(command_id(1)).await.unwrap();
    bus.send_command(account::deposit("a", 5)).await.unwrap();
    let again = bus_on(&store).await.send_command(send).command_id(command_id(1)).await.unwrap();
    assert_first_answer(&first, &again);
    assert_eq!(again.events.len(), 3);
}

#[tokio::test]
async fn the_first_answer_comes_again_from_behind_a_snapshot() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let first = bus.send_command(meter::count_events("m", 1, 2)).command_id(command_id(1)).await.unwrap();
    for _ in 0..5 {
        bus.send_command(meter::count("m", 1)).await.unwrap();
    }
    bus.close().await.unwrap();
    let again = bus_on(&store).await;
    let again = again.send_command(meter::count_events("m", 1, 2)).command_id(command_id(1));
    let again = again.return_state().await.unwrap();
    assert_first_answer(&first, &again);
    assert_eq!(again.state, Some(Meter { total: 7 }), "a repeated command gives the state of today");
}

#[tokio::test]
async fn a_command_that_another_bus_carried_out_is_recognised() {
    let store = FaultyStore::new();
    let (one, other) = (bus_on(&store).await, bus_on(&store).await);
    other.send_command(account::create("a")).command_id(command_id(0)).await.unwrap();
    let first = one.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap();
    let again = other.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap();
    assert_first_answer(&first, &again);

    let first = one.send_command(account::deposit("a", 2)).command_id(command_id(2)).await.unwrap();
    one.send_command(account::deposit("a", 3)).await.unwrap();
    let again = other.send_command(account::deposit("a", 2)).command_id(command_id(2)).await.unwrap();
    assert_first_answer(&first, &again);
}

#[tokio::test]
async fn a_command_that_another_bus_carried_out_is_not_refused_for_what_it_did_itself() {
    let store = FaultyStore::new();
    let (one, other) = (bus_on(&store).await, bus_on(&store).await);
    other.send_command(account::close("a")).command_id(command_id(9)).await.unwrap_err();
    one.send_command(account::create("a")).await.unwrap();
    let first = one.send_command(account::close("a")).command_id(command_id(1)).await.unwrap();
    let again = other.send_command(account::close("a")).command_id(command_id(1)).await.unwrap();
    assert_first_answer(&first, &again);
}

#[tokio::test]
async fn a_command_is_recognised_within_the_window_and_behind_it() {
    let store = FaultyStore::new();
    let options = RuntimeOptions { deduplication_window: 4, load_page_events: 3, ..Default::default() };
    let bus = bus_with(&store, options.clone()).await;
    bus.send_command(account::create("a")).await.unwrap();
    let first =
        bus.send_command(account::deposit_many("a", &[1, 2])).command_id(command_id(1)).await.unwrap();
    for _ in 0..3 {
        bus.send_command(account::deposit("a", 5)).await.unwrap();
    }
    let within = bus_with(&store, options.clone()).await;
    let send = || account::deposit_many("a", &[1, 2]);
    let again = within.send_command(send()).command_id(command_id(1)).await.unwrap();
    assert_first_answer(&first, &again);
    assert_eq!(again.events, [MoneyDeposited { amount: 1 }, MoneyDeposited { amount: 2 }]);

    bus.send_command(account::deposit("a", 5)).await.unwrap();
    let beyond = bus_with(&store, options).await;
    let again = beyond.send_command(send()).command_id(command_id(1)).await.unwrap();
    assert_first_answer(&first, &again);
    assert_eq!(again.events, [MoneyDeposited { amount: 1 }, MoneyDeposited { amount: 2 }]);
    let new = beyond.send_command(send()).command_id(command_id(2)).await.unwrap();
    assert!(!new.duplicate);
}

#[tokio::test]
async fn the_window_moves_on_with_the_instance() {
    let store = FaultyStore::new();
    let options = RuntimeOptions { deduplication_window: 2, ..Default::default() };
    let bus = bus_with(&store, options).await;
    bus.send_command(account::create("a")).command_id(command_id(0)).await.unwrap();
    for number in 1..=3 {
        bus.send_command(account::deposit("a", 1)).command_id(command_id(number)).await.unwrap();
    }
    let duplicate = async |number| {
        bus.send_command(account::deposit("a", 1)).command_id(command_id(number)).await.unwrap().duplicate
    };
    for number in [3, 2, 1] {
        assert!(duplicate(number).await, "{number}");
    }
    assert_eq!(types_of(&store, "account-a").await.len(), 4);
    assert!(!duplicate(4).await);
}

#[tokio::test]
async fn a_command_is_recognised_behind_a_thousand_others_after_a_restart() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let first = bus.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap();
    for _ in 0..1_100 {
        bus.send_command(account::deposit("a", 1)).await.unwrap();
    }
    for bus in [bus, bus_on(&store).await] {
        let again = bus.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap();
        assert_first_answer(&first, &again);
    }
    assert_eq!(types_of(&store, "account-a").await.len(), 1_102);
}

#[tokio::test]
async fn a_command_from_sixteen_senders_at_once_takes_effect_once() {
    let store = FaultyStore::new();
    let buses = [bus_on(&store).await, bus_on(&store).await];
    buses[0].send_command(account::create("a")).await.unwrap();
    let senders: Vec<_> = (0..16)
        .map(|number| {
            let bus = buses[number % 2].clone();
            tokio::spawn(async move {
                bus.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap()
            })
        })
        .collect();
    let mut receipts = Vec::new();
    for sender in senders {
        receipts.push(sender.await.unwrap());
    }
    assert_eq!(receipts.iter().filter(|receipt| !receipt.duplicate).count(), 1);
    assert!(receipts.iter().all(|receipt| receipt.revision == CurrentRevision::At(Revision(1))));
    assert_eq!(types_of(&store, "account-a").await.len(), 2);
}

#[tokio::test]
async fn a_command_that_was_refused_may_be_sent_again() {
    let bus = bus_on(&FaultyStore::new()).await;
    let send = || bus.send_command(account::deposit("a", 1)).command_id(command_id(1));
    assert!(matches!(send().await, Err(SendError::Rejected(_))));
    bus.send_command(account::create("a")).await.unwrap();
    assert!(!send().await.unwrap().duplicate);
    assert!(send().await.unwrap().duplicate);
}

#[tokio::test]
async fn the_same_id_at_another_instance_is_another_command() {
    let bus = bus_on(&FaultyStore::new()).await;
    bus.send_command(account::create("a")).command_id(command_id(1)).await.unwrap();
    let other = bus.send_command(account::create("b")).command_id(command_id(1)).await.unwrap();
    assert!(!other.duplicate);
    assert!(bus.state::<Account>("b", None).await.unwrap().is_some());
}

#[tokio::test]
async fn an_instance_that_is_loaded_for_a_command_with_an_id_is_read_once() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    bus.send_command(account::deposit_many("a", &[1; 10])).await.unwrap();
    let restarted = bus_on(&store).await;
    store.take_events_read();
    restarted.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap();
    assert_eq!(store.take_events_read(), 11);
}
