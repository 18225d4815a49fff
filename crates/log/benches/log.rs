//! The log beside the raw file: the same bytes, on the same disk, in the same run.
//!
//! `cargo bench -p engine-log` prints each figure with its ratio to the raw file. The directory is
//! `ENGINE_LOG_BENCH_DIR`, or a temporary one beside the build.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss)] // a program for developers, whose figures are rough

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use engine_log::{LogOptions, LogStore};
use engine_store::{AppendRequest, ContentType, EventStore, NewEvent, ReadAll, ReadFrom, ReadStream};
use engine_types::{ExpectedRevision, Position, StreamName};
use uuid::Uuid;

const EVENT_BYTES: usize = 256;

fn main() {
    let home = std::env::var("ENGINE_LOG_BENCH_DIR")
        .map_or_else(|_| Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned(), PathBuf::from);
    let directory = tempfile::tempdir_in(home).unwrap();
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let wanted = |name: &str| name.contains(&only);
    if wanted("lone") {
        lone_appends(directory.path());
    }
    if wanted("batches") {
        batches(directory.path());
    }
    if wanted("concurrent") {
        for callers in [2, 16, 128, 1_024] {
            runtime.block_on(concurrent(directory.path(), callers, "two threads"));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for callers in [2, 16, 128, 1_024] {
            runtime.block_on(concurrent(directory.path(), callers, "one thread"));
        }
    }
    if wanted("read") {
        runtime.block_on(reads(directory.path()));
    }
    // Takes minutes and gigabytes, so only by name.
    if only == "size" {
        let events =
            std::env::var("ENGINE_LOG_BENCH_EVENTS").map_or(10_000_000, |text| text.parse().unwrap());
        runtime.block_on(size(directory.path(), events));
    }
}

fn report(what: &str, count: u64, took: Duration, floor: Option<f64>) -> f64 {
    let rate = count as f64 / took.as_secs_f64();
    let ratio =
        floor.map_or_else(String::new, |floor| format!("  {:5.1} % of the raw file", 100.0 * rate / floor));
    println!("{what:<52} {rate:>12.0}/s{ratio}");
    rate
}

fn event(payload: &Bytes) -> NewEvent {
    NewEvent {
        id: Uuid::now_v7(),
        event_type: TYPE.with(Arc::clone),
        content_type: ContentType::Json,
        data: payload.clone(),
        metadata: Bytes::new(),
    }
}

thread_local! {
    static TYPE: Arc<str> = "MoneyDeposited".into();
}

fn payload() -> Bytes {
    vec![b'x'; EVENT_BYTES].into()
}

fn request(stream: StreamName, events: Vec<NewEvent>) -> AppendRequest {
    AppendRequest::to(stream, ExpectedRevision::Any, events)
}

/// A file as the log has it: room is reserved, and so much of it filled with zeros.
fn raw_file(directory: &Path, zeros: usize) -> File {
    let file = File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(directory.join("raw"))
        .unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 512 << 20).unwrap();
    file.write_all_at(&vec![0; zeros], 0).unwrap();
    file.sync_all().unwrap();
    file
}

/// One caller that waits for each append. The raw file and the log take turns, for the disk has moods.
fn lone_appends(directory: &Path) {
    const ROUNDS: u64 = 20;
    const APPENDS: u64 = 200;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = LogStore::open(directory.join("lone"), LogOptions::default()).unwrap();
    let file = raw_file(directory, 4 << 20);
    let (bytes, payload) = (vec![7; EVENT_BYTES + 104], payload());
    let (mut raw, mut log, mut offset) = (Duration::ZERO, Duration::ZERO, 0);
    let mut latencies = Vec::new();
    for round in 0..ROUNDS {
        let begin = Instant::now();
        for _ in 0..APPENDS {
            file.write_all_at(&bytes, offset).unwrap();
            file.sync_data().unwrap();
            offset += bytes.len() as u64;
        }
        raw += begin.elapsed();
        let begin = Instant::now();
        for number in 0..APPENDS {
            let stream = StreamName::new(format!("account-{}", round * APPENDS + number)).unwrap();
            let one = Instant::now();
            runtime.block_on(store.append(request(stream, vec![event(&payload)]))).unwrap();
            latencies.push(one.elapsed());
        }
        log += begin.elapsed();
    }
    let floor = report("raw write + fdatasync", ROUNDS * APPENDS, raw, None);
    report("lone durable append", ROUNDS * APPENDS, log, Some(floor));
    latencies.sort();
    let at = |share: usize| latencies[latencies.len() * share / 1_000];
    println!("{:<52} p50 {:?}  p99 {:?}  p99.9 {:?}", "", at(500), at(990), at(999));
}

/// One caller that appends 1,024 events at a time.
fn batches(directory: &Path) {
    const BATCHES: u64 = 400;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = LogStore::open(directory.join("batches"), LogOptions::default()).unwrap();
    let file = raw_file(directory, 0);
    let bytes = vec![7; 1_024 * (EVENT_BYTES + 104)];
    let payload = payload();
    let (mut raw, mut log, mut prepare) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    for number in 0..BATCHES {
        let begin = Instant::now();
        std::hint::black_box(crc32c::crc32c(&bytes));
        file.write_all_at(&bytes, number * bytes.len() as u64).unwrap();
        file.sync_data().unwrap();
        raw += begin.elapsed();
        let begin = Instant::now();
        let events = (0..1_024).map(|_| event(&payload)).collect();
        let stream = StreamName::new(format!("account-{}", number % 50)).unwrap();
        prepare += begin.elapsed();
        let begin = Instant::now();
        runtime.block_on(store.append(request(stream, events))).unwrap();
        log += begin.elapsed();
    }
    let floor = report("raw checksum + write + fdatasync of 1,024 events", BATCHES * 1_024, raw, None);
    report("batches of 1,024 events of 256 B", BATCHES * 1_024, log, Some(floor));
    println!("{:<52} {:?} to make the events of a batch", "", prepare / u32::try_from(BATCHES).unwrap());
}

