//! Scavenging: what can no longer be read is gone, and the rest stays where it was.

use std::time::Duration;

use engine_types::{Position, Revision};

use super::{Fixture, Opened, kit::*, skip};
use crate::{
    AppendError, DeleteMode, DocumentKey, ExpectedVersion, Filter, MaintenanceError, ReadStream,
    RecordedEvent, ScavengeReport, StreamMetadata, SubscribeFrom, SubscribeTo,
};

/// Scavenges; absent where the store is not scavenged from here.
pub(super) async fn scavenge(store: &Opened) -> Option<ScavengeReport> {
    match store.scavenge(&|_| {}).await {
        Ok(report) => Some(report),
        Err(MaintenanceError::Unsupported(_)) => None,
        Err(error) => panic!("{error}"),
    }
}

async fn truncate(store: &Opened, name: &str, before: u64) {
    let metadata = StreamMetadata { truncate_before: Some(before), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream(name), Any, metadata).await.unwrap();
}

async fn limit(store: &Opened, name: &str, max_count: u64) {
    let metadata = StreamMetadata { max_count: Some(max_count), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream(name), Any, metadata).await.unwrap();
}

/// Pages of a stream in both directions, large and small.
fn requests(name: &str) -> Vec<ReadStream> {
    let of = |limit| {
        let forwards = ReadStream::forwards(stream(name)).limit(limit);
        let backwards = ReadStream::backwards(stream(name)).limit(limit);
        [forwards.clone(), forwards.from(Revision(2)), backwards.clone(), backwards.from(Revision(6))]
    };
    [1, 2, 3, 20].into_iter().flat_map(of).collect()
}

fn places(events: &[RecordedEvent]) -> Vec<(String, u64, Position)> {
    events.iter().map(|event| (event.stream.to_string(), event.revision.0, event.position)).collect()
}

pub async fn what_can_no_longer_be_read_is_gone_and_the_rest_stays_where_it_was(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for _ in 0..3 {
        for name in ["whole-1", "truncated-1", "counted-1", "deleted-1", "tombstoned-1"] {
            put(&store, &stream(name), 2).await;
        }
    }
    truncate(&store, "truncated-1", 4).await;
    limit(&store, "counted-1", 1).await;
    store.delete_stream(&stream("deleted-1"), Any, DeleteMode::Soft).await.unwrap();
    store.delete_stream(&stream("tombstoned-1"), Any, DeleteMode::Tombstone).await.unwrap();
    let before = read_all(&store, Filter::everything()).await;
    let head = store.head().await.unwrap();
    let Some(report) = scavenge(&store).await else { skip!("the store is not scavenged from here") };
    assert_eq!(report.events, 4 + 5 + 6 + 6);
    let after = read_all(&store, Filter::everything()).await;
    let stays = |event: &RecordedEvent| match event.stream.as_str() {
        "truncated-1" => event.revision.0 >= 4,
        "counted-1" => event.revision.0 >= 5,
        "deleted-1" => false,
        "tombstoned-1" => event.revision.0 >= 6,
        _ => true,
    };
    let left: Vec<_> = before.into_iter().filter(stays).collect();
    assert_eq!(after, left, "with their positions, revisions, ids and contents");
    assert_eq!(store.head().await.unwrap(), head);
    let backwards = read_all_by(&store, crate::ReadAll::backwards()).await;
    assert!(backwards.iter().rev().eq(&left));
    let only = read_all(&store, Filter::category("truncated")).await;
    assert_eq!(revisions(&only), [4, 5]);
}

pub async fn streams_read_after_a_scavenge_as_before_it(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    put(&store, &stream("account-1"), 9).await;
    put(&store, &stream("account-2"), 9).await;
    limit(&store, "account-1", 4).await;
    truncate(&store, "account-2", 20).await;
    let mut before = Vec::new();
    for request in [requests("account-1"), requests("account-2")].concat() {
        before.push(store.read_stream(request).await.unwrap());
    }
    if scavenge(&store).await.is_none() {
        skip!("the store is not scavenged from here");
    }
    for (number, request) in [requests("account-1"), requests("account-2")].concat().into_iter().enumerate() {
        assert_eq!(store.read_stream(request.clone()).await.unwrap(), before[number], "{request:?}");
    }
    for name in ["account-1", "account-2"] {
        assert_eq!(store.current_revision(&stream(name)).await.unwrap(), at(8));
    }
}

