//! Tombstones: a stream that is closed for ever answers every later call with *deleted*.

use engine_types::{CurrentRevision, StreamName};

use super::{Fixture, Opened, kit::*};
use crate::{
    DeleteMode::{Soft, Tombstone},
    Filter, StreamMetadata, StreamQuery,
};

/// Asserts that the stream refuses everything.
async fn assert_closed(store: &Opened, stream: &StreamName) {
    for expected in [Any, NoStream, StreamExists, exact(0), exact(1), exact(2)] {
        assert_append_deleted(append(store, stream, expected, events(1)).await);
        assert_append_deleted(append(store, stream, expected, Vec::new()).await);
        assert_append_deleted(store.delete_stream(stream, expected, Tombstone).await);
        assert_append_deleted(store.delete_stream(stream, expected, Soft).await);
        let metadata = StreamMetadata::default();
        assert_append_deleted(store.set_stream_metadata(stream, expected, metadata).await);
    }
    assert_read_deleted(read(store, stream).await);
    assert_read_deleted(store.current_revision(stream).await);
    assert_read_deleted(store.stream_metadata(stream).await);
    assert_read_deleted(read(store, &stream.metadata_stream()).await);
}

pub async fn a_tombstoned_stream_refuses_everything(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for expected in [Any, StreamExists, exact(1)] {
        let one = stream(&format!("account-{expected}"));
        put(&store, &one, 2).await;
        store.set_stream_metadata(&one, NoStream, StreamMetadata::default()).await.unwrap();
        store.delete_stream(&one, expected, Tombstone).await.unwrap();
        assert_closed(&store, &one).await;
    }
}

pub async fn a_stream_that_never_was_can_be_tombstoned(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for expected in [Any, NoStream] {
        let one = stream(&format!("account-{expected}"));
        store.delete_stream(&one, expected, Tombstone).await.unwrap();
        assert_closed(&store, &one).await;
    }
}

pub async fn a_deleted_stream_can_be_tombstoned(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for expected in [Any, NoStream, exact(1)] {
        let one = stream(&format!("account-{expected}"));
        put(&store, &one, 2).await;
        store.delete_stream(&one, Any, Soft).await.unwrap();
        store.delete_stream(&one, expected, Tombstone).await.unwrap();
        assert_closed(&store, &one).await;
    }
}

pub async fn the_expectation_of_a_tombstone_is_checked(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, fresh) = (stream("account-1"), stream("account-2"));
    put(&store, &one, 3).await;
    for expected in [NoStream, exact(1), exact(3)] {
        assert_conflict(store.delete_stream(&one, expected, Tombstone).await, &one, expected, at(2));
    }
    for expected in [StreamExists, exact(0)] {
        let deleted = store.delete_stream(&fresh, expected, Tombstone).await;
        assert_conflict(deleted, &fresh, expected, CurrentRevision::NoStream);
    }
    assert_eq!(read(&store, &one).await.unwrap().len(), 3);
    put(&store, &fresh, 1).await;
}

pub async fn a_tombstone_is_an_event_among_all_streams_and_the_others_stay(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 2).await;
    let before = domain(&store).await;
    store.delete_stream(&one, Any, Tombstone).await.unwrap();
    assert_eq!(domain(&store).await, before);
    let newest = read_all(&store, Filter::everything()).await.pop().unwrap();
    assert_eq!((&newest.stream, &*newest.event_type), (&one, "$streamDeleted"));
}

pub async fn a_tombstoned_stream_is_not_listed(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    put(&store, &stream("account-1"), 1).await;
    put(&store, &stream("account-2"), 1).await;
    store.delete_stream(&stream("account-1"), Any, Tombstone).await.unwrap();
    store.delete_stream(&stream("account-3"), Any, Tombstone).await.unwrap();
    let listed = store.streams(StreamQuery::default()).await.unwrap().streams;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].stream, stream("account-2"));
}

pub async fn a_tombstone_closes_one_stream_and_no_other(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    store.delete_stream(&stream("account-1"), Any, Tombstone).await.unwrap();
    for name in ["account-10", "account", "account-1-1", "Account-1"] {
        put(&store, &stream(name), 1).await;
        assert_eq!(revisions(&read(&store, &stream(name)).await.unwrap()), [0]);
    }
}
