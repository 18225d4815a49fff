//! One process writes, seals and scavenges with all its might; another copies and verifies its store meanwhile.
//!
//! The writers of the child tell each acknowledgement over a pipe, which is the record. `ENGINE_LOG_BACKUPS=500 cargo
//! test --release -p engine-log --test two_processes` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{
    collections::HashMap,
    io::{BufRead, Write},
    ops::Range,
    path::Path,
    process::Child,
    sync::{Arc, Condvar, Mutex},
};

use engine_log::{Compression, LogOptions, LogStore, backup, restore, verify};
use engine_store::{AppendRequest, EventStore, RecordedEvent, StreamMetadata};
use engine_types::ExpectedRevision;
use kit::{Random, how_many, stream, wait};

const DIRECTORY: &str = "ENGINE_LOG_CHILD_DIRECTORY";
const WRITERS: u64 = 64;
/// So many of them write into streams that are kept short, so that a scavenge finds something.
const SHORT: u64 = 16;
/// So many acknowledgements are waited for between two backups.
const BETWEEN: usize = 600;
/// So many backups are made of one store: it grows all the time, and behind each of them all of it is read.
const OF_ONE_STORE: u64 = 10;

fn options() -> LogOptions {
    let mut options = LogOptions::default().segment_bytes(256 << 10).compression(Compression::default());
    options.reserve_bytes = 64 << 10;
    options
}

/// What the child does: it is this test, started by the other one.
#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn write_until_killed(directory: &Path) {
    let store = LogStore::open(directory, options()).unwrap();
    for writer in 0..SHORT {
        let limit = StreamMetadata { max_count: Some(5), ..StreamMetadata::default() };
        store.set_stream_metadata(&name(writer), ExpectedRevision::Any, limit).await.unwrap();
    }
    for writer in 0..WRITERS {
        let store = store.clone();
        tokio::spawn(async move {
            loop {
                append_and_tell(&store, writer).await;
            }
        });
    }
    loop {
        store.scavenge(&|_| {}).await.unwrap();
    }
}

fn name(writer: u64) -> engine_types::StreamName {
    stream(&if writer < SHORT { format!("short-{writer}") } else { format!("long-{writer}") })
}

async fn append_and_tell(store: &LogStore, writer: u64) {
    let id = uuid::Uuid::now_v7();
    let event = engine_store::NewEvent { id, ..kit::event(&mut Random::seeded(writer + 1)) };
    let request = AppendRequest::to(name(writer), ExpectedRevision::Any, vec![event]);
    let appended = store.append(request).await.unwrap();
    let line = format!("ack {} {} {id}\n", name(writer), appended.streams[0].revision);
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

#[test]
#[ignore = "the child of the test below, which starts it"]
fn child() {
    if let Ok(directory) = std::env::var(DIRECTORY) {
        write_until_killed(Path::new(&directory));
    }
}

/// What the child acknowledged: the id by stream and revision; and whether it has ended.
type Record = HashMap<String, String>;
type Told = (Record, bool);

/// A child that writes, and the record of what it acknowledged.
struct Writing {
    child: Child,
    record: Arc<(Mutex<Told>, Condvar)>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Writing {
    fn start(directory: &Path) -> Self {
        let (child, output) = kit::child(DIRECTORY, directory);
        let lines = output.lines();
        let record: Arc<(Mutex<Told>, Condvar)> = Arc::default();
        let told = record.clone();
        // Ends with the child.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let words: Vec<_> = line.split(' ').collect();
                if words[0] == "ack" && words.len() == 4 {
                    let place = format!("{} {}", words[1], words[2]);
                    told.0.lock().unwrap().0.insert(place, words[3].to_owned());
                    told.1.notify_all();
                }
            }
            told.0.lock().unwrap().1 = true;
            told.1.notify_all();
        });
        Writing { child, record }
    }

    /// What is acknowledged by now: waits until that is enough.
    fn acknowledged(&self, enough: usize) -> Record {
        let (record, told) = &*self.record;
        let goes_on = |(record, ended): &mut Told| record.len() < enough && !*ended;
        let told = told.wait_while(record.lock().unwrap(), goes_on).unwrap();
        assert!(told.0.len() >= enough, "the child ended after {} acknowledgements", told.0.len());
        told.0.clone()
    }
}

#[test]
fn what_was_acknowledged_before_a_backup_by_another_process_began_is_in_it() {
    let backups = how_many("ENGINE_LOG_BACKUPS", 6);
    let mut first = 0;
    while first < backups {
        let next = backups.min(first + OF_ONE_STORE);
        back_up(first..next);
        first = next;
    }
}

/// Makes backups of one store, which is written meanwhile.
fn back_up(numbers: Range<u64>) {
    let root = tempfile::tempdir().unwrap();
    let (source, copy) = (root.path().join("store"), root.path().join("copy"));
    let writing = Writing::start(&source);
    let (mut enough, mut again, several) = (BETWEEN, 0, numbers.end - numbers.start > 1);
    for number in numbers {
        let acknowledged = writing.acknowledged(enough);
        let report = backup(&source, &copy, &|_| {}).unwrap_or_else(|error| panic!("{number}: {error}"));
        again += report.segments - report.copied;
        assert_eq!(verify(&copy, &|_| {}).unwrap().faults, [], "backup {number}");
        assert_eq!(verify(&source, &|_| {}).unwrap().faults, [], "the store, behind backup {number}");
        let back = root.path().join(format!("back-{number}"));
        restore(&copy, &back, &|_| {}).unwrap();
        let restored = LogStore::open(&back, options()).unwrap();
        check(&wait(kit::all_events(&restored)), &acknowledged, number);
        wait(restored.close()).unwrap();
        std::fs::remove_dir_all(&back).unwrap();
        enough = writing.acknowledged(0).len() + BETWEEN;
    }
    assert!(again > 0 || !several, "no backup found anything of the one before");
    drop(writing);
    LogStore::open(&source, options()).unwrap();
    assert_eq!(verify(&source, &|_| {}).unwrap().faults, []);
}

fn check(events: &[RecordedEvent], acknowledged: &Record, number: u64) {
    let place = |event: &RecordedEvent| format!("{} {}", event.stream, event.revision);
    let there: HashMap<_, _> = events.iter().map(|event| (place(event), event.id.to_string())).collect();
    assert_eq!(there.len(), events.len(), "backup {number}: a revision is there twice");
    let long = acknowledged.iter().filter(|(place, _)| place.starts_with("long"));
    for (place, id) in long {
        assert_eq!(there.get(place), Some(id), "backup {number}: {place} was acknowledged before");
    }
    // What is kept short may have lost its beginning, but never its end.
    for writer in 0..SHORT {
        let last = |places: &mut dyn Iterator<Item = &String>| {
            let prefix = format!("{} ", name(writer));
            places.filter_map(|place| place.strip_prefix(&prefix)?.parse::<u64>().ok()).max()
        };
        let (acknowledged, found) = (last(&mut acknowledged.keys()), last(&mut there.keys()));
        assert!(found >= acknowledged, "backup {number}: {} ends too early", name(writer));
    }
}
