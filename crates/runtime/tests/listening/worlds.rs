//! Handlers that fail, panic, stall and hang; processes that die at every step; a store that fails; operators at
//! work: worlds that one number decides, played again and again.
//!
//! `SIMULATION_SEEDS=100000` plays more of them, `SIMULATION_FIRST=77` begins with the world of seed 77.

mod handler;
mod history;
mod process;
mod world;

use world::World;

use crate::simulation::seeds;

/// Seeds whose worlds once broke a promise. When a world is changed, each is to be found again: take the mending
/// back, look for the first seed that breaks, put the mending in again.
const FOUND: [u64; 1] = [
    154, // An event was handled twice because the one behind it in the batch took too long.
];

/// Tells which world it was that broke a promise.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the world of seed {0} broke a promise: repeat with SIMULATION_FIRST={0}", self.0);
        }
    }
}

/// Plays the world of a seed to its end and checks it; answers what happened in it.
fn play(seed: u64) -> Vec<String> {
    let _told_on_failure = Seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let world = World::new(seed);
        world.play().await;
        world.history.end()
    })
}

#[test]
fn nothing_is_skipped_and_order_is_kept_whatever_goes_wrong() {
    for seed in seeds() {
        play(seed);
    }
}

#[test]
fn worlds_that_broke_a_promise_once_keep_it_now() {
    for seed in FOUND {
        play(seed);
    }
}

#[test]
fn a_seed_gives_the_same_world_each_time() {
    for seed in 0..40 {
        let (first, second) = (play(seed), play(seed));
        let same = first.iter().zip(&second).take_while(|(left, right)| left == right).count();
        let rest = |lines: &[String]| lines[same..].first().cloned();
        assert_eq!(rest(&first), rest(&second), "seed {seed}, line {same}");
    }
}

#[test]
fn the_worlds_hold_what_they_are_meant_to_hold() {
    let happened: Vec<_> = (0..60).flat_map(play).collect();
    for what in [
        "handled",
        "failed",
        "panics",
        "stalls",
        "hangs",
        "skipped",
        "died",
        "restarted",
        "closed",
        "paused",
        "resumed",
        "reset to",
        "retried",
        "discarded",
        "partitions",
        "parked",
    ] {
        assert!(happened.iter().any(|line| line.contains(what)), "nothing with {what}");
    }
}
