//! Building anew, beside what is shown.

use std::time::Duration;

use engine_runtime::{
    Bus,
    read_models::{ProjectionOptions, ProjectionsError, QueryConsistency::Strong, RebuildState},
};

use crate::{
    domain::{POISON, Standing, SumOf, app, app_with, deposit, mend, sum},
    places::{Life, PLACES, Place, World},
};

async fn fill(bus: &Bus, events: u64) {
    for number in 0..events {
        bus.send_command(deposit(["a", "b", "c"][usize::try_from(number % 3).unwrap()], 1)).await.unwrap();
    }
    bus.query(Standing {}).consistency(Strong).await.unwrap();
}

/// Small batches, so that a rebuild has many steps.
fn in_steps() -> ProjectionOptions {
    ProjectionOptions { batch_events: 10, ..ProjectionOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_leads_to_the_same_rows_in_another_generation() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        fill(&bus, 100).await;
        let before = bus.query(Standing {}).await.unwrap();
        let done = bus.projections().rebuild("sums").await.unwrap().finished().await.unwrap();
        assert_eq!((done.state, done.events), (RebuildState::Done, 100));
        assert_eq!(bus.query(Standing {}).await.unwrap(), before);
        let report = bus.projections().report("sums").await.unwrap();
        assert_eq!((report.generation, report.ready, report.rebuild), (2, true, None), "{place:?}");
        bus.send_command(deposit("a", 1)).await.unwrap();
        assert_eq!(bus.query(Standing {}).consistency(Strong).await.unwrap(), (Some(100), 101));
        bus.close().await.unwrap();
        let bus = world.start(app()).await;
        assert_eq!(bus.query(Standing {}).await.unwrap(), (Some(100), 101));
        assert_eq!(bus.projections().report("sums").await.unwrap().generation, 2);
        if place == Place::Sqlite {
            assert_eq!(world.files(), ["sums.v1.g2.sqlite"]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn under_load_no_query_sees_a_half_built_model_or_an_older_position() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app_with(in_steps())).await;
        fill(&bus, 300).await;
        let sender = bus.clone();
        let sent = if place == Place::Postgres { 1_000 } else { 20_000 };
        let sending = tokio::spawn(async move {
            for _ in 0..sent {
                sender.send_command(deposit("a", 1)).await.unwrap();
            }
        });
        let mut last = None;
        for generation in 2..=4 {
            let rebuild = bus.projections().rebuild("sums").await.unwrap();
            while rebuild.progress().state == RebuildState::Building {
                let (position, counted) = bus.query(Standing {}).await.unwrap();
                assert!(position >= last, "{place:?}: {position:?} after {last:?}");
                assert_eq!(position.map_or(0, |position| position + 1), counted, "{place:?}");
                last = position;
                tokio::task::yield_now().await;
            }
            rebuild.finished().await.unwrap();
            assert_eq!(bus.projections().report("sums").await.unwrap().generation, generation);
        }
        sending.await.unwrap();
        assert_eq!(bus.query(Standing {}).consistency(Strong).await.unwrap(), (Some(299 + sent), 300 + sent));
    }
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_rebuild_leaves_no_trace() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app_with(in_steps())).await;
        fill(&bus, 300).await;
        let mut rebuild = bus.projections().rebuild("sums").await.unwrap();
        let refused = bus.projections().rebuild("sums").await.unwrap_err();
        assert_eq!(refused.to_string(), "`sums` is being built anew already");
        assert!(rebuild.changed().await);
        rebuild.cancel();
        assert!(matches!(rebuild.finished().await, Err(ProjectionsError::Cancelled("sums"))));
        assert_eq!(bus.query(Standing {}).await.unwrap(), (Some(299), 300));
        if place == Place::Sqlite {
            assert_eq!(world.files(), ["sums.v1.g1.sqlite"]);
        }
        bus.projections().rebuild("sums").await.unwrap().finished().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_that_dies_at_any_step_leaves_one_generation_that_is_whole() {
    for place in PLACES {
        let (mut old, mut new) = (0, 0);
        for end in place.steps(0..30) {
            let world = World::new(place);
            let bus = world.start(app()).await;
            fill(&bus, 50).await;
            bus.close().await.unwrap();
            let life = Life::of(end);
            if let Ok(bus) = world.start_for(app_with(in_steps()), &life).await
                && let Ok(rebuild) = bus.projections().rebuild("sums").await
            {
                let _ = tokio::time::timeout(Duration::from_secs(60), rebuild.finished()).await;
            }
            life.end();
            let bus = world.start(app()).await;
            assert_eq!(bus.query(Standing {}).consistency(Strong).await.unwrap(), (Some(49), 50));
            let report = bus.projections().report("sums").await.unwrap();
            assert!(report.ready, "{place:?}, dead after {end} steps");
            *(if report.generation == 1 { &mut old } else { &mut new }) += 1;
            if place == Place::Sqlite {
                assert_eq!(world.files(), [format!("sums.v1.g{}.sqlite", report.generation)]);
            }
        }
        assert!(old > 0 && new > 0, "{place:?}: {old} kept the old generation, {new} have the new");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rebuild_tries_what_was_put_aside_again() {
    for (place, poison) in PLACES.into_iter().zip(POISON + 500..) {
        let world = World::new(place);
        let still = poison + 50;
        let bus = world.start(app()).await;
        for (id, amount) in [("a", 1), ("a", poison), ("a", 2), ("b", still), ("b", 3), ("c", 4)] {
            bus.send_command(deposit(id, amount)).await.unwrap();
        }
        assert_eq!(bus.query(Standing {}).consistency(Strong).await.unwrap().1, 2);
        mend(poison);
        bus.projections().rebuild("sums").await.unwrap().finished().await.unwrap();
        let sum_of = |account: &str| bus.query(SumOf { account: account.into() });
        assert_eq!(sum_of("a").await.unwrap(), sum(3, 3 + poison), "{place:?}");
        let parked = bus.handlers().parked("sums").await.unwrap();
        assert_eq!((parked.len(), parked[0].key.as_str(), parked[0].waiting), (1, "account-b", 1));
        bus.send_command(deposit("b", 5)).await.unwrap();
        bus.query(Standing {}).consistency(Strong).await.unwrap();
        mend(still);
        assert_eq!(
            bus.handlers().retry("sums", "account-b", engine_runtime::listen::Scope::All).await.unwrap(),
            3
        );
        assert_eq!(sum_of("b").await.unwrap(), sum(3, 8 + still));
    }
}

#[tokio::test(start_paused = true)]
async fn closing_breaks_a_rebuild_off() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app_with(in_steps())).await;
        fill(&bus, 300).await;
        let rebuild = bus.projections().rebuild("sums").await.unwrap();
        bus.close().await.unwrap();
        assert!(matches!(rebuild.finished().await, Err(ProjectionsError::Cancelled(_))));
        let bus = world.start(app()).await;
        bus.query(Standing {}).await.unwrap();
        assert_eq!(bus.projections().report("sums").await.unwrap().generation, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_read_model_can_be_built_anew_and_stays_paused() {
    for place in PLACES {
        let world = World::new(place);
        let bus = world.start(app()).await;
        fill(&bus, 20).await;
        bus.handlers().pause("sums").await.unwrap();
        bus.send_command(deposit("a", 1)).await.unwrap();
        bus.projections().rebuild("sums").await.unwrap().finished().await.unwrap();
        assert_eq!(bus.query(Standing {}).await.unwrap(), (Some(20), 21), "{place:?}");
        assert_eq!(bus.handlers().report("sums").await.unwrap().state.word(), "paused");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_counted_while_a_rebuild_is_about_to_switch_is_not_missing_afterwards() {
    for place in PLACES {
        let world = World::new(place);
        let life = Life::eternal();
        let bus = world.start_for(app(), &life).await.unwrap();
        fill(&bus, 20).await;
        let (at_the_end, go_on) = life.stop_at_the_end();
        let rebuild = bus.projections().rebuild("sums").await.unwrap();
        at_the_end.await.unwrap();
        fill(&bus, 5).await;
        // So that the new generation is seen as it is at the switch.
        bus.handlers().pause("sums").await.unwrap();
        go_on.send(()).unwrap();
        rebuild.finished().await.unwrap();
        assert_eq!(bus.query(Standing {}).await.unwrap(), (Some(24), 25), "{place:?}");
    }
}
