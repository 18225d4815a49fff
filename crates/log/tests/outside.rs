//! What is copied without the lock of a store is what the store was, whatever it does meanwhile.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::sync::Arc;

use engine_log::{
    Expected, LogOptions, LogStore, backup, backup_on,
    disk::{Disk, Mode, sim::SimDisk},
    verify, verify_on,
};
use engine_store::{AppendRequest, EventStore, RecordedEvent, StreamMetadata};
use engine_types::ExpectedRevision;
use kit::{Random, last_segment, meddled::Meddled, stream, wait};

async fn write(store: &LogStore, random: &mut Random, appends: u64) {
    for number in 0..appends {
        let events = (0..6).map(|_| kit::event(random)).collect();
        let name = stream(["kept-1", "brief-1", "kept-2", "brief-2"][usize::try_from(number % 4).unwrap()]);
        store.append(AppendRequest::to(name, ExpectedRevision::Any, events)).await.unwrap();
    }
}

async fn shorten(store: &LogStore, count: u64) {
    for name in ["brief-1", "brief-2"] {
        let limit = StreamMetadata { max_count: Some(count), ..StreamMetadata::default() };
        store.set_stream_metadata(&stream(name), ExpectedRevision::Any, limit).await.unwrap();
    }
}

fn kept(events: &[RecordedEvent]) -> Vec<&RecordedEvent> {
    events.iter().filter(|event| event.stream.as_str().starts_with("kept")).collect()
}

fn check_copy(copy: &SimDisk, place: &str) -> Vec<RecordedEvent> {
    assert_eq!(kit::verify(copy).unwrap().faults, [], "{place}");
    let copied = kit::open(&SimDisk::holding(copy.files())).unwrap();
    wait(kit::all_events(&copied))
}

/// Lets the store write, and scavenge, before each call that a backup makes, once each.
fn meddle_everywhere(options: &LogOptions) {
    for before in 0.. {
        let disk = SimDisk::new();
        let store = kit::open_with(&disk, options).unwrap();
        let mut random = Random::seeded(1);
        wait(write(&store, &mut random, 48));
        wait(shorten(&store, 9));
        // The second backup finds an older one.
        let copy = SimDisk::new();
        backup_on(&disk, &copy, &|_| {}).unwrap();
        wait(write(&store, &mut random, 6));
        let acknowledged = wait(kit::all_events(&store));
        let writer = store.clone();
        let happens = move || {
            wait(async {
                let mut random = Random::seeded(2);
                shorten(&writer, 3).await;
                assert!(writer.scavenge(&|_| {}).await.unwrap().events > 0);
                write(&writer, &mut random, 12).await;
                shorten(&writer, 2).await;
                assert!(writer.scavenge(&|_| {}).await.unwrap().events > 0);
            });
        };
        let meddled = Meddled::before(&disk, before, happens);
        let place = format!("before call {before}");
        let report = backup_on(&meddled, &copy, &|_| {}).unwrap_or_else(|error| panic!("{place}: {error}"));
        let there = wait(kit::all_events(&store));
        let copied = check_copy(&copy, &place);
        assert!(report.next_position > acknowledged.last().unwrap().position.0, "{place}");
        let until = |event: &&RecordedEvent| event.position.0 < report.next_position;
        let expected: Vec<_> = kept(&there).into_iter().filter(until).collect();
        assert_eq!(kept(&copied), expected, "{place}");
        if meddled.calls() <= before {
            assert!(before > 25, "a backup makes more calls than {before}");
            return;
        }
    }
}

#[test]
fn whatever_a_store_does_while_it_is_copied_the_copy_is_what_it_was_at_one_moment() {
    meddle_everywhere(&kit::options());
}

#[test]
fn whatever_a_store_that_compresses_does_while_it_is_copied_the_copy_is_what_it_was_at_one_moment() {
    meddle_everywhere(&kit::compressed_and_chained());
}

