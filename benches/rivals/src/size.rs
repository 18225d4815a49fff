//! Whether the log becomes slower with its size: the same figures with few events and with many, and what the files
//! themselves give at that size, measured in turns with it.

mod floor;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use engine_store::EventStore;
use tokio::runtime::Runtime;

use crate::{
    event::append,
    stores::{Log, Reader, Rival},
    work::{concurrent, runtime},
};
use floor::{Appends, Segments};

/// Events of one stream, scattered over the whole store.
const EACH: u64 = 20;

/// Events that are written together when the store is filled.
const TOGETHER: u64 = 20_000;

/// So often a stream is read.
const READ: u64 = 20_000;

/// So many events are scanned at least, if need be again and again.
const SCANNED: u64 = 5_000_000;

/// Lone appends are made in so many rounds of so many.
const ROUNDS: u64 = 20;
const APPENDS: u64 = 100;

/// Measures with so many events, and prints one column for each size.
pub fn run(folder: &Path, sizes: &[u64], share: u64) -> anyhow::Result<()> {
    let mut columns = Vec::new();
    for size in sizes {
        columns.push(measure(&folder.join(size.to_string()), *size / share)?);
    }
    println!("{:<44}{}", "", sizes.iter().map(|size| format!("{:>24}", size / share)).collect::<String>());
    for line in 0..columns[0].len() {
        let figures = columns.iter().map(|column| format!("{:>24}", column[line].1));
        println!("{:<44}{}", columns[0][line].0, figures.collect::<String>());
    }
    Ok(())
}

type Figures = Vec<(&'static str, String)>;

fn measure(folder: &Path, events: u64) -> anyhow::Result<Figures> {
    let runtime = runtime()?;
    let log = Log::open(folder)?;
    let streams = (events / EACH).max(1);
    let begin = Instant::now();
    runtime.block_on(fill(&log, events, streams))?;
    let mut figures = vec![("filling, events", rate(events, begin.elapsed()))];
    runtime.block_on(log.store().close())?;
    drop(log);
    let begin = Instant::now();
    let log = Log::open(folder)?;
    figures.push(("open after a clean stop", format!("{:.1?}", begin.elapsed())));
    figures.push(("memory of the process, just opened", format!("{} MiB", resident_mib())));
    let begin = Instant::now();
    settle(folder)?;
    figures.push(("until all indexes are merged", format!("{:.1?}", begin.elapsed())));
    reading(&log, folder, streams, &mut figures)?;
    lone_appends(&log, folder, &runtime, streams, &mut figures)?;
    let rival = Arc::new(Rival::Log(log.clone()));
    let begin = Instant::now();
    let count = runtime.block_on(concurrent(&rival, 200_000, 0))?;
    figures.push(("128 callers, one event each", rate(count, begin.elapsed())));
    let begin = Instant::now();
    for number in 0..100 {
        runtime.block_on(log.append(append(900_000_000 + number, 1_024)))?;
    }
    figures.push(("batches of 1,024 events", rate(102_400, begin.elapsed())));
    figures.push(("memory of the process, at the end", format!("{} MiB", resident_mib())));
    runtime.block_on(log.store().close())?;
    Ok(figures)
}

/// Waits until the store has nothing to do by itself: until its indexes have stayed as they are for two seconds.
fn settle(folder: &Path) -> anyhow::Result<()> {
    let indexes = || -> anyhow::Result<Vec<String>> {
        let names =
            std::fs::read_dir(folder)?.map(|file| Ok(file?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<anyhow::Result<Vec<_>>>()?;
        names.retain(|name| name.contains(".idx"));
        names.sort();
        Ok(names)
    };
    let mut before = indexes()?;
    loop {
        std::thread::sleep(Duration::from_secs(2));
        let now = indexes()?;
        if now == before && !now.iter().any(|name| name.contains(".new")) {
            return Ok(());
        }
        before = now;
    }
}

/// Streams at random, each followed by as many reads of the files at random; then everything.
fn reading(log: &Log, folder: &Path, streams: u64, figures: &mut Figures) -> anyhow::Result<()> {
    let mut reader = log.reader()?;
    let mut files = Segments::of(folder)?;
    for what in ["streams at random, events, cold", "streams at random, events, warm"] {
        let (mut count, mut took, mut raw) = (0, Duration::ZERO, Duration::ZERO);
        files.begin_again();
        for number in 0..READ {
            let name = format!("account-{}", number * 7_919 % streams);
            let begin = Instant::now();
            let read = reader.stream(&name)?;
            took += begin.elapsed();
            raw += files.read_at_random(read)?;
            count += read;
        }
        figures.push((what, beside(count, took, raw)));
    }
    // The first time it is read into the memory of the system, as far as it has room.
    let times = SCANNED.div_ceil(reader.scan()?);
    let (mut count, mut took, mut raw) = (0, Duration::ZERO, Duration::ZERO);
    for _ in 0..times {
        let begin = Instant::now();
        count += reader.scan()?;
        took += begin.elapsed();
        raw += files.read_all()?;
    }
    figures.push(("scan of all events", beside(count, took, raw)));
    Ok(())
}

/// One caller that waits for each append, in turns with one that writes and syncs a file.
fn lone_appends(
    log: &Log,
    folder: &Path,
    runtime: &Runtime,
    streams: u64,
    figures: &mut Figures,
) -> anyhow::Result<()> {
    let mut file = Appends::to(&folder.with_extension("raw"))?;
    let (mut took, mut raw) = (Duration::ZERO, Duration::ZERO);
    for round in 0..ROUNDS {
        raw += file.append(APPENDS)?;
        let begin = Instant::now();
        runtime.block_on(async {
            for number in round * APPENDS..(round + 1) * APPENDS {
                log.append(append(number * 7_919 % streams, 1)).await?;
            }
            anyhow::Ok(())
        })?;
        took += begin.elapsed();
    }
    figures.push(("lone durable append", beside(ROUNDS * APPENDS, took, raw)));
    Ok(())
}

/// Events of all streams in turn; many appends are under way together.
async fn fill(log: &Log, events: u64, streams: u64) -> anyhow::Result<()> {
    for first in (0..events).step_by(usize::try_from(TOGETHER)?) {
        let appends = (first..events.min(first + TOGETHER)).map(|number| {
            let log = log.clone();
            tokio::spawn(async move { log.append(append(number % streams, 1)).await })
        });
        for append in appends.collect::<Vec<_>>() {
            append.await??;
        }
    }
    Ok(())
}

fn rate(count: u64, took: Duration) -> String {
    format!("{:.0}/s", count as f64 / took.as_secs_f64())
}

/// A rate, and what share it is of that of the files.
fn beside(count: u64, took: Duration, raw: Duration) -> String {
    let share = 100.0 * raw.as_secs_f64() / took.as_secs_f64();
    format!("{}, {share:.0} % of raw", rate(count, took))
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1_024
}