/// Many callers, each of which waits for its own append of one event.
async fn concurrent(directory: &Path, callers: u64, threads: &str) {
    let name = format!("{callers} callers in {threads}, one event each");
    let store = LogStore::open(directory.join(&name), LogOptions::default()).unwrap();
    let each = (400_000 / callers).min(5_000);
    let payload = payload();
    let begin = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (store, payload) = (store.clone(), payload.clone());
            tokio::spawn(async move {
                let stream = StreamName::new(format!("account-{caller}")).unwrap();
                for _ in 0..each {
                    store.append(request(stream.clone(), vec![event(&payload)])).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    report(&name, callers * each, begin.elapsed(), None);
}

async fn reads(directory: &Path) {
    const STREAMS: u64 = 20_000;
    const ROUNDS: u64 = 50;
    let path = directory.join("reads");
    let store = LogStore::open(&path, LogOptions::default()).unwrap();
    let payload = payload();
    for round in 0..ROUNDS {
        for first in (0..STREAMS).step_by(500) {
            let part = |number: u64| engine_store::StreamAppend {
                stream: StreamName::new(format!("account-{number}")).unwrap(),
                expected: ExpectedRevision::Any,
                events: vec![event(&payload)],
            };
            store.append(AppendRequest::to_many((first..first + 500).map(part).collect())).await.unwrap();
        }
        std::hint::black_box(round);
    }
    read_all(&store, "scan of all events, as they were written").await;
    read_streams(&store, "streams at random, 50 events each").await;
    read_tails(&store, "newest event of a stream at random").await;
    let begin = Instant::now();
    store.close().await.unwrap();
    println!("{:<52} {:?}", "close", begin.elapsed());
    let begin = Instant::now();
    let store = LogStore::open(&path, LogOptions::default()).unwrap();
    println!("{:<52} {:?} with {} events", "open after a clean stop", begin.elapsed(), STREAMS * ROUNDS);
    read_all(&store, "scan of all events, indexes on disk").await;
    read_streams(&store, "streams at random, 50 events each, indexes on disk").await;
    read_tails(&store, "newest event at random, indexes on disk").await;
}

async fn read_all(store: &LogStore, what: &str) {
    let begin = Instant::now();
    let mut count = 0;
    let mut next = Position::FIRST;
    loop {
        let page = store.read_all(ReadAll::forwards().from(next)).await.unwrap();
        count += page.events.len() as u64;
        next = page.next.unwrap();
        if page.end {
            break;
        }
    }
    report(what, count, begin.elapsed(), None);
}

async fn read_streams(store: &LogStore, what: &str) {
    let begin = Instant::now();
    let mut count = 0;
    for number in 0..10_000_u64 {
        let stream = StreamName::new(format!("account-{}", number * 7_919 % 20_000)).unwrap();
        count += store.read_stream(ReadStream::forwards(stream)).await.unwrap().events.len() as u64;
    }
    report(what, count, begin.elapsed(), None);
}

async fn read_tails(store: &LogStore, what: &str) {
    let begin = Instant::now();
    for number in 0..100_000_u64 {
        let stream = StreamName::new(format!("account-{}", number * 7_919 % 20_000)).unwrap();
        let request = ReadStream { from: ReadFrom::End, ..ReadStream::backwards(stream).limit(1) };
        assert_eq!(store.read_stream(request).await.unwrap().events.len(), 1);
    }
    report(what, 100_000, begin.elapsed(), None);
}

/// Nothing grows with the size of the store: as many streams as events, and what they cost.
async fn size(directory: &Path, events: u64) {
    let path = directory.join("size");
    let options = || {
        let mut options = LogOptions::default();
        options.remembered_ids = 100_000;
        options
    };
    let store = LogStore::open(&path, options()).unwrap();
    let payload = payload();
    println!("{:<52} {} MiB", "memory of the process before", resident_mib());
    let begin = Instant::now();
    for first in (0..events).step_by(1_000) {
        let part = |number: u64| engine_store::StreamAppend {
            stream: StreamName::new(format!("account-{}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
                .unwrap(),
            expected: ExpectedRevision::NoStream,
            events: vec![event(&payload)],
        };
        store.append(AppendRequest::to_many((first..first + 1_000).map(part).collect())).await.unwrap();
    }
    report("events, each in a stream of its own", events, begin.elapsed(), None);
    println!("{:<52} {} MiB", "memory of the process", resident_mib());
    let begin = Instant::now();
    store.close().await.unwrap();
    println!("{:<52} {:?}", "close", begin.elapsed());
    drop(store);
    let begin = Instant::now();
    let store = LogStore::open(&path, options()).unwrap();
    println!("{:<52} {:?}", "open after a clean stop", begin.elapsed());
    println!("{:<52} {} MiB", "memory of the process", resident_mib());
    let begin = Instant::now();
    let cold = 100_000;
    for number in 0..cold {
        let number = (number * 7_919_777 % events).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let stream = StreamName::new(format!("account-{number}")).unwrap();
        assert_eq!(store.read_stream(ReadStream::forwards(stream)).await.unwrap().events.len(), 1);
    }
    report("cold streams at random, one event each", cold, begin.elapsed(), None);
    println!("{:<52} {} MiB", "memory of the process", resident_mib());
    read_all(&store, "scan of all events").await;
    println!("{:<52} {} MiB", "memory of the process", resident_mib());
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1_024
}
