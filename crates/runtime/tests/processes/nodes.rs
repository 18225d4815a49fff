//! Process managers and timers where several processes share a store by leases: nodes come, go, sleep and are killed in
//! the middle of everything, as one number decides.
//!
//! `SIMULATION_SEEDS=100000` plays more of them, a fifth of that number, `SIMULATION_FIRST=77` begins with the world of seed 77.

mod world;

use std::time::Duration;

use world::{LEASE, World};

use crate::{simulation::seeds, support::random::Random};

/// Tells which world it was that broke a promise.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the world of seed {0} broke a promise: repeat with SIMULATION_FIRST={0}", self.0);
        }
    }
}

fn in_virtual_time<T>(play: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(play)
}

/// Plays the world of a seed to its end and checks it; answers what happened in it.
fn play(seed: u64) -> Vec<String> {
    let _told_on_failure = Seed(seed);
    in_virtual_time(async {
        let random = Random::new(seed);
        let mut world = World::new(1 + random.index(4)).await;
        world.join().await;
        for _ in 0..15 + random.below(25) {
            match random.below(12) {
                0 | 1 if world.there() < 4 => world.join().await,
                2 if world.there() > 1 => world.kill(&random),
                3 if world.there() > 1 => world.leave(&random).await,
                4 => world.sleep_or_wake(&random),
                _ => world.act(&random).await,
            }
            let pause = LEASE.mul_f64(f64::from(u32::try_from(random.below(150)).unwrap()) / 100.0);
            tokio::time::sleep(pause).await;
        }
        world.come_to_rest().await;
        world.check().await
    })
}

#[test]
fn transfers_and_timers_come_about_once_whichever_node_dies() {
    let seeds = seeds();
    for seed in seeds.start..seeds.start + (seeds.end - seeds.start).div_ceil(5) {
        play(seed);
    }
}

#[test]
fn the_worlds_hold_what_they_are_meant_to_hold() {
    let happened: Vec<_> = (0..80).flat_map(play).collect();
    let told = ["killed", "left", "slept", "completed", "failed", "expired", "given", "observed da"];
    for what in told {
        assert!(happened.iter().any(|line| line.contains(what)), "nothing with {what}");
    }
}

/// The node that sends what is due is killed while timers wait: another sends them, at their time.
#[test]
fn timers_of_a_killed_node_are_sent_by_another_within_two_leases_and_never_early() {
    in_virtual_time(async {
        let mut world = World::new(2).await;
        world.join().await;
        world.until_timers_are_kept_by("node 0").await;
        world.join().await;
        let owner = world.keeper_of_timers().await;
        let timers = [world.give_after(Duration::from_secs(1)).await, world.give_after(LEASE * 5).await];
        world.kill_named(&owner);
        tokio::time::sleep(LEASE * 6).await;
        for (timer, patience) in timers.into_iter().zip([LEASE * 2, Duration::from_secs(2)]) {
            let given = world.given(timer).await.unwrap();
            let late_by = given.since(timer.due());
            assert!(given >= timer.due() && late_by <= patience, "late by {late_by:?}");
        }
        world.come_to_rest().await;
        world.check().await;
    });
}
