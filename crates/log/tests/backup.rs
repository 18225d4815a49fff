//! A backup is a store: consistent while others write, copied anew only where something changed, and a store again.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{io::ErrorKind, path::Path, sync::Arc};

use engine_log::{
    LogOptions, LogStore,
    disk::sim::{Failure, Plan, SimDisk},
    restore, restore_on, verify,
};
use engine_store::{AppendRequest, EventStore, MaintenanceError, StreamMetadata};
use engine_types::ExpectedRevision;
use kit::{Random, stream, wait};

fn open(path: &Path) -> LogStore {
    LogStore::open(path, LogOptions::default().segment_bytes(64 << 10)).unwrap()
}

async fn write(store: &LogStore, seed: u64, appends: u64) {
    let mut random = Random::seeded(seed);
    for number in 0..appends {
        let events = (0..10).map(|_| kit::event(&mut random)).collect();
        let name = stream(&format!("account-{}", number % 3));
        store.append(AppendRequest::to(name, ExpectedRevision::Any, events)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_backup_copies_only_what_has_changed_and_both_are_whole_stores() {
    let root = tempfile::tempdir().unwrap();
    let (source, copy) = (root.path().join("store"), root.path().join("copies/of store"));
    let store = open(&source);
    write(&store, 1, 40).await;
    let first = store.backup(&copy, &|_| {}).await.unwrap();
    assert!(first.segments > 2 && first.copied == first.segments, "{first:?}");
    assert_eq!(first.next_position, 400);
    assert_eq!(verify(&copy, &|_| {}).unwrap().faults, []);
    let again = store.backup(&copy, &|_| {}).await.unwrap();
    assert_eq!((again.copied, again.bytes, again.segments), (0, 0, first.segments));
    write(&store, 2, 3).await;
    let second = store.backup(&copy, &|_| {}).await.unwrap();
    assert!((1..=2).contains(&second.copied), "{second:?}");
    let report = verify(&copy, &|_| {}).unwrap();
    assert_eq!((report.events, report.faults), (430, vec![]));
    let limit = StreamMetadata { max_count: Some(5), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream("account-1"), ExpectedRevision::Any, limit).await.unwrap();
    assert!(store.scavenge(&|_| {}).await.unwrap().events > 100);
    store.backup(&copy, &|_| {}).await.unwrap();
    assert_eq!(verify(&copy, &|_| {}).unwrap().faults, []);
    let copied = open(&copy);
    assert_eq!(kit::seen(&copied).await, kit::seen(&store).await);
    write(&copied, 3, 1).await;
    copied.close().await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_made_while_others_append_holds_a_whole_beginning() {
    let root = tempfile::tempdir().unwrap();
    let store = open(&root.path().join("store"));
    let writer = tokio::spawn({
        let store = store.clone();
        async move { write(&store, 1, 150).await }
    });
    let mut number = 0;
    while !writer.is_finished() {
        let copy = root.path().join(format!("copy-{}", number % 2));
        number += 1;
        let before = store.head().await.unwrap();
        let report = store.backup(&copy, &|_| {}).await.unwrap();
        assert!(Some(report.next_position) >= before.map(|head| head.next().0));
        let verified = verify(&copy, &|_| {}).unwrap();
        assert_eq!((verified.events, verified.faults), (report.next_position, vec![]));
        assert_eq!(verified.events % 10, 0, "half of an append was copied");
    }
    writer.await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_is_restored_where_nothing_is_and_nothing_is_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let (source, copy, back) =
        (root.path().join("store"), root.path().join("copy"), root.path().join("back"));
    let store = open(&source);
    write(&store, 1, 20).await;
    store.backup(&copy, &|_| {}).await.unwrap();
    let report = restore(&copy, &back, &|_| {}).unwrap();
    assert_eq!(report.copied, report.segments);
    let restored = open(&back);
    assert_eq!(kit::seen(&restored).await, kit::seen(&store).await);
    restored.close().await.unwrap();
    let refusals = [
        (restore(&copy, &back, &|_| {}), "nothing is overwritten"),
        (restore(root.path().join("nowhere"), root.path().join("new"), &|_| {}), "check the name"),
        (restore(&source, root.path().join("new"), &|_| {}), "close it there"),
    ];
    for (refused, wanted) in refusals {
        let text = refused.unwrap_err().to_string();
        assert!(text.contains(wanted), "{text}");
    }
    let other = open(&root.path().join("other"));
    write(&other, 1, 1).await;
    let refused = other.backup(&copy, &|_| {}).await.unwrap_err();
    assert!(matches!(refused, MaintenanceError::Place(_)), "{refused:?}");
    assert!(refused.to_string().contains("holds another store"), "{refused}");
    let letters = root.path().join("letters");
    std::fs::create_dir(&letters).unwrap();
    std::fs::write(letters.join("letter.txt"), "dear").unwrap();
    let refused = other.backup(&letters, &|_| {}).await.unwrap_err().to_string();
    assert!(refused.contains("letter.txt"), "{refused}");
    other.close().await.unwrap();
    store.close().await.unwrap();
}

#[test]
fn a_restore_that_fails_anywhere_leaves_no_store() {
    let disk = SimDisk::new();
    let store = kit::open(&disk).unwrap();
    wait(async {
        let mut random = Random::seeded(1);
        for _ in 0..60 {
            let events = vec![kit::event(&mut random)];
            let request = AppendRequest::to(stream("account-1"), ExpectedRevision::Any, events);
            store.append(request).await.unwrap();
        }
        store.close().await.unwrap();
    });
    let seen = {
        drop(store);
        let copy = SimDisk::new();
        restore_on(&disk, &copy, &|_| {}).unwrap();
        wait(kit::seen(&kit::open(&copy).unwrap()))
    };
    assert_eq!(seen.events.len(), 60);
    for first in 0.. {
        let copy = SimDisk::new();
        let failure = Failure::Error(ErrorKind::StorageFull);
        copy.fail(Some(Plan { first, count: u64::MAX, failure }));
        let restored = restore_on(&disk, &copy, &|_| {});
        copy.fail(None);
        if restored.is_ok() {
            assert_eq!(wait(kit::seen(&kit::open(&copy).unwrap())), seen);
            return;
        }
        // Either nothing is there, or what is there says that it is not whole.
        match kit::open(&copy) {
            Ok(store) => {
                let left = wait(kit::seen(&store));
                // Where only the last name was not made durable, all of it is there.
                assert!(left == seen || left.events.is_empty(), "operation {first}");
            }
            Err(error) => assert!(error.to_string().contains("restore"), "operation {first}: {error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_open_files_everything_reads_as_with_many() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = LogOptions::default().segment_bytes(64 << 10);
    options.open_files = 2;
    options.cache_bytes = 0;
    let store = LogStore::open(directory.path(), options.clone()).unwrap();
    write(&store, 1, 60).await;
    let limit = StreamMetadata { max_count: Some(50), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream("account-1"), ExpectedRevision::Any, limit).await.unwrap();
    let before = kit::seen(&store).await;
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..5 {
                    kit::all_events(&store).await;
                }
            })
        })
        .collect();
    let report = store.scavenge(&|_| {}).await.unwrap();
    for reader in readers {
        reader.await.unwrap();
    }
    let after = kit::seen(&store).await;
    assert_eq!(after.events.len() as u64, before.events.len() as u64 - report.events);
    let stats = store.stats(&|_| {}).await.unwrap();
    assert!(stats.segments > 5 && stats.open_files <= 2, "{stats:?}");
    let segments = store.segments().await.unwrap();
    assert_eq!(segments.len() as u64, stats.segments);
    assert_eq!(segments.iter().map(|segment| segment.events).sum::<u64>(), stats.events);
    assert_eq!(segments.iter().map(|segment| segment.bytes).sum::<u64>(), stats.segment_bytes);
    assert!(segments.is_sorted_by_key(|segment| segment.first_position), "{segments:?}");
    assert_eq!(segments.iter().filter(|segment| !segment.finished).count(), 1, "{segments:?}");
    store.close().await.unwrap();
    let store = LogStore::open(directory.path(), options).unwrap();
    assert_eq!(kit::seen(&store).await, after);
    store.close().await.unwrap();
}

#[test]
fn the_figures_of_a_store_tell_what_is_in_it_and_what_could_be_removed() {
    let disk = SimDisk::new();
    let store = LogStore::open_on(Arc::new(disk), kit::options()).unwrap();
    wait(async {
        write(&store, 1, 30).await;
        let limit = StreamMetadata { max_count: Some(5), ..StreamMetadata::default() };
        store.set_stream_metadata(&stream("account-1"), ExpectedRevision::Any, limit).await.unwrap();
        let before = store.stats(&|_| {}).await.unwrap();
        assert_eq!((before.events, before.streams, before.system_streams, before.documents), (301, 3, 1, 0));
        assert_eq!((before.next_position, before.reclaimable.events), (301, 95));
        assert!(before.segments > 2 && before.segment_bytes > before.reclaimable.bytes, "{before:?}");
        let report = store.scavenge(&|_| {}).await.unwrap();
        assert_eq!(before.reclaimable.bytes, report.bytes);
        let after = store.stats(&|_| {}).await.unwrap();
        assert_eq!((after.events, after.reclaimable.events, after.next_position), (206, 0, 301));
        assert_eq!(after.rewritten_segments, report.rewritten);
        assert!(after.segment_bytes < before.segment_bytes && after.index_bytes > 0, "{after:?}");
    });
}
