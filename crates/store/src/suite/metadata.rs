//! Stream metadata: set, read and replaced, and what it makes of the events of its stream.

use std::time::Duration;

use engine_types::{CurrentRevision, Revision, StreamName};

use super::{Fixture, Opened, kit::*, skip};
use crate::{ContentType, NewEvent, ReadStream, StreamMetadata};

async fn set(store: &Opened, stream: &StreamName, metadata: StreamMetadata) {
    store.set_stream_metadata(stream, Any, metadata).await.unwrap();
}

fn max_count(count: u64) -> StreamMetadata {
    StreamMetadata { max_count: Some(count), ..StreamMetadata::default() }
}

fn truncate_before(revision: u64) -> StreamMetadata {
    StreamMetadata { truncate_before: Some(revision), ..StreamMetadata::default() }
}

pub async fn metadata_reads_back_as_it_was_set_with_the_users_own_keys(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let nothing = (StreamMetadata::default(), CurrentRevision::NoStream);
    assert_eq!(store.stream_metadata(&one).await.unwrap(), nothing);
    let mut written = StreamMetadata {
        max_count: Some(7),
        max_age_seconds: Some(3_600),
        truncate_before: Some(0),
        cache_control_seconds: Some(60),
        acl: Some(serde_json::json!({ "$r": ["reader", "$admins"], "$w": "writer" })),
        ..StreamMetadata::default()
    };
    written.user.insert("owner".to_owned(), serde_json::json!({ "name": "Zoë", "of": [1, 2.5, null] }));
    written.user.insert("$unknown".to_owned(), true.into());
    let appended = store.set_stream_metadata(&one, NoStream, written.clone()).await.unwrap();
    assert_eq!(appended.streams[0].revision, at(0));
    assert_eq!(store.stream_metadata(&one).await.unwrap(), (written, at(0)));
    assert_not_found(read(&store, &one).await);
}

pub async fn metadata_is_replaced_on_the_revision_it_is_expected_to_have(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let described = one.metadata_stream();
    let result = store.set_stream_metadata(&one, exact(0), max_count(1)).await;
    assert_conflict(result, &described, exact(0), CurrentRevision::NoStream);
    store.set_stream_metadata(&one, NoStream, max_count(1)).await.unwrap();
    let result = store.set_stream_metadata(&one, NoStream, max_count(2)).await;
    assert_conflict(result, &described, NoStream, at(0));
    store.set_stream_metadata(&one, exact(0), truncate_before(0)).await.unwrap();
    let result = store.set_stream_metadata(&one, exact(0), max_count(3)).await;
    assert_conflict(result, &described, exact(0), at(1));
    assert_eq!(store.stream_metadata(&one).await.unwrap(), (truncate_before(0), at(1)));
}

pub async fn metadata_is_the_newest_event_of_its_own_stream(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    for count in [5, 6, 7] {
        set(&store, &one, max_count(count)).await;
    }
    let back = read(&store, &one.metadata_stream()).await.unwrap();
    assert_eq!((revisions(&back), &*back[0].event_type), (vec![2], "$metadata"));
    assert_eq!(StreamMetadata::from_json(&back[0].data), max_count(7));
    assert_eq!(back[0].content_type, ContentType::Json);
    let page = store.read_stream(ReadStream::backwards(one.metadata_stream())).await.unwrap();
    assert_eq!((revisions(&page.events), page.last, page.next), (vec![2], Revision(2), None));
}

pub async fn an_append_to_the_metadata_stream_sets_the_metadata(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 4).await;
    let of =
        |count: u64| NewEvent { data: format!("{{\"$maxCount\":{count}}}").into(), ..event("$metadata") };
    append(&store, &one.metadata_stream(), NoStream, vec![of(1), of(3)]).await.unwrap();
    assert_eq!(store.stream_metadata(&one).await.unwrap(), (max_count(3), at(1)));
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [1, 2, 3]);
    let refused = append(&store, &one.metadata_stream(), exact(0), vec![of(2)]).await;
    assert_conflict(refused, &one.metadata_stream(), exact(0), at(1));
}

pub async fn metadata_of_metadata_cannot_be_set(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let metadata_stream = stream("account-1").metadata_stream();
    let result = store.set_stream_metadata(&metadata_stream, Any, max_count(5)).await;
    assert_invalid(result, "$$account-1");
    let direct = append(&store, &metadata_stream.metadata_stream(), Any, events(1)).await;
    assert_invalid(direct, "$$account-1");
}

