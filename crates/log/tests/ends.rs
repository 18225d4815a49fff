//! The end of the log behind a crash: what is torn is cut, and what had been on disk is never given up without a word.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use engine_log::{LogStore, OpenError, disk::sim::SimDisk};
use engine_store::{AppendRequest, EventStore};
use engine_types::ExpectedRevision;
use kit::{
    Random,
    files::{frames_of_last, store_files, three_appends, without_indexes},
    is, open, stream, wait,
};

#[test]
fn a_torn_end_is_cut_at_any_length() {
    let files = three_appends();
    let (name, frames) = frames_of_last(&files);
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
    let (name, frames) = frames_of_last(&files);
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
    let (name, frames) = frames_of_last(&files);
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

#[test]
fn a_segment_that_is_shorter_than_its_mark_or_its_index_says_is_refused() {
    let (files, _) = store_files(1, true);
    let (segment, frames) = frames_of_last(&files);
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
