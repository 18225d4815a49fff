//! What is kept in memory: a bounded number of instances, for a bounded time.

use std::time::Duration;

use engine_runtime::RuntimeOptions;

use crate::support::{
    account::{self, Account},
    bus_on, bus_with, command_id,
    faulty::{Call, Fault, FaultyStore, Gate},
};

#[tokio::test]
async fn few_kept_instances_change_nothing_but_the_number_of_reads() {
    for cached_instances in [0, 1, 3] {
        let store = FaultyStore::new();
        let bus = bus_with(&store, RuntimeOptions { cached_instances, ..Default::default() }).await;
        for number in 0..20_u64 {
            bus.send_command(account::create(&number.to_string())).await.unwrap();
        }
        for number in 0..20_u64 {
            bus.send_command(account::deposit(&number.to_string(), number)).await.unwrap();
        }
        for number in 0..20_u64 {
            let state = bus.state::<Account>(&number.to_string(), None).await.unwrap().unwrap();
            assert_eq!(state.state.balance, number);
        }
    }
}

#[tokio::test]
async fn instances_beyond_the_bound_are_loaded_again() {
    let store = FaultyStore::new();
    let bus = bus_with(&store, RuntimeOptions { cached_instances: 5, ..Default::default() }).await;
    for number in 0..50 {
        bus.send_command(account::create(&number.to_string())).await.unwrap();
    }
    store.take_events_read();
    for number in 0..50 {
        bus.send_command(account::deposit(&number.to_string(), 1)).await.unwrap();
    }
    assert!(store.take_events_read() >= 45);
}

#[tokio::test]
async fn an_instance_at_work_is_kept_however_many_others_come() {
    let store = FaultyStore::new();
    let bus = bus_with(&store, RuntimeOptions { cached_instances: 1, ..Default::default() }).await;
    bus.send_command(account::create("a")).await.unwrap();
    let gate = Gate::closed();
    store.next(Call::Append, [Fault::Held(gate.clone())]);
    let (task_bus, second_bus) = (bus.clone(), bus.clone());
    let first = tokio::spawn(async move { task_bus.send_command(account::deposit("a", 1)).await });
    gate.arrival().await;
    for number in 0..100 {
        bus.send_command(account::create(&number.to_string())).await.unwrap();
    }
    let second = tokio::spawn(async move { second_bus.send_command(account::deposit("a", 2)).await });
    tokio::task::yield_now().await;
    assert!(!second.is_finished(), "it waits for the first, at the same instance");
    gate.open();
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_nobody_uses_is_dropped_and_loaded_again() {
    let store = FaultyStore::new();
    let options = RuntimeOptions { idle_after: Duration::from_secs(60), ..Default::default() };
    let bus = bus_with(&store, options).await;
    bus.send_command(account::create("a")).command_id(command_id(1)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    store.take_events_read();
    bus.send_command(account::deposit("a", 1)).await.unwrap();
    assert_eq!(store.take_events_read(), 0, "still kept");
    tokio::time::sleep(Duration::from_secs(120)).await;
    bus.send_command(account::deposit("a", 1)).await.unwrap();
    assert_eq!(store.take_events_read(), 2, "dropped, and loaded again");
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_nobody_holds_lets_go_of_its_store() {
    let store = FaultyStore::new();
    let held = std::sync::Arc::new(store.clone());
    let weak = std::sync::Arc::downgrade(&held);
    let bus = crate::support::app().start(held).await.unwrap();
    bus.send_command(account::create("a")).await.unwrap();
    drop(bus);
    tokio::time::sleep(RuntimeOptions::default().idle_after).await;
    assert!(weak.upgrade().is_none());
    drop(bus_on(&store).await);
}
