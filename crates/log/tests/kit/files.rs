//! Stores as the files that they consist of.

use engine_log::disk::sim::SimDisk;
use engine_store::{AppendRequest, EventStore};
use engine_types::ExpectedRevision;

use super::{Call, Random, Seen, event, is, open, stream, tamper::Files, wait};

/// A store after a random workload, with several segments: as it was closed, or as a crash leaves it.
pub fn store_files(start: u64, closed: bool) -> (Files, Seen) {
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    let mut random = Random::seeded(start);
    for _ in 0..150 {
        let call = Call::random(&mut random);
        if !matches!(call, Call::Reopen) {
            let _answer = wait(call.make(&store));
        }
    }
    // The second of the last two proves that all before it had been on disk.
    for _ in 0..2 {
        let last = AppendRequest::to(stream("last-1"), ExpectedRevision::Any, vec![event(&mut random)]);
        wait(store.append(last)).unwrap();
    }
    let seen = wait(super::seen(&store));
    if closed {
        wait(store.close()).unwrap();
    }
    let files = disk.files();
    drop(store);
    assert!(files.keys().filter(|name| is(name, "log")).count() > 1, "several segments");
    (files, seen)
}

/// The files without those that are built again when they are damaged.
pub fn without_indexes(disk: &SimDisk) -> Files {
    let mut files = disk.files();
    files.retain(|name, _| !is(name, "idx"));
    files
}

/// The frames of the last segment: where each begins.
pub fn frames_of_last(files: &Files) -> (String, Vec<usize>) {
    let (name, bytes) = files.iter().rfind(|(name, _)| is(name, "log")).unwrap();
    let mut offsets = Vec::new();
    let mut at = 64;
    while at + 4 <= bytes.len() {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        if length == 0 {
            break;
        }
        offsets.push(at);
        at += length.next_multiple_of(8);
    }
    (name.clone(), offsets)
}

/// A store with three appends, as a crash leaves it.
pub fn three_appends() -> Files {
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    let mut random = Random::seeded(6);
    for _ in 0..3 {
        let events = vec![event(&mut random)];
        wait(store.append(AppendRequest::to(stream("account-1"), ExpectedRevision::Any, events))).unwrap();
    }
    disk.files()
}
