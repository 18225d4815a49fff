//! A scavenge that is interrupted anywhere leaves a store that reads as before, and the next one does the rest.
//!
//! `ENGINE_LOG_SCAVENGES=200 cargo test --release -p engine-log --test scavenge` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test
#![allow(clippy::case_sensitive_file_extension_comparisons)] // the names are the log's own

mod kit;

use std::io::ErrorKind;

use engine_log::{
    LogOptions, LogStore,
    disk::sim::{Failure, Loss, Plan, Replay, SimDisk},
};
use engine_store::{AppendRequest, DeleteMode, EventStore, MaintenanceError, ReadStream, StreamMetadata};
use engine_types::ExpectedRevision;
use kit::{
    Random, how_many, open,
    scavenged::{Undisturbed, among, read_streams, scavenge, undisturbed},
    stream, wait,
};

const LOSSES: [Loss; 4] = [Loss::Everything, Loss::Nothing, Loss::Torn(512), Loss::Scattered(4_096)];

/// Checks a store whose scavenge was interrupted, and lets the next scavenge do the rest.
fn check(disk: &SimDisk, wanted: &Undisturbed, place: &str) {
    let store = open(disk).unwrap_or_else(|error| panic!("{place}: {error}"));
    let seen = wait(kit::seen(&store));
    assert!(among(&seen.events, &wanted.before.events), "{place}: other events than before");
    assert!(among(&wanted.after.events, &seen.events), "{place}: too many events are gone");
    assert_eq!(seen.documents, wanted.before.documents, "{place}");
    assert_eq!(read_streams(&store), wanted.streams, "{place}");
    scavenge(&store).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(wait(kit::seen(&store)), wanted.after, "{place}");
    assert_eq!(read_streams(&store), wanted.streams, "{place}");
    wait(store.close()).unwrap();
    drop(store);
    assert_eq!(kit::verify(disk).unwrap().faults, [], "{place}");
    one_file_for_each_segment(disk, place);
}

fn one_file_for_each_segment(disk: &SimDisk, place: &str) {
    let files = disk.files();
    let number = |name: &str| name.split('-').nth(1).unwrap().to_owned();
    for end in [".log", ".idx"] {
        let mut numbers: Vec<_> =
            files.keys().filter(|name| name.ends_with(end)).map(|it| number(it)).collect();
        let all = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), all, "{place}: {:?}", files.keys());
    }
    assert!(!files.keys().any(|name| name.ends_with(".new")), "{place}");
}

#[test]
fn a_power_cut_at_any_moment_of_a_scavenge_leaves_a_store_that_reads_as_before() {
    for seed in 0..how_many("ENGINE_LOG_SCAVENGES", 2) {
        let wanted = undisturbed(seed);
        let disk = SimDisk::holding(wanted.files.clone());
        let store = open(&disk).unwrap();
        let opened = disk.journal().len();
        scavenge(&store).unwrap();
        let journal = disk.journal();
        drop(store);
        let mut replay = Replay::starting(wanted.files.clone());
        let mut random = Random::seeded(seed);
        for (number, op) in journal.iter().enumerate() {
            replay.step(op);
            if number < opened {
                continue;
            }
            for loss in LOSSES {
                let image = replay.image(loss, |limit| random.below(limit));
                check(&image, &wanted, &format!("seed {seed}, operation {number}, {loss:?}"));
            }
        }
    }
}

