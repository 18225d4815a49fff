//! A subscriber that rests while others write: it costs a page of memory, however far it is behind, and misses nothing.
//!
//! Alone in its binary, because it looks at the memory of the whole process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // everything here is a test

use engine_log::{LogOptions, LogStore};
use engine_store::{
    AppendRequest, ContentType, EventStore, Filter, NewEvent, SubscribeFrom, SubscribeTo, Subscription,
};
use engine_types::{ExpectedRevision, Position, StreamName};

const EVENT_BYTES: usize = 8 * 1024;
const BATCH: u64 = 100;
const BATCHES: u64 = 120;

/// How much memory may be taken for all that is written and not yet read, which is three times as much.
const MOST_BYTES: u64 = 32 << 20;

/// The memory that the process occupies at the moment.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse::<u64>().unwrap() * 1024
}

async fn append(store: &LogStore, count: u64) {
    let event = |_| NewEvent {
        id: uuid::Uuid::now_v7(),
        event_type: "Written".into(),
        content_type: ContentType::Binary,
        data: vec![7; EVENT_BYTES].into(),
        metadata: Vec::new().into(),
    };
    let events = (0..count).map(event).collect();
    let stream = StreamName::new("notes-a").unwrap();
    store.append(AppendRequest::to(stream, ExpectedRevision::Any, events)).await.unwrap();
}

async fn next(subscription: &mut Subscription) -> Position {
    subscription.next_event().await.unwrap().position
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_that_rests_while_others_write_costs_little_memory_and_misses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default()).unwrap();
    let to = SubscribeTo::All(SubscribeFrom::Start);
    let mut subscription = store.subscribe(to, Filter::domain()).await.unwrap();
    append(&store, 300).await;
    // It is live, and holds a page.
    for position in 0..300 {
        assert_eq!(next(&mut subscription).await, Position(position));
    }
    let before = resident_bytes();
    let (mut most, mut read) = (0, 300);
    for _ in 0..BATCHES {
        append(&store, BATCH).await;
        assert_eq!(next(&mut subscription).await, Position(read));
        read += 1;
        most = most.max(resident_bytes());
    }
    let unread = (300 + BATCHES * BATCH - read) * EVENT_BYTES as u64;
    let taken = most.saturating_sub(before);
    assert!(unread > 2 * MOST_BYTES, "it is far behind");
    assert!(taken < MOST_BYTES, "{taken} bytes are taken while {unread} bytes were not read");
    for position in read..300 + BATCHES * BATCH {
        assert_eq!(next(&mut subscription).await, Position(position));
    }
    append(&store, 1).await;
    assert_eq!(next(&mut subscription).await, Position(300 + BATCHES * BATCH), "it is live again");
    store.close().await.unwrap();
}
