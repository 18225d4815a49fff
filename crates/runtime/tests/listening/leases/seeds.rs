//! Nodes that come, go, sleep and are killed as one number decides.

use std::time::Duration;

use super::nodes::{LEASE, Nodes};
use crate::{simulation::seeds, support::random::Random};

fn play(seed: u64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(async {
        let random = Random::new(seed);
        let mut nodes = Nodes::new(1 + random.index(6));
        nodes.join().await;
        let (mut events, mut asleep) = (0, None);
        for _ in 0..8 + random.below(12) {
            let there = nodes.there();
            let node = there[random.index(there.len())];
            match random.below(10) {
                0 | 1 if there.len() < 4 => {
                    nodes.join().await;
                }
                2 if there.len() > 1 && asleep != Some(node) => nodes.leave(node).await,
                3 if there.len() > 1 && asleep != Some(node) => nodes.kill(node),
                4 | 5 => {
                    if let Some(sleeper) = asleep.take() {
                        nodes.wake(sleeper);
                    } else {
                        nodes.sleep(node);
                        asleep = Some(node);
                    }
                }
                _ => {
                    let more = random.below(30);
                    nodes.append(events..events + more).await;
                    events += more;
                }
            }
            tokio::time::sleep(LEASE.mul_f64(f64::from(u32::try_from(random.below(150)).unwrap()) / 100.0))
                .await;
        }
        if let Some(sleeper) = asleep {
            nodes.wake(sleeper);
        }
        let all = tokio::time::timeout(Duration::from_secs(60), nodes.until_handled(events)).await;
        assert!(all.is_ok(), "seed {seed}: not all were handled: repeat with SIMULATION_FIRST={seed}");
        nodes.check();
    });
}

#[test]
fn nothing_is_lost_whoever_comes_goes_sleeps_or_is_killed() {
    let seeds = seeds();
    for seed in seeds.start..seeds.start + (seeds.end - seeds.start).div_ceil(5) {
        play(seed);
    }
}
