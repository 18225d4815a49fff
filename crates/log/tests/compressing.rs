//! What was to be compressed when it was full, and is not, is compressed when the store is opened: in the background, and
//! whatever interrupts it, the store reads as before and the next opening does the rest.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::io::ErrorKind;

use engine_log::{
    LogOptions, LogStore,
    disk::sim::{Failure, Loss, Plan, Replay, SimDisk},
};
use engine_store::{AppendRequest, EventStore, SegmentReport, StreamMetadata};
use engine_types::ExpectedRevision;
use kit::{Random, Seen, stream, tamper::Files, wait};

const LOSSES: [Loss; 4] = [Loss::Everything, Loss::Nothing, Loss::Torn(512), Loss::Scattered(4_096)];

/// Compresses in the background.
fn compressing() -> LogOptions {
    let mut options = kit::compressed_and_chained();
    options.index_in_background = true;
    options
}

/// A store of four segments, none of which is compressed. The first was scavenged.
fn plain() -> (Files, Seen) {
    let disk = SimDisk::new();
    let store = kit::open_with(&disk, &kit::options().chained()).unwrap();
    let mut random = Random::seeded(1);
    let seen = wait(async {
        for number in 0..48 {
            let events = (0..6).map(|_| kit::event(&mut random)).collect();
            let name = stream(if number < 3 { "brief-1" } else { "kept-1" });
            store.append(AppendRequest::to(name, ExpectedRevision::Any, events)).await.unwrap();
        }
        let limit = StreamMetadata { max_count: Some(2), ..StreamMetadata::default() };
        store.set_stream_metadata(&stream("brief-1"), ExpectedRevision::Any, limit).await.unwrap();
        assert_eq!(store.scavenge(&|_| {}).await.unwrap().rewritten, 1);
        let seen = kit::seen(&store).await;
        store.close().await.unwrap();
        seen
    });
    (disk.files(), seen)
}

fn is_compressed(segment: &SegmentReport) -> bool {
    segment.bytes < segment.frame_bytes
}

fn segments(store: &LogStore) -> Vec<SegmentReport> {
    wait(store.segments()).unwrap().into_iter().filter(|segment| segment.finished).collect()
}

fn wait_until_all_is_compressed(store: &LogStore) {
    while !segments(store).iter().all(is_compressed) {
        std::thread::yield_now();
    }
}

/// Checks that the store reads as before, and that the next opening does the rest.
fn check(disk: &SimDisk, seen: &Seen, place: &str) {
    let store = kit::open_with(disk, &compressing()).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(wait(kit::seen(&store)), *seen, "{place}");
    wait_until_all_is_compressed(&store);
    assert_eq!(wait(kit::seen(&store)), *seen, "{place}");
    wait(store.close()).unwrap();
    assert_eq!(kit::verify(disk).unwrap().faults, [], "{place}");
    assert!(!disk.files().keys().any(|name| kit::is(name, "new")), "{place}");
}

#[test]
fn segments_that_are_not_compressed_are_when_the_store_is_opened_and_read_as_before() {
    let (files, seen) = plain();
    let disk = SimDisk::holding(files);
    let store = kit::open_with(&disk, &compressing()).unwrap();
    assert!(segments(&store).len() > 3);
    wait_until_all_is_compressed(&store);
    let generations: Vec<_> = segments(&store).iter().map(|segment| segment.rewritten).collect();
    assert_eq!((generations[0], generations[1]), (2, 1), "{generations:?}");
    drop(store);
    check(&disk, &seen, "again");
    let again = kit::open_with(&disk, &compressing()).unwrap();
    let same: Vec<_> = segments(&again).iter().map(|segment| segment.rewritten).collect();
    assert_eq!(same, generations, "what is compressed is left alone");
}

#[test]
fn a_power_cut_at_any_moment_of_it_leaves_a_store_that_reads_as_before() {
    let (files, seen) = plain();
    let disk = SimDisk::holding(files.clone());
    let store = kit::open_with(&disk, &compressing()).unwrap();
    wait_until_all_is_compressed(&store);
    let journal = disk.journal();
    drop(store);
    let mut replay = Replay::starting(files);
    let mut random = Random::seeded(1);
    for (number, op) in journal.iter().enumerate() {
        replay.step(op);
        for loss in LOSSES {
            let image = replay.image(loss, |limit| random.below(limit));
            check(&image, &seen, &format!("operation {number}, {loss:?}"));
        }
    }
    assert!(journal.len() > 20, "{}", journal.len());
}

#[test]
fn whatever_operation_of_it_fails_the_store_goes_on_and_the_next_opening_does_the_rest() {
    let (files, seen) = plain();
    let mut failed = 0;
    for first in 0..60 {
        let kind = if first % 2 == 0 { ErrorKind::Other } else { ErrorKind::StorageFull };
        let disk = SimDisk::holding(files.clone());
        disk.fail(Some(Plan { first, count: 1, failure: Failure::Error(kind) }));
        let Ok(store) = kit::open_with(&disk, &compressing()) else { continue };
        assert_eq!(wait(kit::seen(&store)), seen, "operation {first}");
        failed += u64::from(wait(store.close()).is_err());
        drop(store);
        disk.fail(None);
        check(&disk, &seen, &format!("operation {first}, {kind:?}"));
    }
    assert!(failed > 0, "no failure was met");
}

#[test]
fn a_store_that_is_closed_meanwhile_is_whole_and_nothing_is_left_half_written() {
    let (files, seen) = plain();
    let disk = SimDisk::holding(files);
    for turn in 0..20 {
        let store = kit::open_with(&disk, &compressing()).unwrap();
        wait(store.close()).unwrap();
        assert!(!disk.files().keys().any(|name| kit::is(name, "new")), "turn {turn}");
        assert_eq!(kit::verify(&disk).unwrap().faults, [], "turn {turn}");
    }
    check(&disk, &seen, "behind all turns");
}
