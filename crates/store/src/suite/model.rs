//! Random walks: whatever is asked of a store in whatever order, it answers as the in-memory store does.
//!
//! A walk is a function of its number, so a walk that once failed is run again by name: add its number to
//! `ONCE_FAILED`. The environment variable `SUITE_WALKS` asks for more of them: `2000` for those below that number,
//! `100..200` for some of these. All walks of a run are taken in one store, which grows.

mod answer;
mod random;
mod step;

use std::{ops::Range, sync::Arc};

use super::{Fixture, Opened, kit::*};
use crate::{clock::ManualClock, memory::MemoryStore};
use random::Random;
use step::{Abilities, Step, Streets};

const WALKS: u64 = 40;
const STEPS: usize = 60;

/// Walks that found something once.
const ONCE_FAILED: [u64; 0] = [];

pub async fn a_random_walk_ends_where_the_model_ends(fixture: &dyn Fixture) {
    let clock = noon();
    let mut store = fixture.open(clock.clone()).await;
    let asked_for = std::env::var("SUITE_WALKS").ok().and_then(|walks| numbers(&walks));
    for number in ONCE_FAILED.into_iter().chain(asked_for.unwrap_or(0..WALKS)) {
        store = walk(fixture, store, &clock, number).await;
    }
}

fn numbers(walks: &str) -> Option<Range<u64>> {
    let (first, behind) = walks.split_once("..").unwrap_or(("0", walks));
    Some(first.parse().ok()?..behind.parse().ok()?)
}

/// Takes one walk with the store and a fresh model, and compares after every step.
async fn walk(fixture: &dyn Fixture, mut store: Opened, clock: &Arc<ManualClock>, number: u64) -> Opened {
    let model: Opened = Arc::new(MemoryStore::with_clock(clock.clone()));
    let mut random = Random::new(number);
    let mut streets = Streets::new(number);
    let abilities = Abilities {
        drives_clock: fixture.drives_clock(),
        appends_to_many: fixture.appends_to_many(),
        reopens: store.properties().durable,
        scavenges: super::scavenge::scavenge(&store).await.is_some(),
    };
    let mut taken = Vec::new();
    for _ in 0..STEPS {
        let step = streets.next_step(&mut random, &model, abilities).await;
        taken.push(format!("{step:?}"));
        let wanted = step.take(&model).await;
        match step {
            Step::Advance(duration) => clock.advance(duration),
            Step::Reopen => store = fixture.reopen(store, clock.clone()).await.expect("a durable store"),
            _ => assert_alike(number, &taken, "the step", &step.take(&store).await, &wanted),
        }
    }
    for (what, wanted) in streets.survey(&model).await {
        taken.push(what.clone());
        let there = streets.look(&store, &what).await;
        assert_alike(number, &taken, &what, &there, &wanted);
    }
    store
}

#[track_caller]
fn assert_alike(number: u64, taken: &[String], what: &str, there: &str, wanted: &str) {
    assert!(
        there == wanted,
        "walk {number}, after\n  {}\n{what} differs:\n  the store: {there}\n  the model: {wanted}",
        taken.join("\n  ")
    );
}
