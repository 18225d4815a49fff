//! A process that is killed loses nothing that it acknowledged.
//!
//! A child appends with many writers and tells each acknowledgement over a pipe, which is the record; the parent
//! kills it at some moment with SIGKILL, opens the store and compares. `ENGINE_LOG_KILLS=500 cargo test
//! --release -p engine-log --test kill` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{
    collections::HashMap,
    io::{BufRead, Write},
    path::Path,
};

use engine_log::{LogOptions, LogStore, verify};
use engine_store::{AppendRequest, EventStore, RecordedEvent};
use engine_types::ExpectedRevision;
use kit::{Random, how_many, stream, wait};

const DIRECTORY: &str = "ENGINE_LOG_CHILD_DIRECTORY";
const WRITERS: usize = 64;

fn options() -> LogOptions {
    let mut options = LogOptions::default().segment_bytes(512 << 10);
    options.reserve_bytes = 128 << 10;
    options
}

/// What the child does: it is this test, started by the other one.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn append_until_killed(directory: &Path) {
    let store = LogStore::open(directory, options()).unwrap();
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move { while append_and_tell(&store, writer as u64).await {} })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Appends one event, and answers whether to go on: always.
async fn append_and_tell(store: &LogStore, writer: u64) -> bool {
    let name = stream(&format!("writer-{writer}"));
    let id = uuid::Uuid::now_v7();
    let event = engine_store::NewEvent { id, ..kit::event(&mut Random::seeded(writer + 1)) };
    let appended =
        store.append(AppendRequest::to(name.clone(), ExpectedRevision::Any, vec![event])).await.unwrap();
    let line = format!("ack {name} {} {id}\n", appended.streams[0].revision);
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    true
}

#[test]
#[ignore = "the child of the test below, which starts it"]
fn child() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        append_until_killed(Path::new(&directory));
    }
}

/// Starts a child, lets it acknowledge so many appends, kills it, and answers all that it acknowledged.
fn run_and_kill(directory: &Path, acknowledgements: u64) -> Vec<String> {
    let (mut child, output) = kit::child(DIRECTORY, directory);
    let mut lines = output.split(b'\n');
    let mut acknowledged = Vec::new();
    let mut take = |line: Vec<u8>| {
        let line = String::from_utf8(line).unwrap();
        // The last line may be cut off by the kill.
        if line.starts_with("ack ") && line.split(' ').nth(3).is_some_and(|id| id.len() == 36) {
            acknowledged.push(line);
        }
        acknowledged.len() as u64
    };
    for line in lines.by_ref() {
        if take(line.unwrap()) >= acknowledgements {
            break;
        }
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for line in lines {
        take(line.unwrap());
    }
    acknowledged
}

#[test]
fn a_killed_process_loses_nothing_that_it_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let mut random = Random::seeded(how_many("ENGINE_LOG_SEED", 1));
    let mut record: HashMap<String, String> = HashMap::new();
    for cycle in 0..how_many("ENGINE_LOG_KILLS", 4) {
        for line in run_and_kill(directory.path(), 1 + random.below(3_000)) {
            let words: Vec<_> = line.split(' ').collect();
            let before = record.insert(format!("{} {}", words[1], words[2]), words[3].to_owned());
            assert_eq!(before, None, "cycle {cycle}: a revision was given twice");
        }
        let store = LogStore::open(directory.path(), options()).unwrap();
        if cycle < 10 || cycle % 50 == 0 {
            let events = wait(kit::all_events(&store));
            check(&events, &record, cycle);
            wait(kit::check_streams(&store, &events));
        }
        drop(store);
    }
    let store = LogStore::open(directory.path(), options()).unwrap();
    check(&wait(kit::all_events(&store)), &record, u64::MAX);
    drop(store);
    assert_eq!(verify(directory.path(), &|_| {}).unwrap().faults, []);
}

fn check(events: &[RecordedEvent], record: &HashMap<String, String>, cycle: u64) {
    let there: HashMap<_, _> = events
        .iter()
        .map(|event| (format!("{} {}", event.stream, event.revision), event.id.to_string()))
        .collect();
    for (place, id) in record {
        assert_eq!(there.get(place), Some(id), "cycle {cycle}: {place} was acknowledged");
    }
}
