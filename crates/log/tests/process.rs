//! One process at a time, calls that nobody waits for, and the end of a store.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{sync::Arc, time::Duration};

use engine_log::{LogOptions, LogStore, OpenError, verify};
use engine_store::{
    AppendError, AppendRequest, Durability, EventStore, Filter, ReadAll, ReadError, StreamAppend,
    SubscribeFrom, SubscribeTo,
};
use engine_types::{ExpectedRevision, Revision};
use kit::{Random, stream};

fn one_event() -> AppendRequest {
    let event = engine_store::NewEvent { id: uuid::Uuid::now_v7(), ..kit::event(&mut Random::seeded(1)) };
    AppendRequest::to(stream("account-1"), ExpectedRevision::Any, vec![event])
}

async fn count(store: &LogStore) -> u64 {
    store.head().await.unwrap().map_or(0, |head| head.next().0)
}

#[tokio::test]
async fn a_store_that_is_open_cannot_be_opened_again_and_the_holder_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default()).unwrap();
    let error = LogStore::open(directory.path(), LogOptions::default()).map(drop).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, OpenError::Locked { holder: Some(_), .. }), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    assert!(text.contains(&directory.path().display().to_string()), "{text}");
    assert!(text.contains("`engine backup` copies it"), "{text}");
    store.close().await.unwrap();
    LogStore::open(directory.path(), LogOptions::default()).unwrap();
}

#[tokio::test]
async fn an_append_whose_caller_is_gone_is_completed() {
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default()).unwrap();
    for _ in 0..50 {
        let mut append = Box::pin(store.append(one_event()));
        // Polled once, so that it was handed over; then dropped.
        std::future::poll_fn(|context| {
            let _pending = append.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
    }
    store.close().await.unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default()).unwrap();
    assert_eq!(count(&store).await, 50);
}

#[tokio::test]
async fn dropping_the_last_handle_finishes_what_was_handed_over_and_frees_the_directory() {
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default()).unwrap();
    let mut request = one_event();
    request.durability = Durability::Buffered;
    store.append(request).await.unwrap();
    let another = store.clone();
    drop(store);
    another.append(one_event()).await.unwrap();
    drop(another);
    let store = LogStore::open(directory.path(), LogOptions::default()).unwrap();
    assert_eq!(count(&store).await, 2);
}

#[tokio::test]
async fn a_closed_store_refuses_everything_and_ends_its_subscriptions() {
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default()).unwrap();
    store.append(one_event()).await.unwrap();
    let to = SubscribeTo::Stream(stream("account-1"), SubscribeFrom::After(Revision(0)));
    let mut subscription = store.subscribe(to, Filter::everything()).await.unwrap();
    let waiting = tokio::spawn(async move { subscription.next_event().await });
    store.close().await.unwrap();
    assert!(matches!(waiting.await.unwrap(), Err(ReadError::Unavailable(_))));
    assert!(matches!(store.append(one_event()).await, Err(AppendError::Unavailable(_))));
    assert!(matches!(store.read_all(ReadAll::forwards()).await, Err(ReadError::Unavailable(_))));
    store.close().await.unwrap();
}

#[tokio::test]
async fn buffered_appends_are_synced_after_a_while_without_being_asked() {
    use engine_log::disk::sim::{Op, SimDisk};
    let disk = SimDisk::new();
    let mut options = kit::options();
    options.buffered_sync = Duration::from_millis(1);
    let store = LogStore::open_on(Arc::new(disk.clone()), options).unwrap();
    let before = disk.journal().len();
    let mut request = one_event();
    request.durability = Durability::Buffered;
    store.append(request).await.unwrap();
    while !disk.journal()[before..].iter().any(|op| matches!(op, Op::Sync(_))) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_append_larger_than_a_segment_stays_whole_in_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default().segment_bytes(64 << 10)).unwrap();
    let mut random = Random::seeded(2);
    store.append(one_event()).await.unwrap();
    let part = |number: u64, random: &mut Random| StreamAppend {
        stream: stream(&format!("account-{number}")),
        expected: ExpectedRevision::Any,
        events: (0..200).map(|_| kit::event(random)).collect(),
    };
    let request = AppendRequest::to_many((2..6).map(|number| part(number, &mut random)).collect());
    store.append(request).await.unwrap();
    store.append(one_event()).await.unwrap();
    assert_eq!(count(&store).await, 802);
    let events = kit::all_events(&store).await;
    kit::check_streams(&store, &events).await;
    store.close().await.unwrap();
    let segments = std::fs::read_dir(directory.path()).unwrap();
    let is_log =
        |name: &std::ffi::OsString| std::path::Path::new(name).extension().is_some_and(|end| end == "log");
    assert_eq!(segments.filter(|entry| is_log(&entry.as_ref().unwrap().file_name())).count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_see_whole_appends_in_order_while_segments_change() {
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default().segment_bytes(64 << 10)).unwrap();
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for number in 0..300_u64 {
                let mut random = Random::seeded(number + 1);
                let part = |name: &str, random: &mut Random| StreamAppend {
                    stream: stream(name),
                    expected: ExpectedRevision::Any,
                    events: vec![kit::event(random), kit::event(random)],
                };
                let parts = vec![part("account-1", &mut random), part("account-2", &mut random)];
                store.append(AppendRequest::to_many(parts)).await.unwrap();
            }
        }
    });
    let mut seen = 0;
    while seen < 1_200 {
        let events = kit::all_events(&store).await;
        assert_eq!(events.len() % 4, 0, "half of an append was seen");
        assert!(events.len() >= seen, "an event that was seen is gone");
        seen = events.len();
        kit::check_streams(&store, &events[..0]).await;
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}

#[test]
fn a_path_that_is_no_directory_is_told_by_the_file_that_is_in_the_way() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("letter.txt");
    std::fs::write(&file, "dear").unwrap();
    for path in [file.clone(), file.join("events"), file.join("deep/events")] {
        let errors = [
            LogStore::open(&path, LogOptions::default()).map(drop).unwrap_err(),
            verify(&path, &|_| {}).map(drop).unwrap_err(),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(
                matches!(&error, OpenError::NotADirectory { file: found, .. } if *found == file),
                "{text}"
            );
            assert!(text.contains("letter.txt` is a file") && text.contains("name a directory"), "{text}");
        }
    }
}

#[test]
fn a_directory_that_does_not_exist_cannot_be_verified_and_the_advice_is_to_check_the_name() {
    let root = tempfile::tempdir().unwrap();
    let error = verify(root.path().join("evnets"), &|_| {}).map(drop).unwrap_err();
    assert!(error.to_string().contains("check the name"), "{error}");
}
