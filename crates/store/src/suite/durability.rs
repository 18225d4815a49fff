//! Durability: a store that is opened again is the store that was closed.

use std::time::Duration;

use bytes::Bytes;

use super::{Fixture, Opened, kit::*, skip};
use crate::{
    AppendError, AppendRequest, DeleteMode, DocumentKey, Durability, ExpectedVersion, Filter, ReadError,
    StreamMetadata, StreamQuery, SubscribeFrom, SubscribeTo,
};

/// Some of everything: events, metadata, a deleted, a revived and a tombstoned stream.
async fn fill(store: &Opened) {
    for name in ["account-1", "account-2", "deleted-1", "revived-1", "tombstoned-1"] {
        put(store, &stream(name), 3).await;
    }
    let metadata = StreamMetadata { max_count: Some(2), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream("account-2"), NoStream, metadata).await.unwrap();
    store.delete_stream(&stream("deleted-1"), Any, DeleteMode::Soft).await.unwrap();
    store.delete_stream(&stream("revived-1"), Any, DeleteMode::Soft).await.unwrap();
    put(store, &stream("revived-1"), 1).await;
    store.delete_stream(&stream("tombstoned-1"), Any, DeleteMode::Tombstone).await.unwrap();
    store.delete_stream(&stream("tombstoned-2"), Any, DeleteMode::Tombstone).await.unwrap();
}

pub async fn reopening_keeps_every_event_as_it_was(fixture: &dyn Fixture) {
    let clock = noon();
    let store = fixture.open(clock.clone()).await;
    fill(&store).await;
    let (all, head) = (read_all(&store, Filter::everything()).await, store.head().await.unwrap());
    let one = read(&store, &stream("account-1")).await.unwrap();
    clock.advance(Duration::from_secs(1_000));
    let Some(store) = fixture.reopen(store, clock).await else {
        skip!("the events end with the store");
    };
    assert_eq!(read_all(&store, Filter::everything()).await, all, "with their times of creation");
    assert_eq!(store.head().await.unwrap(), head);
    assert_eq!(read(&store, &stream("account-1")).await.unwrap(), one);
    assert_eq!(store.current_revision(&stream("account-1")).await.unwrap(), at(2));
}

pub async fn reopening_keeps_metadata_deletions_and_tombstones(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    fill(&store).await;
    let Some(store) = fixture.reopen(store, noon()).await else {
        skip!("the events end with the store");
    };
    let (metadata, revision) = store.stream_metadata(&stream("account-2")).await.unwrap();
    assert_eq!((metadata.max_count, revision), (Some(2), at(0)));
    assert_eq!(revisions(&read(&store, &stream("account-2")).await.unwrap()), [1, 2]);
    assert_not_found(read(&store, &stream("deleted-1")).await);
    assert_eq!(revisions(&read(&store, &stream("revived-1")).await.unwrap()), [3]);
    for name in ["tombstoned-1", "tombstoned-2"] {
        assert_read_deleted(read(&store, &stream(name)).await);
        assert_append_deleted(append(&store, &stream(name), Any, events(1)).await);
    }
    append(&store, &stream("deleted-1"), NoStream, events(1)).await.unwrap();
    assert_eq!(revisions(&read(&store, &stream("deleted-1")).await.unwrap()), [3]);
}

pub async fn a_reopened_store_goes_on_where_it_ended(fixture: &dyn Fixture) {
    let mut store = open(fixture).await;
    let one = stream("account-1");
    for round in 0..4 {
        let expected = if round == 0 { NoStream } else { exact(2 * round - 1) };
        append(&store, &one, expected, events(2)).await.unwrap();
        put(&store, &stream(&format!("account-of-{round}")), 1).await;
        let Some(reopened) = fixture.reopen(store, noon()).await else {
            skip!("the events end with the store");
        };
        store = reopened;
    }
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), (0..8).collect::<Vec<_>>());
    let all = domain(&store).await;
    assert_eq!(all.len(), 12);
    assert!(all.is_sorted_by(|left, right| left.position < right.position));
    assert_conflict(append(&store, &one, exact(6), events(1)).await, &one, exact(6), at(7));
}

