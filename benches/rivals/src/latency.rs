//! How long appends take that come at a fixed rate, whatever the store does: an open loop.
//!
//! Each append has a time at which it is due, and its latency is counted from then: appends that wait because others
//! before them took long are slow too, as they are for users.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use tokio::sync::mpsc;

use crate::{
    event::append,
    stores::{Rival, open_all},
    work::runtime,
};

/// Streams that are appended to.
const STREAMS: u64 = 1_000;

/// A store that is so far behind is given up.
const MOST_BEHIND: u64 = 50_000;

/// Measures each store at each rate and prints percentiles.
pub fn run(folder: &Path, rates: &[u64], seconds: u64) -> anyhow::Result<()> {
    let runtime = runtime()?;
    println!("{:<10}{:>10}{:>12}{:>12}{:>12}{:>12}", "", "rate", "p50", "p99", "p99.9", "most");
    for rate in rates {
        // A store of its own for each rate: none carries what the rate before left behind.
        for (name, rival) in open_all(&folder.join(rate.to_string()))? {
            let measured = measure(&runtime, &Arc::new(rival), *rate, seconds)?;
            match measured {
                Some(histogram) => {
                    let at = |share| Duration::from_micros(histogram.value_at_quantile(share));
                    let most = Duration::from_micros(histogram.max());
                    println!(
                        "{name:<10}{rate:>8}/s{:>12.2?}{:>12.2?}{:>12.2?}{most:>12.2?}",
                        at(0.5),
                        at(0.99),
                        at(0.999)
                    );
                }
                None => println!("{name:<10}{rate:>8}/s{:>12}", "falls behind"),
            }
        }
    }
    Ok(())
}

fn measure(
    runtime: &tokio::runtime::Runtime,
    rival: &Arc<Rival>,
    rate: u64,
    seconds: u64,
) -> anyhow::Result<Option<Histogram<u64>>> {
    let (tell, mut told) = mpsc::unbounded_channel();
    let begin = Instant::now() + Duration::from_millis(10);
    let count = rate * seconds;
    let mut histogram = Histogram::new_with_bounds(1, 3_600_000_000, 3)?;
    for number in 0..count {
        let due = begin + Duration::from_nanos(number * 1_000_000_000 / rate);
        // The generator never waits for an answer, only for the time.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let (rival, tell) = (rival.clone(), tell.clone());
        runtime.spawn(async move {
            let appended = rival.append(append(number % STREAMS, 1)).await;
            // Whoever listens may have given up.
            let _gone = tell.send(appended.map(|()| due.elapsed()));
        });
        while let Ok(took) = told.try_recv() {
            histogram.saturating_record(micros(took?));
        }
        // The one that was just begun may be answered, too.
        if number + 1 - histogram.len() > MOST_BEHIND {
            return Ok(None);
        }
    }
    while histogram.len() < count {
        let Some(took) = told.blocking_recv() else { break };
        histogram.saturating_record(micros(took?));
    }
    Ok(Some(histogram))
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