pub async fn max_count_leaves_the_newest_events(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 5).await;
    set(&store, &one, max_count(3)).await;
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [2, 3, 4]);
    put(&store, &one, 2).await;
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [4, 5, 6]);
    let page = store.read_stream(ReadStream::forwards(one.clone()).from(Revision(1)).limit(2)).await.unwrap();
    assert_eq!((revisions(&page.events), page.next), (vec![4, 5], Some(Revision(6))));
    let page = store.read_stream(ReadStream::backwards(one.clone()).limit(2)).await.unwrap();
    assert_eq!((revisions(&page.events), page.next), (vec![6, 5], Some(Revision(4))));
    let page = store.read_stream(ReadStream::backwards(one.clone()).limit(3)).await.unwrap();
    assert_eq!((revisions(&page.events), page.next), (vec![6, 5, 4], None));
    assert_eq!(domain(&store).await.len(), 7, "all streams still tell them, until the store is scavenged");
    append(&store, &one, exact(6), events(1)).await.unwrap();
}

pub async fn truncate_before_hides_the_events_before_it(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 5).await;
    set(&store, &one, truncate_before(3)).await;
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [3, 4]);
    for limit in [1, 2, 1_000] {
        let page = store.read_stream(ReadStream::backwards(one.clone()).from(Revision(3)).limit(limit)).await;
        let page = page.unwrap();
        assert_eq!((revisions(&page.events), page.next), (vec![3], None), "{limit}");
    }
    let page = store.read_stream(ReadStream::backwards(one.clone()).from(Revision(2))).await.unwrap();
    assert_eq!((page.events, page.next), (vec![], None));
    set(&store, &one, StreamMetadata::default()).await;
    assert_eq!(read(&store, &one).await.unwrap().len(), 5, "what is not scavenged comes back");
}

pub async fn truncating_beyond_the_end_hides_what_is_there_and_what_comes_until_then(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 2).await;
    set(&store, &one, truncate_before(4)).await;
    assert_eq!(read(&store, &one).await.unwrap_or_default(), []);
    append(&store, &one, exact(1), events(4)).await.unwrap();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [4, 5]);
}

pub async fn the_stricter_of_count_and_truncation_holds(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 6).await;
    for (count, before, wanted) in [(4, 3, vec![3, 4, 5]), (2, 3, vec![4, 5])] {
        set(&store, &one, StreamMetadata { truncate_before: Some(before), ..max_count(count) }).await;
        assert_eq!(revisions(&read(&store, &one).await.unwrap()), wanted);
    }
}

pub async fn max_age_hides_events_when_their_time_is_over(fixture: &dyn Fixture) {
    if !fixture.drives_clock() {
        skip!("the store has its own clock");
    }
    let clock = noon();
    let store = fixture.open(clock.clone()).await;
    let one = stream("account-1");
    set(&store, &one, StreamMetadata { max_age_seconds: Some(10), ..StreamMetadata::default() }).await;
    put(&store, &one, 2).await;
    clock.advance(Duration::from_secs(6));
    put(&store, &one, 1).await;
    clock.advance(Duration::from_secs(4));
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [0, 1, 2], "exactly that old is not older");
    clock.advance(Duration::from_micros(1));
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [2]);
    for limit in [1, 2, 5] {
        let page = store.read_stream(ReadStream::backwards(one.clone()).limit(limit)).await.unwrap();
        assert_eq!(revisions(&page.events), [2], "{limit}");
    }
    clock.advance(Duration::from_secs(60));
    assert_eq!(read(&store, &one).await.unwrap_or_default(), []);
    assert_eq!(store.current_revision(&one).await.unwrap(), at(2));
    append(&store, &one, exact(2), events(1)).await.unwrap();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [3]);
}

pub async fn a_subscription_begins_with_the_first_event_that_can_be_read(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 6).await;
    set(&store, &one, StreamMetadata { truncate_before: Some(1), ..max_count(3) }).await;
    let to = crate::SubscribeTo::Stream(one.clone(), crate::SubscribeFrom::Start);
    let mut subscription = store.subscribe(to, crate::Filter::everything()).await.unwrap();
    assert_eq!(revisions(&until_caught_up(&mut subscription).await), [3, 4, 5]);
    put(&store, &one, 1).await;
    assert_eq!(revisions(&next_events(&mut subscription, 1).await), [6]);
}

pub async fn metadata_that_is_no_json_sets_nothing(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 3).await;
    set(&store, &one, max_count(1)).await;
    let broken = NewEvent { data: bytes::Bytes::from_static(b"\xff{"), ..event("$metadata") };
    append(&store, &one.metadata_stream(), exact(0), vec![broken]).await.unwrap();
    assert_eq!(store.stream_metadata(&one).await.unwrap(), (StreamMetadata::default(), at(1)));
    assert_eq!(read(&store, &one).await.unwrap().len(), 3);
}
