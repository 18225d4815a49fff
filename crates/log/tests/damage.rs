//! Bytes that change by themselves are found, and never returned as data.
//!
//! `ENGINE_LOG_FLIPS=50000 cargo test --release -p engine-log --test damage` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::collections::BTreeMap;

use engine_log::{LogStore, OpenError, disk::sim::SimDisk};
use engine_store::{EventStore, ReadAll, ReadError, ReadStream, RecordedEvent};
use engine_types::StreamName;
use kit::{
    Random, Seen,
    files::{store_files, without_indexes},
    how_many, open,
    tamper::Files,
    wait,
};

fn flip(files: &Files, random: &mut Random) -> (Files, String) {
    let mut files = files.clone();
    let names: Vec<String> = files.keys().filter(|name| *name != "lock").cloned().collect();
    let name = &names[usize::try_from(random.below(names.len() as u64)).unwrap()];
    let file = files.get_mut(name).unwrap();
    let at = usize::try_from(random.below(file.len() as u64)).unwrap();
    let bit = random.below(8);
    file[at] ^= 1 << bit;
    (files, format!("{name} at {at}, bit {bit}"))
}

/// Reads stream by stream, and checks that what can be read is what was written.
fn read_streams(store: &LogStore, seen: &Seen, place: &str) -> usize {
    let mut streams: BTreeMap<&StreamName, Vec<&RecordedEvent>> = BTreeMap::new();
    for event in &seen.events {
        streams.entry(&event.stream).or_default().push(event);
    }
    let mut damaged = 0;
    for (name, events) in streams {
        match wait(store.read_stream(ReadStream::forwards(name.clone()))) {
            Ok(page) => {
                for read in &page.events {
                    let written = events[usize::try_from(read.revision.0).unwrap()];
                    assert_eq!(read, written, "{place}");
                }
            }
            Err(ReadError::Corrupt(_)) => damaged += 1,
            Err(ReadError::StreamNotFound { .. } | ReadError::StreamDeleted { .. }) => {}
            Err(error) => panic!("{place}: {error}"),
        }
    }
    damaged
}

#[test]
fn a_flipped_bit_in_a_store_that_was_closed_is_found_by_verify() {
    let (files, seen) = store_files(1, true);
    let whole = kit::verify(&SimDisk::holding(files.clone())).unwrap();
    assert_eq!((whole.events, &whole.faults), (seen.events.len() as u64, &vec![]));
    let mut random = Random::seeded(2);
    for _ in 0..how_many("ENGINE_LOG_FLIPS", 500) {
        let (files, place) = flip(&files, &mut random);
        let found = kit::verify(&SimDisk::holding(files));
        assert!(found.is_ok_and(|report| !report.faults.is_empty()), "{place}");
    }
}

#[test]
fn a_flipped_bit_in_a_store_that_was_closed_is_never_returned_as_data() {
    let (files, seen) = store_files(1, true);
    let mut random = Random::seeded(3);
    for _ in 0..how_many("ENGINE_LOG_FLIPS", 500) {
        let (files, place) = flip(&files, &mut random);
        let store = match open(&SimDisk::holding(files)) {
            Ok(store) => store,
            Err(OpenError::Corrupt { .. }) => continue,
            Err(error) => panic!("{place}: {error}"),
        };
        let damaged = read_streams(&store, &seen, &place);
        assert!(damaged <= 2, "{place}: {damaged} streams cannot be read");
        match wait(store.read_all(ReadAll::forwards())) {
            Ok(page) => assert!(seen.events.starts_with(&page.events), "{place}"),
            Err(ReadError::Corrupt(_)) => {}
            Err(error) => panic!("{place}: {error}"),
        }
    }
}

#[test]
fn a_flipped_bit_after_a_crash_costs_at_most_what_was_written_last() {
    let (files, seen) = store_files(4, false);
    let mut random = Random::seeded(5);
    let mut refused = 0;
    let flips = how_many("ENGINE_LOG_FLIPS", 500);
    for _ in 0..flips {
        let (files, place) = flip(&files, &mut random);
        let disk = SimDisk::holding(files.clone());
        let store = match open(&disk) {
            Ok(store) => store,
            Err(OpenError::Corrupt { .. }) => {
                assert!(
                    without_indexes(&disk) == without_indexes(&SimDisk::holding(files)),
                    "{place}: a damaged store was changed"
                );
                refused += 1;
                continue;
            }
            Err(error) => panic!("{place}: {error}"),
        };
        read_streams(&store, &seen, &place);
        let head = wait(store.head()).unwrap().unwrap();
        // The last append cannot be told from one that was torn.
        assert!(head.next().0 + 1 >= seen.events.len() as u64, "{place}: more than the last append is gone");
    }
    assert!(refused > flips / 20, "only {refused} were refused");
}
