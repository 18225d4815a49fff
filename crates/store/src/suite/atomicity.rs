//! Atomicity: all events of an append or none, over several streams too.

use engine_types::CurrentRevision;

use super::{Fixture, Opened, kit::*, skip};
use crate::{AppendError, AppendRequest, Appended, DeleteMode, StreamAppend};

async fn append_many(store: &Opened, parts: Vec<StreamAppend>) -> Result<Appended, AppendError> {
    store.append(AppendRequest::to_many(parts)).await
}

pub async fn an_append_to_several_streams_writes_to_all_of_them(fixture: &dyn Fixture) {
    if !fixture.appends_to_many() {
        skip!("the store appends to one stream at a time");
    }
    let store = open(fixture).await;
    let (one, two, three) = (stream("account-1"), stream("account-2"), stream("transfer-1"));
    put(&store, &two, 1).await;
    let before = store.head().await.unwrap();
    let parts =
        vec![part(&three, NoStream, events(1)), part(&two, exact(0), events(2)), part(&one, Any, events(1))];
    let written: Vec<_> = parts.iter().flat_map(|part| new_ids(&part.events)).collect();
    let appended = append_many(&store, parts).await.unwrap();

    let ends: Vec<_> = appended.streams.iter().map(|end| (end.stream.clone(), end.revision)).collect();
    assert_eq!(ends, [(three, at(0)), (two, at(2)), (one, at(0))]);
    let mut all = domain(&store).await;
    all.retain(|event| Some(event.position) > before);
    assert_eq!(ids(&all), written, "in the order of the request");
    assert_eq!(appended.position, all.last().map(|event| event.position));
    assert!(!appended.deduplicated);
}

pub async fn an_append_to_several_streams_writes_nothing_when_one_of_them_conflicts(fixture: &dyn Fixture) {
    if !fixture.appends_to_many() {
        skip!("the store appends to one stream at a time");
    }
    let store = open(fixture).await;
    let (one, two, three) = (stream("account-1"), stream("account-2"), stream("account-3"));
    put(&store, &three, 2).await;
    let before = store.head().await.unwrap();
    for bad in 0..3 {
        let mut parts = vec![part(&one, Any, events(2)), part(&two, NoStream, events(1))];
        parts.insert(bad, part(&three, exact(0), events(1)));
        assert_conflict(append_many(&store, parts).await, &three, exact(0), at(1));
        assert_eq!(store.head().await.unwrap(), before);
    }
    assert_not_found(read(&store, &one).await);
    assert_not_found(read(&store, &two).await);
    put(&store, &one, 1).await;
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [0]);
}

pub async fn an_append_to_several_streams_writes_nothing_when_one_is_tombstoned(fixture: &dyn Fixture) {
    if !fixture.appends_to_many() {
        skip!("the store appends to one stream at a time");
    }
    let store = open(fixture).await;
    let (one, two) = (stream("account-1"), stream("account-2"));
    put(&store, &two, 1).await;
    store.delete_stream(&two, Any, DeleteMode::Tombstone).await.unwrap();
    let before = store.head().await.unwrap();
    let parts = vec![part(&one, Any, events(1)), part(&two, Any, events(1))];
    assert_append_deleted(append_many(&store, parts).await);
    assert_eq!(store.head().await.unwrap(), before);
    assert_not_found(read(&store, &one).await);
}

pub async fn a_stream_named_twice_in_one_append_is_invalid(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, two) = (stream("account-1"), stream("account-2"));
    let before = store.head().await.unwrap();
    let parts = vec![part(&one, Any, events(1)), part(&two, Any, events(1)), part(&one, exact(0), events(1))];
    assert_invalid(append_many(&store, parts).await, "account-1");
    assert_eq!(store.head().await.unwrap(), before);
}

pub async fn an_append_that_names_no_stream_is_invalid(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    assert_invalid(append_many(&store, Vec::new()).await, "stream");
}

pub async fn a_stream_without_events_is_a_condition_of_the_append(fixture: &dyn Fixture) {
    if !fixture.appends_to_many() {
        skip!("the store appends to one stream at a time");
    }
    let store = open(fixture).await;
    let (one, rule, fresh) = (stream("account-1"), stream("rule-1"), stream("rule-2"));
    put(&store, &rule, 2).await;
    let parts = |expected| {
        vec![part(&rule, expected, vec![]), part(&one, Any, events(1)), part(&fresh, NoStream, vec![])]
    };
    assert_conflict(append_many(&store, parts(exact(0))).await, &rule, exact(0), at(1));
    assert_not_found(read(&store, &one).await);

    let appended = append_many(&store, parts(exact(1))).await.unwrap();
    let ends: Vec<_> = appended.streams.iter().map(|end| end.revision).collect();
    assert_eq!(ends, [at(1), at(0), CurrentRevision::NoStream]);
    assert_eq!(read(&store, &rule).await.unwrap().len(), 2);
    assert_not_found(read(&store, &fresh).await);
}

pub async fn appends_to_the_same_streams_in_opposite_order_all_succeed(fixture: &dyn Fixture) {
    const APPENDS: usize = 20;
    if !fixture.appends_to_many() {
        skip!("the store appends to one stream at a time");
    }
    let store = open(fixture).await;
    let (one, two) = (stream("account-1"), stream("account-2"));
    let writers = (0..8).map(|writer| {
        let (store, one, two) = (store.clone(), one.clone(), two.clone());
        tokio::spawn(async move {
            for _ in 0..APPENDS {
                let mut parts = vec![part(&one, Any, events(1)), part(&two, Any, events(1))];
                if writer % 2 == 1 {
                    parts.reverse();
                }
                append_many(&store, parts).await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        finished("the writer", writer).await.unwrap();
    }
    let wanted: Vec<_> = (0..8 * APPENDS as u64).collect();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), wanted);
    assert_eq!(revisions(&read(&store, &two).await.unwrap()), wanted);
    for pair in domain(&store).await.chunks(2) {
        assert_eq!(pair[0].revision, pair[1].revision);
    }
}
