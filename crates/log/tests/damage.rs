//! Bytes that change by themselves are found, and never returned as data.
//!
//! `ENGINE_LOG_FLIPS=50000 cargo test --release -p engine-log --test damage` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{collections::BTreeMap, path::Path};

use engine_log::{
    LogStore, OpenError,
    disk::sim::{Failure, Plan, SimDisk},
};
use engine_store::{AppendRequest, EventStore, ReadAll, ReadError, ReadStream, RecordedEvent};
use engine_types::{ExpectedRevision, StreamName};
use kit::{Call, Random, Seen, how_many, open, stream, wait};

type Files = BTreeMap<String, Vec<u8>>;

/// A store after a random workload, with several segments: as it was closed, or as a crash leaves it.
fn store_files(start: u64, closed: bool) -> (Files, Seen) {
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
        let last = AppendRequest::to(stream("last-1"), ExpectedRevision::Any, vec![kit::event(&mut random)]);
        wait(store.append(last)).unwrap();
    }
    let seen = wait(kit::seen(&store));
    if closed {
        wait(store.close()).unwrap();
    }
    let files = disk.files();
    drop(store);
    assert!(files.keys().filter(|name| is(name, "log")).count() > 1, "several segments");
    (files, seen)
}

/// The files without those that are built again when they are damaged.
fn without_indexes(disk: &SimDisk) -> Files {
    let mut files = disk.files();
    files.retain(|name, _| !is(name, "idx"));
    files
}

