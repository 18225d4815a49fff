//! What the options of a store cost: plain, with the hash chain, and compressed, by turns in the same run.
//!
//! `cargo bench -p engine-log --bench options`. The directory is `ENGINE_LOG_BENCH_DIR`, or a temporary one beside the build.

#![allow(clippy::unwrap_used, clippy::cast_precision_loss)] // a program for developers, whose figures are rough

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use engine_log::{Compression, LogOptions, LogStore, verify};
use engine_store::{AppendRequest, ContentType, EventStore, NewEvent, ReadAll};
use engine_types::{ExpectedRevision, Position, StreamName};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

const ROUNDS: u64 = 5;
const LONE: u64 = 1_000;
const BATCHES: u64 = 200;
const BATCH: u64 = 1_024;
const EVENT_BYTES: usize = 256;

fn main() {
    let home = std::env::var("ENGINE_LOG_BENCH_DIR")
        .map_or_else(|_| Path::new(env!("CARGO_TARGET_TMPDIR")).to_owned(), PathBuf::from);
    let directory = tempfile::tempdir_in(home).unwrap();
    let runtime = Builder::new_current_thread().build().unwrap();
    let kinds = [
        ("plain", LogOptions::default()),
        ("chain=blake3", LogOptions::default().chained()),
        ("compression=zstd", LogOptions::default().compression(Compression::default())),
        ("both", LogOptions::default().compression(Compression::default()).chained()),
    ];
    let mut figures = kinds.clone().map(|_| Figures::default());
    // The disk has moods, so that each kind has its turn in each round.
    for round in 0..ROUNDS {
        for ((name, options), figures) in kinds.iter().zip(&mut figures) {
            // So small that all of it but the end is finished, and so compressed.
            let options = options.clone().segment_bytes(8 << 20);
            figures.add(&measure(&runtime, &directory.path().join(format!("{name}-{round}")), options));
        }
    }
    println!(
        "{:<18} {:>12} {:>14} {:>14} {:>14} {:>12}",
        "", "lone", "batches", "scan", "verify", "bytes/event"
    );
    for ((name, _), figures) in kinds.iter().zip(&figures) {
        figures.tell(name);
    }
}

/// How long each kind of work took, over all rounds.
#[derive(Debug, Default)]
struct Figures {
    lone: Duration,
    batches: Duration,
    scan: Duration,
    verify: Duration,
    bytes: u64,
}

impl Figures {
    fn add(&mut self, round: &Figures) {
        self.lone += round.lone;
        self.batches += round.batches;
        self.scan += round.scan;
        self.verify += round.verify;
        self.bytes += round.bytes;
    }

    fn tell(&self, name: &str) {
        let rate =
            |count: u64, took: Duration| format!("{:.0}/s", (count * ROUNDS) as f64 / took.as_secs_f64());
        let all = BATCHES * BATCH + LONE;
        println!(
            "{name:<18} {:>12} {:>14} {:>14} {:>14} {:>12.1}",
            rate(LONE, self.lone),
            rate(BATCHES * BATCH, self.batches),
            rate(all, self.scan),
            rate(all, self.verify),
            self.bytes as f64 / (all * ROUNDS) as f64
        );
    }
}

/// Fills a store, closes it, and reads and checks what is there.
fn measure(runtime: &Runtime, path: &Path, options: LogOptions) -> Figures {
    let store = LogStore::open(path, options.clone()).unwrap();
    let begin = Instant::now();
    for number in 0..LONE {
        append(runtime, &store, number, 1);
    }
    let lone = begin.elapsed();
    let requests: Vec<_> = (0..BATCHES).map(|number| request(number, BATCH)).collect();
    let begin = Instant::now();
    for request in requests {
        runtime.block_on(store.append(request)).unwrap();
    }
    let batches = begin.elapsed();
    // Waits until what is full is compressed.
    runtime.block_on(store.close()).unwrap();
    drop(store);
    let store = LogStore::open(path, options).unwrap();
    let begin = Instant::now();
    assert_eq!(runtime.block_on(scan(&store)), BATCHES * BATCH + LONE);
    let scan = begin.elapsed();
    runtime.block_on(store.close()).unwrap();
    let begin = Instant::now();
    assert_eq!(verify(path, &|_| {}).unwrap().faults, []);
    let (verify, bytes) = (begin.elapsed(), segment_bytes(path));
    std::fs::remove_dir_all(path).unwrap();
    Figures { lone, batches, scan, verify, bytes }
}

fn append(runtime: &Runtime, store: &LogStore, number: u64, events: u64) {
    runtime.block_on(store.append(request(number, events))).unwrap();
}

fn request(number: u64, events: u64) -> AppendRequest {
    let stream = StreamName::new(format!("account-{}", number % 50)).unwrap();
    let events = (0..events).map(|event| self::event(number * BATCH + event)).collect();
    AppendRequest::to(stream, ExpectedRevision::Any, events)
}

/// An event of 256 bytes of JSON, as an application has them: the same fields, and other values each time.
fn event(number: u64) -> NewEvent {
    let mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut data = format!(
        r#"{{"account":"account-{number}","amount_cents":{},"currency":"EUR","reference":"{mixed:016x}","booked_by":"{:016x}","note":""#,
        mixed % 100_000,
        mixed.rotate_left(31)
    );
    while data.len() < EVENT_BYTES - 2 {
        data.push_str(match (mixed >> (data.len() % 32)) % 4 {
            0 => "rent ",
            1 => "food ",
            2 => "books ",
            _ => "travel ",
        });
    }
    data.truncate(EVENT_BYTES - 2);
    data.push_str("\"}");
    NewEvent {
        id: Uuid::now_v7(),
        event_type: "MoneyDeposited".into(),
        content_type: ContentType::Json,
        data: Bytes::from(data),
        metadata: Bytes::new(),
    }
}

async fn scan(store: &LogStore) -> u64 {
    let (mut count, mut next) = (0, Position::FIRST);
    loop {
        let page = store.read_all(ReadAll::forwards().from(next)).await.unwrap();
        count += page.events.len() as u64;
        next = page.next.unwrap();
        if page.end {
            return count;
        }
    }
}

/// The bytes of all segments on the disk.
fn segment_bytes(path: &Path) -> u64 {
    let files = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap());
    let segments = files.filter(|entry| entry.path().extension().is_some_and(|end| end == "log"));
    segments.map(|entry| entry.metadata().unwrap().len()).sum()
}
