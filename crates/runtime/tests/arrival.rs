//! The order of commands: one after the other at one instance, side by side at several.

use engine_types::CurrentRevision;

use crate::support::{
    account, bus_on, events_of,
    faulty::{Call, Fault, FaultyStore, Gate},
};

#[tokio::test]
async fn commands_to_one_instance_run_in_the_order_of_their_arrival() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    bus.send_command(account::create("a")).await.unwrap();
    let gate = Gate::closed();
    store.next(Call::Append, [Fault::Held(gate.clone())]);

    let mut senders = Vec::new();
    for amount in 1..=64 {
        let task_bus = bus.clone();
        senders.push(tokio::spawn(async move { task_bus.send_command(account::deposit("a", amount)).await }));
        // On one thread, a task that was spawned earlier is polled earlier: it now waits in the queue.
        tokio::task::yield_now().await;
    }
    gate.arrival().await;
    gate.open();
    for (sender, revision) in senders.into_iter().zip(1..) {
        let receipt = sender.await.unwrap().unwrap();
        assert_eq!(receipt.revision.revision().map(|revision| revision.0), Some(revision));
    }
    let stored = events_of(&store, "account-a").await;
    for (event, amount) in stored[1..].iter().zip(1..) {
        assert_eq!(&event.data[..], format!("{{\"amount\":{amount}}}").as_bytes());
    }
    assert_eq!(stored.len(), 65);
}

#[tokio::test]
async fn different_instances_do_not_wait_for_each_other() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let gate = Gate::closed();
    store.next(Call::Append, [Fault::Held(gate.clone())]);
    let task_bus = bus.clone();
    let held = tokio::spawn(async move { task_bus.send_command(account::create("a")).await });
    gate.arrival().await;

    let receipt = bus.send_command(account::create("b")).await.unwrap();
    assert_ne!(receipt.revision, CurrentRevision::NoStream);
    assert!(!held.is_finished());
    gate.open();
    held.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_past_of_an_instance_can_be_looked_at_while_it_is_at_work() {
    let store = FaultyStore::new();
    let bus = bus_on(&store).await;
    let created = bus.send_command(account::create("a")).await.unwrap();
    let gate = Gate::closed();
    store.next(Call::Append, [Fault::Held(gate.clone())]);
    let task_bus = bus.clone();
    let held = tokio::spawn(async move { task_bus.send_command(account::deposit("a", 1)).await });
    gate.arrival().await;

    let past = bus.state::<account::Account>("a", created.revision.revision()).await.unwrap();
    assert_eq!(past.unwrap().state.balance, 0);
    gate.open();
    held.await.unwrap().unwrap();
}
