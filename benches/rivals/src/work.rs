//! The same work for all stores, in turns, for the disk has moods.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    event::append,
    stores::{Rival, open_all},
};

/// The work is cut into so many rounds.
const ROUNDS: u64 = 5;

/// Callers that append at the same time.
const CALLERS: u64 = 128;

/// Events of one large append.
const BATCH: usize = 1_024;

/// Streams that are read, and events in each of them, scattered over the whole store.
const STREAMS: u64 = 10_000;
const EACH: u64 = 50;

type Rivals = Vec<(&'static str, Arc<Rival>)>;

/// Measures everything and prints it.
pub fn run(folder: &Path, share: u64) -> anyhow::Result<()> {
    let runtime = runtime()?;
    let rivals: Rivals = open_all(folder)?.into_iter().map(|(name, rival)| (name, Arc::new(rival))).collect();
    println!("{:<44}{}", "", rivals.iter().map(|(name, _)| format!("{name:>14}")).collect::<String>());

    in_turns("lone durable append", &rivals, |rival, round| {
        let count = 2_000 / share / ROUNDS;
        runtime.block_on(async {
            for number in 0..count {
                rival.append(append(round * count + number, 1)).await?;
            }
            Ok(count)
        })
    })?;
    in_turns("128 callers, one event each", &rivals, |rival, round| {
        runtime.block_on(concurrent(rival, 100_000 / share / ROUNDS, round))
    })?;
    in_turns("batches of 1,024 events of 256 B", &rivals, |rival, round| {
        let count = 100 / share.min(5) / ROUNDS;
        runtime.block_on(async {
            for number in 0..count {
                rival.append(append(1_000_000 + (round * count + number) % 50, BATCH)).await?;
            }
            Ok(count * BATCH as u64)
        })
    })?;
    let streams = STREAMS / share;
    for (_, rival) in &rivals {
        runtime.block_on(scatter(rival, streams))?;
    }
    in_turns("scan of all events", &rivals, |rival, _| rival.reader()?.scan())?;
    in_turns("streams at random, 50 scattered events each", &rivals, |rival, round| {
        let mut reader = rival.reader()?;
        let mut count = 0;
        for number in 0..streams {
            let stream = 2_000_000 + (number * 7_919 + round) % streams;
            count += reader.stream(&format!("account-{stream}"))?;
        }
        anyhow::ensure!(count == streams * EACH, "{count} events were read");
        Ok(count)
    })
}

/// Two threads, as many as the machine that this is meant for has cores.
pub fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// Lets each store work in each round, and prints its rate and how many times slower it is than the log.
fn in_turns(
    what: &str,
    rivals: &Rivals,
    mut work: impl FnMut(&Arc<Rival>, u64) -> anyhow::Result<u64>,
) -> anyhow::Result<()> {
    let mut totals = vec![(0, Duration::ZERO); rivals.len()];
    for round in 0..ROUNDS {
        for ((_, rival), (count, took)) in rivals.iter().zip(&mut totals) {
            let begin = Instant::now();
            *count += work(rival, round)?;
            *took += begin.elapsed();
        }
    }
    let rates: Vec<_> = totals.iter().map(|(count, took)| *count as f64 / took.as_secs_f64()).collect();
    println!("{what:<44}{}", rates.iter().map(|rate| format!("{rate:>12.0}/s")).collect::<String>());
    let ratios = rates.iter().skip(1).map(|rate| format!("{:>13.1}x", rates[0] / rate));
    println!("{:<44}{:>14}{}", "  how many times as fast the log is", "", ratios.collect::<String>());
    Ok(())
}

/// Callers each of which waits for its own appends.
pub async fn concurrent(rival: &Arc<Rival>, count: u64, round: u64) -> anyhow::Result<u64> {
    let each = count / CALLERS;
    let callers = (0..CALLERS).map(|caller| {
        let rival = rival.clone();
        tokio::spawn(async move {
            for _ in 0..each {
                rival.append(append(500_000 + round * CALLERS + caller, 1)).await?;
            }
            anyhow::Ok(())
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(each * CALLERS)
}

/// Events of many streams, in turn. Appends are under way together, for this is not what is measured.
async fn scatter(rival: &Arc<Rival>, streams: u64) -> anyhow::Result<()> {
    for _ in 0..EACH {
        let appends = (0..streams).map(|number| {
            let rival = rival.clone();
            tokio::spawn(async move { rival.append(append(2_000_000 + number, 1)).await })
        });
        for append in appends.collect::<Vec<_>>() {
            append.await??;
        }
    }
    Ok(())
}
