//! Reading all streams: pages cover every event exactly once, from any place, in both directions.

use engine_types::Position;

use super::{Fixture, Opened, kit::*};
use crate::{Direction, Filter, ReadAll, ReadError, ReadFrom, RecordedEvent};

const PAGE_SIZES: [usize; 5] = [1, 2, 3, 7, 1_000];

/// A store with ten events of the domain over three streams, and metadata between them.
async fn ten_events(fixture: &dyn Fixture) -> (Opened, Vec<RecordedEvent>) {
    let store = open(fixture).await;
    for round in 0..5 {
        let one = stream(&format!("account-{}", round % 3));
        put(&store, &one, 2).await;
        store.set_stream_metadata(&one, Any, crate::StreamMetadata::default()).await.unwrap();
    }
    let all = domain(&store).await;
    assert_eq!(all.len(), 10);
    (store, all)
}

fn reversed(events: &[RecordedEvent]) -> Vec<RecordedEvent> {
    events.iter().rev().cloned().collect()
}

pub async fn pages_of_any_size_cover_all_streams_once_forwards(fixture: &dyn Fixture) {
    let (store, all) = ten_events(fixture).await;
    for limit in PAGE_SIZES {
        let request = ReadAll::forwards().limit(limit).filter(Filter::domain());
        assert_eq!(read_all_by(&store, request.clone()).await, all, "{limit}");
        for (index, event) in all.iter().enumerate() {
            let from = request.clone().from(event.position);
            assert_eq!(read_all_by(&store, from).await, all[index..], "{limit} from {index}");
        }
    }
}

pub async fn pages_of_any_size_cover_all_streams_once_backwards(fixture: &dyn Fixture) {
    let (store, all) = ten_events(fixture).await;
    for limit in PAGE_SIZES {
        let request = ReadAll::backwards().limit(limit).filter(Filter::domain());
        assert_eq!(read_all_by(&store, request.clone()).await, reversed(&all), "{limit}");
        for (index, event) in all.iter().enumerate() {
            let from = request.clone().from(event.position);
            assert_eq!(read_all_by(&store, from).await, reversed(&all[..=index]), "{limit} from {index}");
        }
    }
}

pub async fn both_directions_tell_the_same_events_with_those_of_the_system(fixture: &dyn Fixture) {
    let (store, _) = ten_events(fixture).await;
    let forwards = read_all(&store, Filter::everything()).await;
    let backwards = read_all_by(&store, ReadAll::backwards().limit(4)).await;
    assert_eq!(forwards, reversed(&backwards));
    let metadata = forwards.iter().filter(|event| &*event.event_type == "$metadata");
    assert_eq!(metadata.filter(|event| event.stream.as_str().starts_with("$$account-")).count(), 5);
    assert!(forwards.is_sorted_by(|left, right| left.position < right.position));
}

pub async fn the_ends_of_all_streams_are_places_to_begin_at(fixture: &dyn Fixture) {
    let (store, all) = ten_events(fixture).await;
    let everything = read_all(&store, Filter::everything()).await;
    for limit in [1_000, usize::MAX] {
        let request = |from, direction| ReadAll { from, direction, limit, filter: Filter::everything() };
        let end = request(ReadFrom::End, Direction::Forwards);
        assert_eq!(read_all_by(&store, end).await, []);
        let beyond = request(ReadFrom::At(Position(u64::MAX)), Direction::Forwards);
        assert_eq!(read_all_by(&store, beyond).await, []);
        let oldest = request(ReadFrom::Start, Direction::Backwards);
        assert_eq!(read_all_by(&store, oldest).await, everything[..1]);
        let newest = request(ReadFrom::At(Position(u64::MAX)), Direction::Backwards);
        assert_eq!(read_all_by(&store, newest.filter(Filter::domain())).await, reversed(&all));
    }
}

pub async fn a_page_from_beyond_the_end_does_not_lead_back(fixture: &dyn Fixture) {
    let (store, all) = ten_events(fixture).await;
    let far = Position(all[9].position.0 + 1_000_000);
    let page = store.read_all(ReadAll::forwards().from(far)).await.unwrap();
    assert_eq!((page.events, page.end), (vec![], true));
    assert!(page.next >= Some(far), "{:?}", page.next);
}

pub async fn the_page_at_the_end_leads_to_what_is_appended_next(fixture: &dyn Fixture) {
    let (store, _) = ten_events(fixture).await;
    let end = store.read_all(ReadAll { from: ReadFrom::End, ..ReadAll::forwards() }).await.unwrap();
    let last = store.read_all(ReadAll::forwards()).await.unwrap();
    assert!(end.end && last.end);
    let written = put(&store, &stream("account-9"), 2).await;
    for next in [end.next, last.next] {
        let page = store.read_all(ReadAll::forwards().from(next.unwrap())).await.unwrap();
        assert_eq!(ids(&page.events), new_ids(&written));
    }
}

pub async fn a_page_of_all_streams_must_hold_at_least_one_event(fixture: &dyn Fixture) {
    let (store, _) = ten_events(fixture).await;
    for request in [ReadAll::forwards(), ReadAll::backwards()] {
        let result = store.read_all(request.limit(0)).await;
        assert!(matches!(result, Err(ReadError::Invalid(_))), "{result:?}");
    }
}

pub async fn an_empty_store_reads_as_nothing(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    assert_eq!(domain(&store).await, []);
    assert_eq!(read_all_by(&store, ReadAll::backwards().filter(Filter::domain())).await, []);
    let end = ReadAll { from: ReadFrom::End, ..ReadAll::forwards() };
    let next = store.read_all(end).await.unwrap().next.unwrap();
    let written = put(&store, &stream("account-1"), 1).await;
    let page = store.read_all(ReadAll::forwards().from(next)).await.unwrap();
    assert_eq!(ids(&page.events), new_ids(&written));
}
