//! Transfers under crashes: the process dies before or after any call to the store and any dispatch, and another goes
//! on; worlds that one number decides, played again and again.
//!
//! `SIMULATION_SEEDS=100000` plays more of them, `SIMULATION_FIRST=77` begins with the world of seed 77.

pub mod bank;
pub mod checks;
pub mod witness;
pub mod world;

use world::World;

use crate::simulation::seeds;

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
        world.check().await
    })
}

#[test]
fn transfers_conserve_the_sum_and_end_whatever_crashes() {
    for seed in seeds() {
        play(seed);
    }
}

/// One transfer whose money goes back, and one that completes: the process dies once, at each call to the store.
#[test]
fn transfers_survive_a_crash_before_and_after_every_call_to_the_store() {
    let mut calls = 0;
    for dies_after in [false, true] {
        for call in 0.. {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let happened = runtime.unwrap().block_on(async {
                let world = World::dying_at(call, dies_after);
                world.play_two_transfers().await;
                world.check().await
            });
            for what in ["completed", "failed", "refunded"] {
                assert!(
                    happened.iter().any(|line| line == what),
                    "call {call}: nothing {what}: {happened:?}"
                );
            }
            if !happened.iter().any(|line| line.starts_with("died")) {
                break;
            }
            calls += 1;
        }
    }
    assert!(calls > 80, "only {calls} calls");
}

#[test]
fn the_worlds_hold_what_they_are_meant_to_hold() {
    let happened: Vec<_> = (0..150).flat_map(play).collect();
    let ends = ["completed", "failed", "expired", "refunded"];
    let troubles = ["died", "parked", "lost after", "lost before", "observed da", "observed dr"];
    for what in ends.into_iter().chain(troubles) {
        assert!(happened.iter().any(|line| line.contains(what)), "nothing with {what}");
    }
}