pub async fn a_stream_goes_on_behind_its_last_event_though_that_is_gone(fixture: &dyn Fixture) {
    let mut store = open(fixture).await;
    let one = stream("account-1");
    let old = put(&store, &one, 3).await;
    store.delete_stream(&one, Any, DeleteMode::Soft).await.unwrap();
    if scavenge(&store).await.is_none() {
        skip!("the store is not scavenged from here");
    }
    if let Some(reopened) = fixture.reopen(store.clone(), noon()).await {
        store = reopened;
    }
    assert_not_found(read(&store, &one).await);
    assert_eq!(store.current_revision(&one).await.unwrap(), at(2));
    append(&store, &one, exact(2), events(2)).await.unwrap();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [3, 4]);
    scavenge(&store).await.unwrap();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [3, 4]);
    let repeated = append(&store, &one, NoStream, old).await;
    assert_conflict(repeated, &one, NoStream, at(4));
    store.set_stream_metadata(&one, Any, StreamMetadata::default()).await.unwrap();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [3, 4], "what is gone does not come back");
}

pub async fn what_was_scavenged_does_not_come_back(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, two) = (stream("account-1"), stream("account-2"));
    put(&store, &one, 6).await;
    put(&store, &two, 6).await;
    truncate(&store, "account-1", 4).await;
    truncate(&store, "account-2", 9).await;
    if scavenge(&store).await.is_none() {
        skip!("the store is not scavenged from here");
    }
    for name in [&one, &two] {
        store.set_stream_metadata(name, Any, StreamMetadata::default()).await.unwrap();
    }
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [4, 5]);
    for limit in [1, 2, 9] {
        let backwards = ReadStream::backwards(one.clone()).limit(limit);
        assert_eq!(revisions(&read_by(&store, backwards).await.unwrap()), [5, 4]);
        let below = ReadStream::forwards(one.clone()).from(Revision(1)).limit(limit);
        assert_eq!(revisions(&read_by(&store, below).await.unwrap()), [4, 5]);
        let page = store.read_stream(ReadStream::backwards(two.clone()).limit(limit)).await.unwrap();
        assert_eq!((page.events, page.next, page.last), (vec![], None, Revision(5)));
    }
    append(&store, &two, exact(5), events(1)).await.unwrap();
    assert_eq!(revisions(&read(&store, &two).await.unwrap()), [6]);
}

pub async fn a_second_scavenge_finds_nothing_more(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    put(&store, &stream("account-1"), 9).await;
    limit(&store, "account-1", 2).await;
    limit(&store, "account-1", 3).await;
    let key = DocumentKey::new("checkpoint").unwrap();
    for _ in 0..3 {
        store.save_document(&key, ExpectedVersion::Any, bytes::Bytes::from_static(b"x")).await.unwrap();
    }
    let Some(first) = scavenge(&store).await else { skip!("the store is not scavenged from here") };
    assert_eq!(first.events, 6 + 1, "six events and the metadata that was replaced");
    let left = read_all(&store, Filter::everything()).await;
    let second = scavenge(&store).await.unwrap();
    assert_eq!((second.events, second.documents, second.rewritten, second.bytes), (0, 0, 0, 0));
    assert_eq!(read_all(&store, Filter::everything()).await, left);
    let document = store.load_document(&key).await.unwrap().unwrap();
    assert_eq!(document.version, 3);
    assert_eq!(store.verify(&|_| {}).await.unwrap().faults, []);
}

pub async fn a_tombstone_is_all_that_is_left_of_its_stream(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 3).await;
    limit(&store, "account-1", 2).await;
    store.delete_stream(&one, Any, DeleteMode::Tombstone).await.unwrap();
    for _ in 0..2 {
        if scavenge(&store).await.is_none() {
            skip!("the store is not scavenged from here");
        }
        let of_stream = crate::filter::Choice {
            streams: vec![one.to_string(), one.metadata_stream().to_string()],
            system: true,
            ..crate::filter::Choice::default()
        };
        let left = read_all(&store, Filter::new(of_stream)).await;
        assert_eq!(revisions(&left), [3]);
        assert_eq!(&*left[0].event_type, "$streamDeleted");
        assert_read_deleted(read(&store, &one).await);
        assert_append_deleted(append(&store, &one, Any, events(1)).await);
        assert_append_deleted(append(&store, &one.metadata_stream(), Any, events(1)).await);
    }
}