pub async fn an_append_that_does_not_wait_for_the_disk_is_like_any_other(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let request = |expected, events| AppendRequest {
        durability: Durability::Buffered,
        ..AppendRequest::to(one.clone(), expected, events)
    };
    let first = events(2);
    let answer = store.append(request(NoStream, first.clone())).await.unwrap();
    assert_eq!(ids(&read(&store, &one).await.unwrap()), new_ids(&first));
    let again = store.append(request(NoStream, first)).await.unwrap();
    assert!(again.deduplicated);
    assert_eq!((again.position, again.streams), (answer.position, answer.streams));
    assert_conflict(store.append(request(exact(0), events(1))).await, &one, exact(0), at(1));
    append(&store, &one, exact(1), events(1)).await.unwrap();
    let Some(store) = fixture.reopen(store, noon()).await else {
        skip!("the events end with the store");
    };
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [0, 1, 2], "closing writes what is buffered");
}

pub async fn reopening_keeps_documents(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let key = |text: &str| DocumentKey::new(text).unwrap();
    for (name, times) in [("a/1", 1), ("a/2", 3), ("a/3", 2)] {
        for time in 0..times {
            let content = Bytes::from(format!("{name} {time}"));
            store.save_document(&key(name), ExpectedVersion::Any, content).await.unwrap();
        }
    }
    store.delete_document(&key("a/3")).await.unwrap();
    let Some(store) = fixture.reopen(store, noon()).await else {
        skip!("the documents end with the store");
    };
    assert_eq!(store.documents("a/", None, 10).await.unwrap(), [key("a/1"), key("a/2")]);
    let document = store.load_document(&key("a/2")).await.unwrap().unwrap();
    assert_eq!((document.version, &document.content[..]), (3, &b"a/2 2"[..]));
    let next = store.save_document(&key("a/2"), ExpectedVersion::Exact(3), Bytes::new()).await.unwrap();
    assert_eq!(next, 4);
    let anew = store.save_document(&key("a/3"), ExpectedVersion::Absent, Bytes::new()).await.unwrap();
    assert_eq!(anew, 1);
}

pub async fn reopening_keeps_the_catalogue(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    fill(&store).await;
    let streams = store.streams(StreamQuery::default()).await.unwrap();
    let mut types = store.event_types().await.unwrap();
    let Some(store) = fixture.reopen(store, noon()).await else {
        skip!("the events end with the store");
    };
    assert_eq!(store.streams(StreamQuery::default()).await.unwrap(), streams);
    let mut reopened = store.event_types().await.unwrap();
    types.sort();
    reopened.sort();
    assert_eq!(reopened, types);
}

pub async fn a_subscription_to_a_reopened_store_goes_on_after_the_last_place(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    put(&store, &stream("account-1"), 5).await;
    let seen = domain(&store).await[2].position;
    let Some(store) = fixture.reopen(store, noon()).await else {
        skip!("the events end with the store");
    };
    let to = SubscribeTo::All(SubscribeFrom::After(seen));
    let mut subscription = store.subscribe(to, Filter::domain()).await.unwrap();
    assert_eq!(revisions(&until_caught_up(&mut subscription).await), [3, 4]);
    put(&store, &stream("account-1"), 1).await;
    assert_eq!(revisions(&next_events(&mut subscription, 1).await), [5]);
}

pub async fn a_closed_store_refuses_further_calls_and_ends_its_subscriptions(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 1).await;
    let all = SubscribeTo::All(SubscribeFrom::Start);
    let mut subscription = store.subscribe(all, Filter::domain()).await.unwrap();
    until_caught_up(&mut subscription).await;
    let mut wait = Box::pin(subscription.next_event());
    must_wait(wait.as_mut()).await;
    store.close().await.unwrap();
    let ended = soon("the end", wait).await;
    assert!(matches!(ended, Err(ReadError::Unavailable(_))), "{ended:?}");
    let refused = append(&store, &one, Any, events(1)).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))), "{refused:?}");
    let refused = read(&store, &one).await;
    assert!(matches!(refused, Err(ReadError::Unavailable(_))), "{refused:?}");
    store.close().await.unwrap();
}
