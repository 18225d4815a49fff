//! Senders that give up in the middle.

use std::{
    future::{Future, IntoFuture},
    task::{Context, Waker},
};

use engine_runtime::RuntimeOptions;
use engine_types::Revision;

use crate::support::{
    account::{self, Account},
    bus_on, bus_with, command_id, events_of,
    faulty::{Call, Fault, FaultyStore, Gate},
};

/// Drops a command at its first, second, third … call to the store; each call before that is let through.
async fn drop_at_call(number: usize) -> bool {
    let store = FaultyStore::new();
    bus_on(&store).await.send_command(account::create("a")).await.unwrap();
    let bus = bus_on(&store).await;
    let gate = Gate::closed();
    let held = gate.clone();
    let mut calls = 0;
    store.plan(move |_| {
        calls += 1;
        (calls == number).then(|| Fault::Held(held.clone()))
    });
    let task_bus = bus.clone();
    let sender = tokio::spawn(async move {
        task_bus.send_command(account::deposit("a", 1)).command_id(command_id(1)).await
    });
    let dropped = tokio::select! {
        () = gate.arrival() => true,
        () = async { while !sender.is_finished() { tokio::task::yield_now().await } } => false,
    };
    sender.abort();
    let answered = sender.await.is_ok();
    gate.open();

    let receipt = bus.send_command(account::deposit("a", 1)).command_id(command_id(1)).await.unwrap();
    assert_eq!(receipt.revision.revision(), Some(Revision(1)));
    assert_eq!(receipt.duplicate, answered, "what was held was not written before the second try");
    let state = bus.state::<Account>("a", None).await.unwrap().unwrap();
    assert_eq!((state.state.balance, state.revision), (1, Revision(1)));
    assert_eq!(events_of(&store, "account-a").await.len(), 2);
    dropped
}

#[tokio::test]
async fn a_command_that_is_dropped_at_any_call_to_the_store_takes_effect_at_most_once() {
    let mut number = 1;
    while drop_at_call(number).await {
        number += 1;
    }
    assert!(number > 2, "at least the load and the append were dropped");
}

#[tokio::test]
async fn a_sender_that_gives_up_while_it_waits_is_not_served() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let gate = Gate::closed();
    store.next(Call::Append, [Fault::Held(gate.clone())]);
    let task_bus = bus.clone();
    let first = tokio::spawn(async move { task_bus.send_command(account::deposit("a", 1)).await });
    gate.arrival().await;
    let (second_bus, third_bus) = (bus.clone(), bus.clone());
    let second = tokio::spawn(async move { second_bus.send_command(account::deposit("a", 10)).await });
    let third = tokio::spawn(async move { third_bus.send_command(account::deposit("a", 100)).await });
    tokio::task::yield_now().await;
    second.abort();
    assert!(second.await.unwrap_err().is_cancelled());
    gate.open();
    first.await.unwrap().unwrap();
    let receipt = third.await.unwrap().unwrap();
    assert_eq!(receipt.revision.revision(), Some(Revision(2)));
    assert_eq!(bus.state::<Account>("a", None).await.unwrap().unwrap().state.balance, 101);
}

#[tokio::test]
async fn what_a_dropped_sender_still_wrote_is_seen_by_the_next() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let gate = Gate::closed();
    store.next(Call::Append, [Fault::Held(gate.clone())]);
    let task_bus = bus.clone();
    let sender = tokio::spawn(async move { task_bus.send_command(account::deposit("a", 7)).await });
    gate.arrival().await;
    sender.abort();
    gate.open();
    while events_of(store.healthy(), "account-a").await.len() < 2 {
        tokio::task::yield_now().await;
    }
    let receipt = bus.send_command(account::withdraw("a", 7)).return_state().await.unwrap();
    assert_eq!(receipt.events, [account::MoneyWithdrawn { amount: 7 }]);
}

#[tokio::test]
async fn a_load_that_is_dropped_at_any_page_goes_on_rightly() {
    let store = FaultyStore::new();
    let writer = bus_on(&store).await;
    writer.send_command(account::create("a")).await.unwrap();
    writer.send_command(account::deposit_many("a", &[1; 9])).await.unwrap();
    let options = RuntimeOptions { load_page_events: 2, ..RuntimeOptions::default() };
    for page in 0..5 {
        let bus = bus_with(&store, options.clone()).await;
        let mut read = 0;
        store.plan(move |_| {
            read += 1;
            (read > page).then(|| Fault::Held(Gate::closed()))
        });
        let mut load = Box::pin(bus.state::<Account>("a", None));
        assert!(load.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(load);
        store.plan(|_| None);
        let state = bus.state::<Account>("a", None).await.unwrap().unwrap();
        assert_eq!((state.state.balance, state.revision), (9, Revision(9)), "dropped at page {page}");
    }
}

#[tokio::test]
async fn a_command_that_is_never_awaited_is_never_sent() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    drop(bus.send_command(account::create("a")).into_future());
    assert!(events_of(&store, "account-a").await.is_empty());
}