pub async fn events_that_are_too_old_are_scavenged_from_the_beginning(fixture: &dyn Fixture) {
    if !fixture.drives_clock() {
        skip!("the store has its own clock");
    }
    let clock = noon();
    let store = fixture.open(clock.clone()).await;
    let one = stream("account-1");
    put(&store, &one, 2).await;
    clock.advance(Duration::from_secs(8));
    put(&store, &one, 2).await;
    let metadata = StreamMetadata { max_age_seconds: Some(5), ..StreamMetadata::default() };
    store.set_stream_metadata(&one, Any, metadata).await.unwrap();
    let Some(report) = scavenge(&store).await else { skip!("the store is not scavenged from here") };
    assert_eq!(report.events, 2);
    assert_eq!(revisions(&read_all(&store, Filter::category("account")).await), [2, 3]);
    clock.advance(Duration::from_secs(6));
    assert_eq!(scavenge(&store).await.unwrap().events, 2);
    assert_eq!(read_all(&store, Filter::category("account")).await, []);
    assert_eq!(store.current_revision(&one).await.unwrap(), at(3));
    append(&store, &one, exact(3), events(1)).await.unwrap();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [4]);
}

pub async fn readers_that_hold_a_place_go_on_after_a_scavenge(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 6).await;
    put(&store, &stream("other-1"), 2).await;
    let all = domain(&store).await;
    let to = SubscribeTo::All(SubscribeFrom::After(all[2].position));
    let mut followed = store.subscribe(to, Filter::domain()).await.unwrap();
    let to = SubscribeTo::Stream(one.clone(), SubscribeFrom::After(Revision(1)));
    truncate(&store, "account-1", 4).await;
    if scavenge(&store).await.is_none() {
        skip!("the store is not scavenged from here");
    }
    let mut of_stream = store.subscribe(to, Filter::everything()).await.unwrap();
    assert_eq!(revisions(&until_caught_up(&mut of_stream).await), [4, 5]);
    let left = read_all_by(&store, crate::ReadAll::forwards().from(all[1].position).filter(Filter::domain()));
    assert_eq!(places(&left.await), places(&all[4..]));
    put(&store, &one, 1).await;
    let followed = next_events(&mut followed, 5).await;
    let last: Vec<_> = followed.iter().map(|event| event.revision.0).collect();
    assert!(last.ends_with(&[6]), "{last:?}");
}

pub async fn an_id_that_was_scavenged_can_be_written_again_once(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let old = put(&store, &one, 1).await;
    put(&store, &one, 1).await;
    truncate(&store, "account-1", 1).await;
    if scavenge(&store).await.is_none() {
        skip!("the store is not scavenged from here");
    }
    let again = append(&store, &one, Any, old.clone()).await.unwrap();
    assert_eq!((again.streams[0].revision, again.deduplicated), (at(2), false));
    let twice = append(&store, &one, Any, old).await.unwrap();
    assert_eq!((twice.streams[0].revision, twice.deduplicated), (at(2), true));
}

pub async fn scavenging_while_others_append_loses_nothing(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    limit(&store, "busy-1", 3).await;
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for _ in 0..60 {
                put(&store, &stream("busy-1"), 1).await;
                put(&store, &stream("whole-1"), 1).await;
            }
        }
    });
    let mut scavenged = 0;
    while !writer.is_finished() {
        match store.scavenge(&|_| {}).await {
            Ok(report) => scavenged += report.events,
            Err(MaintenanceError::Unsupported(_)) => {
                writer.await.unwrap();
                skip!("the store is not scavenged from here");
            }
            Err(error) => panic!("{error}"),
        }
        let whole = read_all(&store, Filter::category("whole")).await;
        assert_eq!(revisions(&whole), (0..whole.len() as u64).collect::<Vec<_>>());
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    scavenged += scavenge(&store).await.unwrap().events;
    assert_eq!(scavenged, 57, "each event is removed once");
    assert_eq!(revisions(&read_all(&store, Filter::category("busy")).await), [57, 58, 59]);
    assert_eq!(read_all(&store, Filter::category("whole")).await.len(), 60);
    assert_eq!(store.verify(&|_| {}).await.unwrap().faults, []);
}

pub async fn a_closed_store_is_not_scavenged(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    if scavenge(&store).await.is_none() {
        skip!("the store is not scavenged from here");
    }
    store.close().await.unwrap();
    assert!(store.scavenge(&|_| {}).await.is_err());
    assert!(matches!(append(&store, &stream("a-1"), Any, events(1)).await, Err(AppendError::Unavailable(_))));
}
