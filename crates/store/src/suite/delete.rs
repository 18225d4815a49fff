//! Deleting a stream softly: its events hide, and a later append goes on where it ended.

use engine_types::{CurrentRevision, Revision};

use super::{Fixture, kit::*, skip};
use crate::{AppendRequest, DeleteMode::Soft, ReadFrom, ReadStream, StreamMetadata, StreamQuery};

pub async fn a_deleted_stream_hides_its_events(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 3).await;
    store.delete_stream(&one, exact(2), Soft).await.unwrap();
    assert_not_found(read(&store, &one).await);
    for from in [ReadFrom::At(Revision(1)), ReadFrom::End] {
        assert_not_found(store.read_stream(ReadStream { from, ..ReadStream::forwards(one.clone()) }).await);
    }
    assert_eq!(store.current_revision(&one).await.unwrap(), at(2), "the stream still ends there");
}

pub async fn a_deleted_stream_is_still_told_among_all_streams(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 3).await;
    let before = domain(&store).await;
    store.delete_stream(&one, Any, Soft).await.unwrap();
    assert_eq!(domain(&store).await, before, "until the store is scavenged");
}

pub async fn an_append_revives_a_deleted_stream_and_continues_its_numbering(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for expected in [Any, NoStream, exact(2)] {
        let one = stream(&format!("account-{expected}"));
        put(&store, &one, 3).await;
        store.delete_stream(&one, Any, Soft).await.unwrap();
        let new = events(2);
        let appended = append(&store, &one, expected, new.clone()).await.unwrap();
        assert_eq!(appended.streams[0].revision, at(4), "{expected}");
        let back = read(&store, &one).await.unwrap();
        assert_eq!((revisions(&back), ids(&back)), (vec![3, 4], new_ids(&new)), "{expected}");
        assert_eq!(appended.position, Some(back[1].position));
        let page = store.read_stream(ReadStream::backwards(one.clone()).from(Revision(3))).await.unwrap();
        assert_eq!((revisions(&page.events), page.next), (vec![3], None), "{expected}");
    }
}

pub async fn a_revived_stream_can_be_deleted_and_revived_again(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    for round in 0..4 {
        put(&store, &one, 2).await;
        assert_eq!(revisions(&read(&store, &one).await.unwrap()), [2 * round, 2 * round + 1]);
        store.delete_stream(&one, StreamExists, Soft).await.unwrap();
        assert_not_found(read(&store, &one).await);
    }
}

pub async fn the_expectation_of_a_deletion_is_checked(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 3).await;
    for expected in [NoStream, exact(1), exact(3)] {
        assert_conflict(store.delete_stream(&one, expected, Soft).await, &one, expected, at(2));
    }
    assert_eq!(read(&store, &one).await.unwrap().len(), 3);
    store.delete_stream(&one, StreamExists, Soft).await.unwrap();
}

pub async fn deleting_a_stream_that_never_was_is_a_conflict(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    for expected in [Any, NoStream, StreamExists, exact(0)] {
        let deleted = store.delete_stream(&one, expected, Soft).await;
        assert_conflict(deleted, &one, expected, CurrentRevision::NoStream);
    }
    append(&store, &one, NoStream, events(1)).await.unwrap();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [0]);
}

pub async fn deleting_what_is_deleted_changes_nothing(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 2).await;
    store.delete_stream(&one, Any, Soft).await.unwrap();
    let before = store.head().await.unwrap();
    store.delete_stream(&one, Any, Soft).await.unwrap();
    store.delete_stream(&one, exact(1), Soft).await.unwrap();
    assert_conflict(store.delete_stream(&one, StreamExists, Soft).await, &one, StreamExists, at(1));
    assert_eq!(store.head().await.unwrap(), before);
}

pub async fn a_deletion_is_metadata_that_truncates_everything(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, two) = (stream("account-1"), stream("account-2"));
    put(&store, &one, 2).await;
    put(&store, &two, 2).await;
    store.delete_stream(&one, Any, Soft).await.unwrap();
    let (metadata, revision) = store.stream_metadata(&one).await.unwrap();
    assert!(metadata.is_deleted());
    assert_eq!(revision, at(0));
    store.set_stream_metadata(&two, NoStream, StreamMetadata::deleted()).await.unwrap();
    assert_not_found(read(&store, &two).await);
    put(&store, &two, 1).await;
    let (metadata, _) = store.stream_metadata(&two).await.unwrap();
    assert_eq!(metadata.truncate_before, Some(2));
    assert_eq!(revisions(&read(&store, &two).await.unwrap()), [2]);
}

pub async fn metadata_for_a_deleted_stream_does_not_bring_back_its_events(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 3).await;
    store.delete_stream(&one, Any, Soft).await.unwrap();
    let metadata = StreamMetadata { max_count: Some(10), ..StreamMetadata::default() };
    let set = store.set_stream_metadata(&one, exact(0), metadata).await.unwrap();
    assert_eq!(set.streams[0].revision, at(1));
    let old = read(&store, &one).await.unwrap_or_default();
    assert_eq!(old, [], "the old events stay hidden");
    let (metadata, _) = store.stream_metadata(&one).await.unwrap();
    assert_eq!((metadata.max_count, metadata.is_deleted()), (Some(10), false));
    put(&store, &one, 1).await;
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [3]);
}

pub async fn a_deleted_stream_is_listed_again_when_it_lives_again(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 1).await;
    store.delete_stream(&one, Any, Soft).await.unwrap();
    assert_eq!(store.streams(StreamQuery::default()).await.unwrap().streams, []);
    put(&store, &one, 1).await;
    let listed = store.streams(StreamQuery::default()).await.unwrap().streams;
    assert_eq!((listed.len(), listed[0].last), (1, Revision(1)));
}

pub async fn a_metadata_stream_cannot_be_deleted_by_itself(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 1).await;
    store.set_stream_metadata(&one, Any, StreamMetadata::default()).await.unwrap();
    for mode in [Soft, crate::DeleteMode::Tombstone] {
        assert_invalid(store.delete_stream(&one.metadata_stream(), Any, mode).await, "$$account-1");
    }
    assert!(store.stream_metadata(&one).await.is_ok());
}

pub async fn one_append_may_revive_a_stream_beside_others(fixture: &dyn Fixture) {
    if !fixture.appends_to_many() {
        skip!("the store appends to one stream at a time");
    }
    let store = open(fixture).await;
    let (one, two) = (stream("account-1"), stream("account-2"));
    put(&store, &one, 2).await;
    store.delete_stream(&one, Any, Soft).await.unwrap();
    let parts = vec![part(&two, NoStream, events(1)), part(&one, NoStream, events(1))];
    let appended = store.append(AppendRequest::to_many(parts.clone())).await.unwrap();
    let ends: Vec<_> = appended.streams.iter().map(|end| end.revision).collect();
    assert_eq!(ends, [at(0), at(2)]);
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [2]);
    let conflicting = vec![part(&one, Any, events(1)), part(&two, NoStream, events(1))];
    store.delete_stream(&one, Any, Soft).await.unwrap();
    assert_conflict(store.append(AppendRequest::to_many(conflicting)).await, &two, NoStream, at(0));
    assert_not_found(read(&store, &one).await);
}