fn is(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

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

/// The frames of the last segment: where each begins.
fn last_segment(files: &Files) -> (String, Vec<usize>) {
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

fn three_appends() -> Files {
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    let mut random = Random::seeded(6);
    for _ in 0..3 {
        let events = vec![kit::event(&mut random)];
        wait(store.append(AppendRequest::to(stream("account-1"), ExpectedRevision::Any, events))).unwrap();
    }
    disk.files()
}

#[test]
fn a_torn_end_is_cut_at_any_length() {
    let files = three_appends();
    let (name, frames) = last_segment(&files);
    for length in frames[1]..files[&name].len().min(frames[2] + 2_000) {
        let mut files = files.clone();
        files.get_mut(&name).unwrap().truncate(length);
        let whole = frames.iter().skip(1).filter(|begin| **begin <= length).count() as u64;
        let store = open(&SimDisk::holding(files)).unwrap();
        let events = wait(store.head()).unwrap().map_or(0, |head| head.next().0);
        assert!(events == whole || events == 3, "{events} events of a file of {length} bytes");
        let events = vec![kit::event(&mut Random::seeded(7))];
        wait(store.append(AppendRequest::to(stream("account-1"), ExpectedRevision::Any, events))).unwrap();
    }
}

#[test]
fn what_lies_behind_a_torn_place_does_not_come_back_later() {
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    let append = |store: &LogStore, seed: u64| {
        let event =
            engine_store::NewEvent { data: vec![0; 100].into(), ..kit::event(&mut Random::seeded(seed)) };
        let event =
            engine_store::NewEvent { event_type: "Same".into(), metadata: bytes::Bytes::new(), ..event };
        let mut request = AppendRequest::to(stream("account-1"), ExpectedRevision::Any, vec![event]);
        request.durability = engine_store::Durability::Buffered;
        wait(store.append(request)).unwrap();
    };
    (1..=3).for_each(|seed| append(&store, seed));
    // The second of three appends did not reach the disk, the third did.
    let mut files = disk.files();
    let (name, frames) = last_segment(&files);
    files.get_mut(&name).unwrap()[frames[1]..frames[2]].fill(0);
    let disk = SimDisk::holding(files);
    let store = open(&disk).unwrap();
    assert_eq!(wait(store.head()).unwrap().unwrap().0, 0);
    append(&store, 4);
    // The fourth takes the place of the second, in front of the third.
    let left = open(&SimDisk::holding(disk.files())).unwrap();
    assert_eq!(wait(left.head()).unwrap().unwrap().0, 1);
}

#[test]
fn damage_before_what_was_synced_is_refused_and_nothing_is_changed() {
    let mut files = three_appends();
    let (name, frames) = last_segment(&files);
    files.get_mut(&name).unwrap()[frames[1] + 70] ^= 1;
    let disk = SimDisk::holding(files.clone());
    let error = open(&disk).map(drop).unwrap_err();
    let text = error.to_string();
    let OpenError::Corrupt { file, offset, .. } = error else { panic!("{text}") };
    assert!(file.ends_with(&name), "{text}");
    assert_eq!(offset, frames[1] as u64);
    assert!(text.contains("had been on disk") && text.contains("restore a backup"), "{text}");
    assert!(disk.files() == files, "a damaged store was changed");
}

#[test]
fn a_segment_that_is_missing_is_told() {
    let (files, _) = store_files(1, true);
    let segments: Vec<_> = files.keys().filter(|name| is(name, "log")).cloned().collect();
    for missing in &segments {
        let mut files = files.clone();
        files.remove(missing);
        let error = open(&SimDisk::holding(files)).map(drop).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
    }
}

#[test]
fn a_missing_or_damaged_index_is_built_again() {
    let (files, seen) = store_files(1, true);
    let indexes: Vec<_> = files.keys().filter(|name| is(name, "idx")).cloned().collect();
    assert!(!indexes.is_empty());
    for name in &indexes {
        for damage in [None, Some(100), Some(20)] {
            let mut files = files.clone();
            match damage {
                None => drop(files.remove(name)),
                Some(at) => files.get_mut(name).unwrap()[at] ^= 1,
            }
            let disk = SimDisk::holding(files);
            let store = open(&disk).unwrap();
            assert_eq!(wait(kit::seen(&store)), seen);
            wait(store.close()).unwrap();
            assert_eq!(kit::verify(&disk).unwrap().faults, []);
        }
    }
}

/// What may have become of `clean`.
fn damaged_marks(whole: &[u8]) -> Vec<Vec<u8>> {
    let (other, _) = store_files(9, true);
    let mut flipped = whole.to_vec();
    flipped[41] ^= 1;
    vec![Vec::new(), whole[..40].to_vec(), vec![0; 64], flipped, other["clean"].clone()]
}

#[test]
fn a_damaged_mark_of_closing_costs_nothing_but_time() {
    let (files, seen) = store_files(1, true);
    for mark in damaged_marks(&files["clean"]) {
        for with_indexes in [true, false] {
            let mut files = files.clone();
            files.insert("clean".to_owned(), mark.clone());
            files.retain(|name, _| with_indexes || !is(name, "idx"));
            let disk = SimDisk::holding(files);
            let report = kit::verify(&disk).unwrap();
            assert_eq!((report.events, report.faults.len()), (seen.events.len() as u64, 1));
            assert!(report.faults[0].fault.contains("nothing is lost"), "{:?}", report.faults);
            let store = open(&disk).unwrap();
            assert!(!disk.files().contains_key("clean"));
            assert_eq!(wait(kit::seen(&store)), seen);
            wait(store.close()).unwrap();
            assert_eq!(kit::verify(&disk).unwrap().faults, []);
        }
    }
}

#[test]
fn behind_a_damaged_mark_of_closing_a_cut_or_damaged_segment_is_still_refused() {
    let (files, _) = store_files(1, true);
    let (segment, frames) = last_segment(&files);
    let last = *frames.last().unwrap();
    for mark in damaged_marks(&files["clean"]) {
        let mut cut = files.clone();
        cut.insert("clean".to_owned(), mark.clone());
        cut.get_mut(&segment).unwrap().truncate(last);
        let mut torn = cut.clone();
        torn.insert(segment.clone(), files[&segment][..last + 16].to_vec());
        torn.retain(|name, _| !is(name, "idx"));
        let mut flipped = files.clone();
        flipped.insert("clean".to_owned(), mark);
        flipped.get_mut(&segment).unwrap()[last + 70] ^= 1;
        flipped.retain(|name, _| !is(name, "idx"));
        for (damage, files) in [("cut", cut), ("torn", torn), ("flipped", flipped)] {
            let disk = SimDisk::holding(files);
            let error = open(&disk).map(drop).unwrap_err();
            assert!(
                matches!(&error, OpenError::Corrupt { file, .. } if file.ends_with(&segment)),
                "{damage}: {error}"
            );
            assert!(disk.files().contains_key("clean"), "{damage}: a damaged store was changed");
            assert!(kit::verify(&disk).unwrap().faults.len() > 1, "{damage}");
        }
    }
}

#[test]
fn a_segment_that_is_shorter_than_its_mark_or_its_index_says_is_refused() {
    let (files, _) = store_files(1, true);
    let (segment, frames) = last_segment(&files);
    for closed in [true, false] {
        let mut files = files.clone();
        files.get_mut(&segment).unwrap().truncate(*frames.last().unwrap());
        files.retain(|name, _| closed || name != "clean");
        let disk = SimDisk::holding(files.clone());
        let error = open(&disk).map(drop).unwrap_err();
        assert!(matches!(&error, OpenError::Corrupt { file, .. } if file.ends_with(&segment)), "{error}");
        assert!(without_indexes(&disk) == without_indexes(&SimDisk::holding(files)));
        let faults = kit::verify(&disk).unwrap().faults;
        assert!(faults.iter().any(|fault| fault.place.contains(&segment)), "{faults:?}");
    }
}

#[test]
fn files_of_another_format_version_are_told_apart_from_damage() {
    let (files, _) = store_files(1, true);
    let mut files = files;
    let store = files.get_mut("store").unwrap();
    store[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let checksum = crc32c::crc32c(&store[..60]);
    store[60..64].copy_from_slice(&checksum.to_le_bytes());
    let disk = SimDisk::holding(files);
    for error in [open(&disk).map(drop).unwrap_err(), kit::verify(&disk).map(drop).unwrap_err()] {
        assert!(matches!(error, OpenError::WrongVersion { found: 2, supported: 1, .. }), "{error}");
    }
}

#[test]
fn a_marker_that_is_missing_is_made_again_where_the_rest_shows_that_the_store_is_whole() {
    let (files, seen) = store_files(1, true);
    let mut without = files.clone();
    without.remove("store");
    let disk = SimDisk::holding(without.clone());
    let store = open(&disk).unwrap();
    assert_eq!(wait(kit::seen(&store)), seen);
    assert_eq!(disk.files()["store"], files["store"]);
    wait(store.close()).unwrap();
    assert_eq!(kit::verify(&disk).unwrap().faults, []);
    // Wherever the making of it ends, the next opening goes on.
    for first in 0..12 {
        let disk = SimDisk::holding(without.clone());
        let failure = Failure::Error(std::io::ErrorKind::StorageFull);
        disk.fail(Some(Plan { first, count: u64::MAX, failure }));
        drop(open(&disk));
        disk.fail(None);
        assert_eq!(wait(kit::seen(&open(&disk).unwrap())), seen, "from operation {first} on");
    }
}

#[test]
fn a_marker_that_is_missing_is_told_and_nothing_is_changed_where_the_rest_may_not_be_whole() {
    let (closed, _) = store_files(1, true);
    let (crashed, _) = store_files(1, false);
    let mut bad_mark = closed.clone();
    bad_mark.get_mut("clean").unwrap()[41] ^= 1;
    let mut only_indexes = closed.clone();
    only_indexes.retain(|name, _| is(name, "idx"));
    let only_mark = Files::from([("clean".to_owned(), closed["clean"].clone())]);
    let mut begun = three_appends();
    begun.insert("store.new".to_owned(), begun["store"].clone());
    for mut files in [crashed, bad_mark, only_indexes, only_mark, begun] {
        files.remove("store");
        let disk = SimDisk::holding(files.clone());
        for error in [open(&disk).map(drop).unwrap_err(), kit::verify(&disk).map(drop).unwrap_err()] {
            let text = error.to_string();
            assert!(matches!(error, OpenError::MarkerMissing { .. }), "{text}");
            assert!(text.contains("`store`") && text.contains("delete nothing"), "{text}");
            assert!(text.contains("from a backup"), "{text}");
        }
        assert!(disk.files() == files, "what is left was changed");
    }
}

#[test]
fn a_store_without_its_marker_and_without_its_last_segment_is_damaged() {
    let (mut files, _) = store_files(1, true);
    let (segment, frames) = last_segment(&files);
    files.remove("store");
    let mut cut = files.clone();
    cut.get_mut(&segment).unwrap().truncate(*frames.last().unwrap());
    files.remove(&segment);
    for files in [files, cut] {
        let disk = SimDisk::holding(files.clone());
        let error = open(&disk).map(drop).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
        assert!(disk.files() == files, "a damaged store was changed");
    }
}

#[test]
fn a_directory_with_something_else_in_it_is_left_alone() {
    let files = Files::from([("letter.txt".to_owned(), b"dear".to_vec())]);
    let disk = SimDisk::holding(files.clone());
    let error = open(&disk).map(drop).unwrap_err();
    assert!(matches!(&error, OpenError::NotAStore { found, .. } if found == "letter.txt"), "{error}");
    assert!(disk.files() == files, "a damaged store was changed");
}
