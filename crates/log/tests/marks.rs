//! The small files of a store that are damaged, missing or of another kind.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use engine_log::{
    OpenError,
    disk::sim::{Failure, Plan, SimDisk},
};
use engine_store::EventStore;
use kit::{
    files::{frames_of_last, store_files, three_appends},
    is, open,
    tamper::Files,
    wait,
};

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
    let (segment, frames) = frames_of_last(&files);
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
    let (segment, frames) = frames_of_last(&files);
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
