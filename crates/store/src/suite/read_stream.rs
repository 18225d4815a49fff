//! Reading a stream: pages cover what is asked for exactly once, from any place, in both directions.

use engine_types::Revision;

use super::{Fixture, Opened, kit::*};
use crate::{DeleteMode, Direction, ReadError, ReadFrom, ReadStream};

const PAGE_SIZES: [usize; 5] = [1, 2, 3, 7, 1_000];

/// A store with a stream of ten events between those of others.
async fn ten_events(fixture: &dyn Fixture) -> (Opened, engine_types::StreamName) {
    let store = open(fixture).await;
    let one = stream("account-1");
    for round in 0..5 {
        put(&store, &one, 2).await;
        put(&store, &stream(&format!("account-{}", round + 2)), 1).await;
    }
    (store, one)
}

pub async fn pages_of_any_size_cover_a_stream_once_forwards(fixture: &dyn Fixture) {
    let (store, one) = ten_events(fixture).await;
    for limit in PAGE_SIZES {
        let events = read_by(&store, ReadStream::forwards(one.clone()).limit(limit)).await.unwrap();
        assert_eq!(revisions(&events), (0..10).collect::<Vec<_>>(), "{limit}");
        for from in 0..10 {
            let request = ReadStream::forwards(one.clone()).limit(limit).from(Revision(from));
            assert_eq!(
                revisions(&read_by(&store, request).await.unwrap()),
                (from..10).collect::<Vec<_>>(),
                "{limit}"
            );
        }
    }
}

pub async fn pages_of_any_size_cover_a_stream_once_backwards(fixture: &dyn Fixture) {
    let (store, one) = ten_events(fixture).await;
    for limit in PAGE_SIZES {
        let events = read_by(&store, ReadStream::backwards(one.clone()).limit(limit)).await.unwrap();
        assert_eq!(revisions(&events), (0..10).rev().collect::<Vec<_>>(), "{limit}");
        for from in 0..10 {
            let request = ReadStream::backwards(one.clone()).limit(limit).from(Revision(from));
            let wanted: Vec<_> = (0..=from).rev().collect();
            assert_eq!(revisions(&read_by(&store, request).await.unwrap()), wanted, "{limit}");
        }
    }
}

pub async fn a_page_holds_as_many_events_as_were_asked_for(fixture: &dyn Fixture) {
    let (store, one) = ten_events(fixture).await;
    let forwards = store.read_stream(ReadStream::forwards(one.clone()).limit(4)).await.unwrap();
    assert_eq!((revisions(&forwards.events), forwards.next), (vec![0, 1, 2, 3], Some(Revision(4))));
    let backwards = store.read_stream(ReadStream::backwards(one.clone()).limit(4)).await.unwrap();
    assert_eq!((revisions(&backwards.events), backwards.next), (vec![9, 8, 7, 6], Some(Revision(5))));
    let all = store.read_stream(ReadStream::forwards(one).limit(10)).await.unwrap();
    assert_eq!((all.events.len(), all.next), (10, None), "there is no page behind the last event");
}

pub async fn the_ends_of_a_stream_are_places_to_begin_at(fixture: &dyn Fixture) {
    let (store, one) = ten_events(fixture).await;
    for (from, direction, wanted) in [
        (ReadFrom::End, Direction::Forwards, vec![]),
        (ReadFrom::Start, Direction::Backwards, vec![0]),
        (ReadFrom::At(Revision(10)), Direction::Forwards, vec![]),
        (ReadFrom::At(Revision(u64::MAX)), Direction::Forwards, vec![]),
        (ReadFrom::At(Revision(10)), Direction::Backwards, (0..10).rev().collect()),
        (ReadFrom::At(Revision(u64::MAX)), Direction::Backwards, (0..10).rev().collect()),
    ] {
        for limit in [1_000, usize::MAX] {
            let request = ReadStream { stream: one.clone(), from, direction, limit };
            let events = read_by(&store, request).await.unwrap();
            assert_eq!(revisions(&events), wanted, "{from:?} {direction:?} {limit}");
        }
    }
}

pub async fn a_page_of_a_stream_must_hold_at_least_one_event(fixture: &dyn Fixture) {
    let (store, one) = ten_events(fixture).await;
    for request in [ReadStream::forwards(one.clone()), ReadStream::backwards(one)] {
        let result = store.read_stream(request.limit(0)).await;
        assert!(matches!(result, Err(ReadError::Invalid(_))), "{result:?}");
    }
}

pub async fn a_stream_that_never_was_is_not_found(fixture: &dyn Fixture) {
    let (store, _) = ten_events(fixture).await;
    for request in [ReadStream::forwards(stream("account-99")), ReadStream::backwards(stream("account"))] {
        assert_not_found(store.read_stream(request).await);
    }
}

pub async fn deleted_streams_are_not_found_and_tombstoned_streams_are_deleted(fixture: &dyn Fixture) {
    let (store, one) = ten_events(fixture).await;
    let two = stream("account-2");
    store.delete_stream(&one, Any, DeleteMode::Soft).await.unwrap();
    store.delete_stream(&two, Any, DeleteMode::Tombstone).await.unwrap();
    for request in [ReadStream::forwards(one.clone()), ReadStream::backwards(one)] {
        assert_not_found(store.read_stream(request).await);
    }
    for request in [ReadStream::forwards(two.clone()), ReadStream::backwards(two)] {
        assert_read_deleted(store.read_stream(request).await);
    }
}

pub async fn what_was_answered_is_readable_at_once(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    for revision in 0..50 {
        put(&store, &one, 1).await;
        let page = store.read_stream(ReadStream::backwards(one.clone()).limit(1)).await.unwrap();
        assert_eq!((page.last, page.events[0].revision), (Revision(revision), Revision(revision)));
    }
}
