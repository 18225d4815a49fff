//! Events that cannot be projected: put aside, and counted once when they can.

use std::time::Duration;

use engine_runtime::{
    Bus,
    listen::Scope,
    read_models::{ProjectionOptions, QueryConsistency::Strong},
};
use engine_store::EventStore;
use engine_types::Position;

use crate::{
    domain::{POISON, Standing, SumOf, app, app_with, deposit, mend, sum},
    places::{Life, PLACES, Place, World},
};

async fn sum_of(bus: &Bus, account: &str) -> crate::domain::Sum {
    bus.query(SumOf { account: account.into() }).consistency(Strong).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_poison_event_holds_up_its_own_stream_only() {
    for (place, poison) in PLACES.into_iter().zip(POISON + 100..) {
        let world = World::new(place);
        let bus = world.start(app()).await;
        for (id, amount) in [("a", 1), ("b", 2), ("a", poison), ("b", 3), ("a", 4), ("b", 5)] {
            bus.send_command(deposit(id, amount)).await.unwrap();
        }
        assert_eq!(sum_of(&bus, "b").await, sum(3, 10));
        assert_eq!(sum_of(&bus, "a").await, sum(1, 1), "{place:?}");
        let parked = bus.handlers().parked("sums").await.unwrap();
        assert_eq!((parked.len(), parked[0].key.as_str(), parked[0].revision.0), (1, "account-a", 1));
        assert!(parked[0].error.contains("is poison"), "{}", parked[0].error);
        bus.close().await.unwrap();

        let bus = world.start(app()).await;
        assert!(bus.handlers().retry("sums", "account-a", Scope::All).await.is_err());
        mend(poison);
        bus.handlers().wait_for("sums", Position(5), Duration::from_secs(5)).await.unwrap();
        assert_eq!(bus.handlers().retry("sums", "account-a", Scope::All).await.unwrap(), 2);
        assert_eq!(sum_of(&bus, "a").await, sum(3, 5 + poison));
        bus.send_command(deposit("a", 6)).await.unwrap();
        assert_eq!(sum_of(&bus, "a").await, sum(4, 11 + poison));
        bus.close().await.unwrap();
        let bus = world.start(app()).await;
        assert_eq!(sum_of(&bus, "a").await, sum(4, 11 + poison), "{place:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_dies_at_any_step_counts_every_event_once() {
    for (place, first) in PLACES.into_iter().zip((1..).map(|number| POISON + number * 1_000)) {
        for end in place.steps(0..40) {
            let world = World::new(place);
            let poison = first + end;
            let bus = world.start(app()).await;
            for (id, amount) in [("a", 1), ("a", poison), ("b", 2), ("a", 3), ("a", 4), ("b", 5)] {
                bus.send_command(deposit(id, amount)).await.unwrap();
            }
            sum_of(&bus, "b").await;
            bus.close().await.unwrap();
            mend(poison);

            let life = Life::of(end);
            if let Ok(bus) = world.start_for(app(), &life).await {
                let last = Position(5);
                let _ = bus.handlers().wait_for("sums", last, Duration::from_secs(1)).await;
                let retrying = bus.handlers().retry("sums", "account-a", Scope::All);
                let _ = tokio::time::timeout(Duration::from_secs(5), retrying).await;
            }
            life.end();
            let bus = world.start(app()).await;
            sum_of(&bus, "b").await;
            let _ = bus.handlers().retry("sums", "account-a", Scope::All).await;
            assert_eq!(sum_of(&bus, "a").await, sum(4, 8 + poison), "{place:?}, dead after {end} steps");
            bus.close().await.unwrap();
            let bus = world.start(app()).await;
            let (_, counted) = bus.query(Standing {}).consistency(Strong).await.unwrap();
            assert_eq!(counted, 6, "{place:?}, dead after {end} steps");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_discarded_is_never_counted() {
    let world = World::new(Place::Sqlite);
    let poison = POISON + 300;
    let bus = world.start(app()).await;
    for amount in [1, poison, 2] {
        bus.send_command(deposit("a", amount)).await.unwrap();
    }
    assert_eq!(sum_of(&bus, "a").await, sum(1, 1));
    assert_eq!(bus.handlers().discard("sums", "account-a", Scope::First).await.unwrap(), 1);
    assert_eq!(bus.handlers().retry("sums", "account-a", Scope::All).await.unwrap(), 1);
    assert_eq!(sum_of(&bus, "a").await, sum(2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_read_model_is_not_reset_but_built_anew() {
    let world = World::new(Place::Memory);
    let bus = world.start(app()).await;
    let refused = bus.handlers().reset("sums", None).await.unwrap_err();
    assert!(refused.to_string().contains("`projections rebuild sums`"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_around_a_poison_event_counts_everything_before_it() {
    for (place, first) in PLACES.into_iter().zip((10..).map(|number| POISON + number * 1_000)) {
        for end in place.steps(0..40) {
            let world = World::new(place);
            let poison = first + end;
            let options =
                ProjectionOptions { batch_events: 2, snapshot_every: 2, ..ProjectionOptions::default() };
            let life = Life::of(end);
            if let Ok(bus) = world.start_for(app_with(options), &life).await {
                for (id, amount) in
                    [("a", 1), ("a", 2), ("b", 1), ("a", 3), ("a", poison), ("b", 2), ("a", 4)]
                {
                    let _ = bus.send_command(deposit(id, amount)).await;
                    tokio::task::yield_now().await;
                }
                let _ = bus.handlers().wait_for("sums", Position(6), Duration::from_secs(1)).await;
            }
            life.end();
            let bus = world.start(app()).await;
            bus.query(Standing {}).consistency(Strong).await.unwrap();
            let stored = EventStore::head(&world.store).await.unwrap().map_or(0, |head| head.0 + 1);
            mend(poison);
            let _ = bus.handlers().retry("sums", "account-a", Scope::All).await;
            let (_, counted) = bus.query(Standing {}).consistency(Strong).await.unwrap();
            assert_eq!(counted, stored, "{place:?}, dead after {end} steps");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_before_an_event_was_parked_is_counted_again_where_it_was_not_kept() {
    for (place, poison) in PLACES.into_iter().zip(POISON + 5_000..) {
        let world = World::new(place);
        let life = Life::of(u64::MAX);
        let bus = world.start_for(app(), &life).await.unwrap();
        bus.query(Standing {}).consistency(Strong).await.unwrap();
        for amount in [1, 2, poison, 3] {
            bus.send_command(deposit("a", amount)).await.unwrap();
        }
        assert_eq!(sum_of(&bus, "a").await, sum(2, 3));
        life.end();

        let bus = world.start(app()).await;
        assert_eq!(sum_of(&bus, "a").await, sum(2, 3), "{place:?}");
        mend(poison);
        assert_eq!(bus.handlers().retry("sums", "account-a", Scope::All).await.unwrap(), 2);
        assert_eq!(sum_of(&bus, "a").await, sum(4, 6 + poison));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_counted_late_is_not_counted_again_although_the_position_is_before_it() {
    for (place, poison) in PLACES.into_iter().zip(POISON + 5_100..) {
        let world = World::new(place);
        let life = Life::of(u64::MAX);
        let bus = world.start_for(app(), &life).await.unwrap();
        for amount in [1, poison, 3] {
            bus.send_command(deposit("a", amount)).await.unwrap();
        }
        bus.handlers().wait_for("sums", Position(2), Duration::from_secs(5)).await.unwrap();
        mend(poison);
        assert_eq!(bus.handlers().retry("sums", "account-a", Scope::All).await.unwrap(), 2);
        life.end();

        let bus = world.start(app()).await;
        assert_eq!(sum_of(&bus, "a").await, sum(3, 4 + poison), "{place:?}");
    }
}
