//! Several processes that count into the same rows: one builds them anew, one takes back what was put aside, and all
//! others follow by themselves.

use std::time::Duration;

use engine_runtime::{
    Bus, Consistency,
    listen::Scope,
    read_models::{QueryConsistency::Strong, RebuildState},
};
use tokio::task::JoinSet;

use crate::{
    domain::{POISON, Standing, SumOf, app, deposit, mend, sum},
    places::{Place, World},
};

/// Two processes over the same events and rows.
async fn two(world: &World) -> [Bus; 2] {
    [world.start(app()).await, world.start(app()).await]
}

async fn standing(bus: &Bus) -> (Option<u64>, u64) {
    bus.query(Standing {}).consistency(Strong).await.unwrap()
}

async fn generation(bus: &Bus) -> u64 {
    bus.projections().report("sums").await.unwrap().generation
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_builds_anew_is_shown_by_the_others_too() {
    let world = World::new(Place::Postgres);
    let buses = two(&world).await;
    for _ in 0..30 {
        buses[0].send_command(deposit("a", 1)).await.unwrap();
    }
    for (round, builder) in (1..).zip([0, 1, 1, 0]) {
        for bus in &buses {
            assert_eq!(standing(bus).await, (Some(28 + round), 29 + round), "round {round}");
        }
        buses[builder].projections().rebuild("sums").await.unwrap().finished().await.unwrap();
        // The other one has nothing to count, and finds out when it is asked; or when it has something to count.
        let other = &buses[1 - builder];
        if round % 2 == 0 {
            assert_eq!(
                other.query(Standing {}).await.unwrap(),
                (Some(28 + round), 29 + round),
                "round {round}"
            );
        }
        other.send_command(deposit("a", 1)).await.unwrap();
        assert_eq!(standing(other).await, (Some(29 + round), 30 + round), "round {round}");
        assert_eq!((generation(&buses[0]).await, generation(&buses[1]).await), (1 + round, 1 + round));
        let state = other.handlers().report("sums").await.unwrap().state;
        assert_eq!(state.word(), "live", "{state:?}");
    }
    for bus in buses {
        bus.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_others_count_and_build_no_query_anywhere_sees_an_older_position_or_a_half_built_model() {
    let world = World::new(Place::Postgres);
    let buses = two(&world).await;
    let stop = tokio::sync::watch::Sender::new(false);
    let mut senders = JoinSet::new();
    for bus in &buses {
        let (bus, stopped) = (bus.clone(), stop.subscribe());
        senders.spawn(async move {
            let mut sent = 0;
            while !*stopped.borrow() {
                // Rebuilds count all of it again: no more than can be counted.
                let sending = bus.send_command(deposit("a", 1)).consistency(Consistency::Strong);
                if let Err(error) = sending.await {
                    let report = bus.handlers().report("sums").await;
                    let model = bus.projections().report("sums").await;
                    panic!("{error}: {report:?}, {model:?}");
                }
                sent += 1;
            }
            sent
        });
    }
    let mut last = [None; 2];
    for round in 0..6 {
        let builder = &buses[round % 2];
        let rebuild = builder.projections().rebuild("sums").await.unwrap();
        let mut looks = 0;
        while rebuild.progress().state == RebuildState::Building || looks < 20 {
            for (bus, last) in buses.iter().zip(&mut last) {
                let (position, counted) = bus.query(Standing {}).await.unwrap();
                assert!(position >= *last, "round {round}: {position:?} after {last:?}");
                assert_eq!(position.map_or(0, |position| position + 1), counted, "round {round}");
                *last = position;
            }
            looks += 1;
        }
        rebuild.finished().await.unwrap();
    }
    stop.send_replace(true);
    let sent: u64 = senders.join_all().await.into_iter().sum();
    for bus in &buses {
        assert_eq!(standing(bus).await, (Some(sent - 1), sent));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_takes_back_is_counted_once_whoever_counts_it() {
    let world = World::new(Place::Postgres);
    let buses = two(&world).await;
    let [one, other] = &buses;
    let poison = POISON + 9_000;
    for (id, amount) in [("a", 1), ("b", 1), ("a", poison), ("a", 2), ("b", 1)] {
        one.send_command(deposit(id, amount)).await.unwrap();
    }
    for bus in &buses {
        let sum_of = |account: &str| bus.query(SumOf { account: account.into() }).consistency(Strong);
        assert_eq!((sum_of("b").await.unwrap(), sum_of("a").await.unwrap()), (sum(2, 2), sum(1, 1)));
        let parked = bus.handlers().parked("sums").await.unwrap();
        assert_eq!((parked.len(), parked[0].key.as_str()), (1, "account-a"));
    }
    mend(poison);
    // The other one counts all the time, and believes that the sequence is put aside.
    let (sender, stop) = (other.clone(), tokio::sync::watch::Sender::new(false));
    let stopped = stop.subscribe();
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        // What waits is counted one by one: no more than that can keep up with.
        while !*stopped.borrow() && sent < 300 {
            sender.send_command(deposit("a", 1)).await.unwrap();
            sender.send_command(deposit("b", 1)).consistency(Consistency::Strong).await.unwrap();
            sent += 1;
        }
        sent
    });
    let retried = retry(one).await;
    assert!(retried >= 2, "{retried}");
    for _ in 0..20 {
        one.send_command(deposit("a", 1)).await.unwrap();
    }
    stop.send_replace(true);
    let sent = sending.await.unwrap();
    for bus in &buses {
        let sum_of = |account: &str| bus.query(SumOf { account: account.into() }).consistency(Strong);
        assert_eq!(sum_of("b").await.unwrap(), sum(2 + sent, 2 + sent));
        assert_eq!(sum_of("a").await.unwrap(), sum(3 + 20 + sent, 3 + poison + 20 + sent));
        // Who has not noticed yet may still note how many wait.
        until("nothing is noted any more", async || {
            let parked = bus.handlers().parked("sums").await.unwrap();
            parked.is_empty() && bus.handlers().report("sums").await.unwrap().parked_keys == 0
        })
        .await;
    }
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = tokio::time::Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < Duration::from_secs(30), "{what}");
        tokio::task::yield_now().await;
    }
}

/// Retries until it is done: another process may come in between.
async fn retry(bus: &Bus) -> u64 {
    let begun = tokio::time::Instant::now();
    loop {
        match bus.handlers().retry("sums", "account-a", Scope::All).await {
            Ok(count) => return count,
            Err(error) => assert!(begun.elapsed() < Duration::from_secs(30), "{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_that_take_the_same_back_at_once_count_it_once() {
    let world = World::new(Place::Postgres);
    let buses = two(&world).await;
    let poison = POISON + 9_100;
    for (id, amount) in
        [("a", 1), ("a", poison)].into_iter().chain((0..40).map(|_| ("a", 1))).chain([("b", 1)])
    {
        buses[0].send_command(deposit(id, amount)).await.unwrap();
    }
    for bus in &buses {
        standing(bus).await;
    }
    mend(poison);
    let retries = buses.clone().map(|bus| {
        tokio::spawn(async move { bus.handlers().retry("sums", "account-a", Scope::All).await.is_ok() })
    });
    let mut is_done = false;
    for retried in retries {
        is_done |= retried.await.unwrap();
    }
    if !is_done {
        retry(&buses[0]).await;
    }
    for bus in &buses {
        bus.send_command(deposit("a", 1)).await.unwrap();
    }
    for bus in &buses {
        let sum_of = bus.query(SumOf { account: "a".into() }).consistency(Strong);
        assert_eq!(sum_of.await.unwrap(), sum(44, 43 + poison));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_process_discards_is_counted_by_nobody_and_what_comes_after_by_all() {
    let world = World::new(Place::Postgres);
    let buses = two(&world).await;
    for (id, amount) in [("a", 1), ("a", POISON + 9_200), ("b", 1)] {
        buses[0].send_command(deposit(id, amount)).await.unwrap();
    }
    for bus in &buses {
        standing(bus).await;
    }
    assert_eq!(buses[0].handlers().discard("sums", "account-a", Scope::All).await.unwrap(), 1);
    for bus in &buses {
        bus.send_command(deposit("a", 5)).await.unwrap();
    }
    for bus in &buses {
        let sum_of = bus.query(SumOf { account: "a".into() }).consistency(Strong);
        assert_eq!(sum_of.await.unwrap(), sum(3, 11));
    }
}
