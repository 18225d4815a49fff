//! Every event counts once: live, after a restart, and after a process that died.

use std::time::Duration;

use engine_runtime::read_models::{ProjectionOptions, QueryConsistency::Strong};

use crate::{
    domain::{AllSums, Standing, SumOf, app, app_with, deposit, sum},
    places::{Life, PLACES, World},
};

#[tokio::test(start_paused = true)]
async fn rows_are_what_the_events_lead_to() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        for (id, amount) in [("a", 5), ("b", 7), ("a", 4), ("c", 1), ("c", 0)] {
            bus.send_command(deposit(id, amount)).await.unwrap();
        }
        let all = bus.query(AllSums { limit: None }).consistency(Strong).await.unwrap();
        assert_eq!(all, [("a".to_owned(), sum(2, 9)), ("b".to_owned(), sum(1, 7))], "{place:?}");
        bus.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_where_the_rows_stand() {
    for place in PLACES {
        let world = World::new(place);
        for round in 1..=5 {
            let bus = world.start(app()).await;
            for _ in 0..10 {
                bus.send_command(deposit("a", 1)).await.unwrap();
            }
            let rows = bus.query(SumOf { account: "a".into() }).consistency(Strong).await.unwrap();
            assert_eq!(rows, sum(round * 10, round * 10), "{place:?}");
            bus.close().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_only_new_events_are_read() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        for _ in 0..50 {
            bus.send_command(deposit("a", 1)).await.unwrap();
        }
        bus.query(Standing {}).consistency(Strong).await.unwrap();
        bus.close().await.unwrap();
        let bus = world.start(app()).await;
        bus.send_command(deposit("a", 1)).await.unwrap();
        assert_eq!(bus.query(Standing {}).consistency(Strong).await.unwrap(), (Some(50), 51));
        let report = bus.handlers().report("sums").await.unwrap();
        assert_eq!(report.handled, 1, "{place:?}");
        bus.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_at_any_step_counts_no_event_twice_and_forgets_none() {
    for place in PLACES {
        let world = World::new(place);
        let mut stored = 0;
        for end in place.steps(0..60) {
            let life = Life::of(end);
            let options =
                ProjectionOptions { batch_events: 3, snapshot_every: 4, ..ProjectionOptions::default() };
            if let Ok(bus) = world.start_for(app_with(options), &life).await {
                while stored < 7 * (end + 1) {
                    if bus.send_command(deposit(["a", "b"][usize::from(stored % 3 == 0)], 1)).await.is_err() {
                        break;
                    }
                    stored += 1;
                }
                let head = engine_types::Position(stored.saturating_sub(1));
                let _ = bus.handlers().wait_for("sums", head, Duration::from_secs(2)).await;
            }
            life.end();
            let bus = world.start(app()).await;
            let (_, counted) = bus.query(Standing {}).consistency(Strong).await.unwrap();
            assert_eq!(counted, stored, "{place:?}, dead after {end} steps");
        }
        assert!(stored > 100, "{place:?}: {stored}");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_in_memory_are_saved_in_pieces_and_read_again() {
    let world = World::new(crate::places::Place::Memory);
    let bus = world.start(app()).await;
    for number in 0..10_000 {
        bus.send_command(deposit(&format!("{number}-{}", "x".repeat(200)), 1)).await.unwrap();
    }
    bus.query(Standing {}).consistency(Strong).await.unwrap();
    bus.close().await.unwrap();
    let pieces = engine_store::EventStore::documents(&world.store, "read-model/sums/piece/", None, 100).await;
    assert_eq!(pieces.unwrap().len(), 3);
    let bus = world.start(app()).await;
    assert_eq!(bus.query(Standing {}).await.unwrap(), (Some(9_999), 10_000));
    assert_eq!(bus.handlers().report("sums").await.unwrap().handled, 0);
}