#[test]
fn whatever_a_store_does_while_it_is_verified_no_fault_is_found() {
    for before in 0.. {
        let disk = SimDisk::new();
        let store = kit::open_with(&disk, &kit::compressed_and_chained()).unwrap();
        wait(write(&store, &mut Random::seeded(1), 48));
        let acknowledged = wait(kit::all_events(&store)).len() as u64;
        let writer = store.clone();
        let happens = move || {
            wait(async {
                write(&writer, &mut Random::seeded(2), 12).await;
                shorten(&writer, 3).await;
                assert!(writer.scavenge(&|_| {}).await.unwrap().events > 0);
            });
        };
        let meddled = Meddled::before(&disk, before, happens);
        let report =
            verify_on(Arc::new(meddled.clone()), &Expected { required: true, noted: None }, &|_| {}).unwrap();
        assert_eq!(report.faults, [], "before call {before}");
        if meddled.calls() <= before {
            assert!(report.events == acknowledged && before > 25, "{report:?} after {before} calls");
            return;
        }
    }
}

#[test]
fn damage_in_front_of_what_had_been_on_disk_is_told_and_not_copied_as_the_end() {
    let disk = SimDisk::new();
    let store = kit::open(&disk).unwrap();
    wait(write(&store, &mut Random::seeded(1), 9));
    let files = disk.files();
    let name = last_segment(&files);
    let bytes = &files[name];
    // Somewhere in the middle of what is not room that was reserved.
    let middle = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    let file = disk.open(name, Mode::Write).unwrap();
    file.write_at(&[!bytes[middle]], middle as u64).unwrap();
    let copy = SimDisk::new();
    let error = backup_on(&disk, &copy, &|_| {}).unwrap_err().to_string();
    assert!(error.contains(name) && error.contains("shows that it had been on disk"), "{error}");
    assert_eq!(copy.files().into_keys().collect::<Vec<_>>(), Vec::<String>::new());
    let report = kit::verify(&disk).unwrap();
    assert!(report.faults.iter().any(|fault| fault.place.contains(name.as_str())), "{report:?}");
    drop(store);
}

#[test]
fn what_a_closed_store_has_lost_at_its_end_is_told_and_not_copied() {
    let disk = SimDisk::new();
    let store = kit::open(&disk).unwrap();
    wait(write(&store, &mut Random::seeded(1), 9));
    wait(store.close()).unwrap();
    drop(store);
    let copy = SimDisk::new();
    backup_on(&disk, &copy, &|_| {}).unwrap();
    let files = disk.files();
    let name = last_segment(&files);
    disk.open(name, Mode::Write).unwrap().set_len(files[name].len() as u64 - 8).unwrap();
    // Each of them tells it: the index, and the mark.
    for removed in [None, Some(name.replace(".log", ".idx"))] {
        if let Some(index) = &removed {
            disk.remove(index).unwrap();
        }
        let error = backup_on(&disk, &copy, &|_| {}).unwrap_err().to_string();
        let words = if removed.is_none() { "its index tells" } else { "was closed in order" };
        assert!(error.contains(words) && error.contains("is damaged"), "{error}");
    }
}

#[test]
fn a_store_is_copied_and_verified_while_it_is_open_and_nothing_is_written_where_it_is() {
    let root = tempfile::tempdir().unwrap();
    let (source, copy) = (root.path().join("store"), root.path().join("copy"));
    let mut options = LogOptions::default().segment_bytes(64 << 10);
    // Nothing is written behind the back of the one who looks.
    options.index_in_background = false;
    let store = LogStore::open(&source, options).unwrap();
    wait(write(&store, &mut Random::seeded(1), 40));
    let look = || {
        let entries = std::fs::read_dir(&source).unwrap().map(|entry| entry.unwrap());
        let mut files: Vec<_> =
            entries.map(|entry| (entry.file_name(), entry.metadata().unwrap().modified().unwrap())).collect();
        files.sort();
        files
    };
    let before = look();
    let first = backup(&source, &copy, &|_| {}).unwrap();
    assert!(first.segments > 2 && first.copied == first.segments, "{first:?}");
    assert_eq!((first.next_position, verify(&source, &|_| {}).unwrap().faults), (240, vec![]));
    let again = backup(&source, &copy, &|_| {}).unwrap();
    assert_eq!((again.copied, again.bytes, again.segments), (0, 0, first.segments));
    let refused = backup(&source, source.join("../store"), &|_| {}).unwrap_err().to_string();
    assert!(refused.contains("the store itself"), "{refused}");
    assert_eq!(look(), before);
    let seen = wait(kit::seen(&store));
    wait(store.close()).unwrap();
    let copied = LogStore::open(&copy, LogOptions::default()).unwrap();
    assert_eq!(wait(kit::seen(&copied)), seen);
}