#[test]
fn whatever_operation_of_a_scavenge_fails_the_store_goes_on() {
    let wanted = undisturbed(1);
    let kinds = [ErrorKind::Other, ErrorKind::StorageFull];
    for (first, kind) in (0..wanted.operations).flat_map(|first| kinds.map(|kind| (first, kind))) {
        let place = format!("operation {first}, {kind}");
        let disk = SimDisk::holding(wanted.files.clone());
        let store = open(&disk).unwrap();
        disk.fail(Some(Plan { first: disk.operations() + first, count: 1, failure: Failure::Error(kind) }));
        let scavenged = scavenge(&store);
        disk.fail(None);
        if let Err(error) = &scavenged {
            let text = error.to_string();
            let advice = ["make room", "until the store is opened again"];
            let advises = advice.iter().any(|advice| text.contains(advice));
            assert!(kind != ErrorKind::StorageFull || advises, "{place}: {text}");
        }
        let seen = wait(kit::seen(&store));
        assert!(among(&seen.events, &wanted.before.events), "{place}: other events than before");
        assert_eq!(read_streams(&store), wanted.streams, "{place}");
        drop(store);
        check(&disk, &wanted, &place);
    }
}

#[test]
fn a_full_disk_is_told_with_the_room_that_is_needed() {
    let wanted = undisturbed(1);
    let failure = Failure::Error(ErrorKind::StorageFull);
    // The new segment of the log finds room; the first that is written anew does not.
    let first_room = (0..wanted.operations).find_map(|first| {
        let disk = SimDisk::holding(wanted.files.clone());
        let store = open(&disk).unwrap();
        disk.fail(Some(Plan { first: disk.operations() + first, count: u64::MAX, failure }));
        scavenge(&store).err().filter(|error| matches!(error, MaintenanceError::NoRoom { .. }))
    });
    let text = first_room.unwrap().to_string();
    assert!(text.contains("writing segment 0 anew needs") && text.contains("make room"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scavenge_gives_the_room_back_to_the_file_system_and_another_waits_for_none() {
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default().segment_bytes(64 << 10)).unwrap();
    let mut random = Random::seeded(5);
    for round in 0..40 {
        let events = (0..20).map(|_| kit::event(&mut random)).collect();
        let name = stream(&format!("account-{}", round % 2));
        store.append(AppendRequest::to(name, ExpectedRevision::Any, events)).await.unwrap();
    }
    let room = || {
        let files = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap());
        let logs = files.filter(|file| file.file_name().to_string_lossy().ends_with(".log"));
        logs.map(|file| file.metadata().unwrap().len()).sum::<u64>()
    };
    store.delete_stream(&stream("account-0"), ExpectedRevision::Any, DeleteMode::Tombstone).await.unwrap();
    let before = room();
    let told = std::sync::Mutex::new(Vec::new());
    let report = store.scavenge(&|progress| told.lock().unwrap().push(progress)).await.unwrap();
    assert_eq!(report.events, 400);
    let saved = before - room();
    assert!(saved > before * 2 / 5, "{saved} of {before}");
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted_by_key(|progress| progress.done), "{told:?}");
    assert!(told.last().is_some_and(|progress| progress.done == progress.total), "{told:?}");
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_closed_while_it_is_scavenged_is_whole() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let open =
            || LogStore::open(directory.path(), LogOptions::default().segment_bytes(64 << 10)).unwrap();
        let store = open();
        let mut random = Random::seeded(6);
        for _ in 0..30 {
            let events = (0..30).map(|_| kit::event(&mut random)).collect();
            store
                .append(AppendRequest::to(stream("account-1"), ExpectedRevision::Any, events))
                .await
                .unwrap();
        }
        let limit = StreamMetadata { max_count: Some(3), ..StreamMetadata::default() };
        store.set_stream_metadata(&stream("account-1"), ExpectedRevision::Any, limit).await.unwrap();
        let scavenging = tokio::spawn({
            let store = store.clone();
            async move { store.scavenge(&|_| {}).await.map(drop) }
        });
        tokio::task::yield_now().await;
        store.close().await.unwrap();
        // It was done, or was given up.
        let _either = scavenging.await.unwrap();
        drop(store);
        let store = open();
        let page = store.read_stream(ReadStream::forwards(stream("account-1"))).await.unwrap();
        assert_eq!(page.events.iter().map(|event| event.revision.0).collect::<Vec<_>>(), [897, 898, 899]);
        assert_eq!(store.verify(&|_| {}).await.unwrap().faults, []);
        store.close().await.unwrap();
    }
}
