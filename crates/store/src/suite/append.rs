//! Appends: what is written stands there as it was written, in order, without gap.

use std::time::Duration;

use bytes::Bytes;

use super::{Fixture, kit::*, skip};
use crate::{Clock, ContentType, NewEvent};

pub async fn the_revisions_of_a_stream_are_0_1_2_without_gap(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, other) = (stream("account-1"), stream("account-2"));
    for count in [1, 3, 2, 1] {
        put(&store, &one, count).await;
        put(&store, &other, 1).await;
    }
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(revisions(&read(&store, &other).await.unwrap()), [0, 1, 2, 3]);
}

pub async fn positions_rise_in_the_order_of_the_appends_over_all_streams(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let mut written = Vec::new();
    for round in 0..20 {
        written.extend(put(&store, &stream(&format!("account-{}", round % 3)), 1 + round % 4).await);
    }
    let all = domain(&store).await;
    assert_eq!(ids(&all), new_ids(&written));
    assert!(all.is_sorted_by(|left, right| left.position < right.position), "{:?}", positions(&all));
}

pub async fn a_stream_and_all_streams_tell_the_same_events(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, other) = (stream("account-1"), stream("account-2"));
    put(&store, &one, 2).await;
    put(&store, &other, 2).await;
    put(&store, &one, 1).await;
    let mut all = domain(&store).await;
    all.retain(|event| event.stream == one);
    assert_eq!(read(&store, &one).await.unwrap(), all);
}

pub async fn the_events_of_one_append_stand_next_to_each_other(fixture: &dyn Fixture) {
    const WRITERS: usize = 8;
    const APPENDS: usize = 10;
    const EVENTS: usize = 5;
    let store = open(fixture).await;
    let writers = (0..WRITERS).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for _ in 0..APPENDS {
                put(&store, &stream(&format!("account-{writer}")), EVENTS).await;
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let all = domain(&store).await;
    assert_eq!(all.len(), WRITERS * APPENDS * EVENTS);
    for together in all.chunks(EVENTS) {
        assert!(together.iter().all(|event| event.stream == together[0].stream), "{together:?}");
    }
}

pub async fn an_event_reads_back_as_it_was_written(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let every_byte: Bytes = (0..=255).collect::<Vec<u8>>().into();
    let json: Bytes = br#"{ "b": 1,   "a": [null, "\u00e9"] }"#[..].into();
    let written: Vec<NewEvent> = [
        (ContentType::Json, json.clone(), Bytes::new()),
        (ContentType::Json, json.clone(), json.clone()),
        (ContentType::Binary, every_byte.clone(), every_byte.clone()),
        (ContentType::Binary, Bytes::new(), Bytes::new()),
        (ContentType::Binary, Bytes::new(), json),
        (ContentType::Binary, vec![0; 70_000].into(), Bytes::new()),
    ]
    .map(|(content_type, data, metadata)| NewEvent { content_type, data, metadata, ..event("Happened") })
    .into();
    append(&store, &one, NoStream, written.clone()).await.unwrap();

    let back = read(&store, &one).await.unwrap();
    assert_eq!(back.len(), written.len());
    for (event, written) in back.iter().zip(&written) {
        assert_eq!(event.stream, one);
        assert_eq!((event.id, &event.event_type), (written.id, &written.event_type));
        assert_eq!((event.content_type, &event.data), (written.content_type, &written.data));
        assert_eq!(event.metadata, written.metadata);
    }
    assert_eq!(domain(&store).await, back);
}

pub async fn names_and_types_may_be_of_any_script(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let names = [
        "konto-Zoë",
        "口座-一二三",
        "счёт-1",
        "with space-🙂 and more",
        "no category",
        "a-b-c",
        "-",
        "UPPER-1",
    ];
    let types = ["Eröffnet", "開設された", "🙂", "with space", "dotted.and-dashed/slashed", "'quoted\"%_\\"];
    for name in names {
        let written = types.map(event);
        append(&store, &stream(name), NoStream, written.to_vec()).await.unwrap();
    }
    for name in names {
        let back = read(&store, &stream(name)).await.unwrap();
        assert!(back.iter().all(|event| event.stream.as_str() == name), "{name}");
        assert_eq!(back.iter().map(|event| &*event.event_type).collect::<Vec<_>>(), types, "{name}");
    }
    assert_eq!(domain(&store).await.len(), names.len() * types.len());
}

pub async fn streams_whose_names_differ_only_in_case_are_two(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    put(&store, &stream("account-a"), 1).await;
    append(&store, &stream("account-A"), NoStream, events(2)).await.unwrap();
    assert_eq!(read(&store, &stream("account-a")).await.unwrap().len(), 1);
    assert_eq!(read(&store, &stream("account-A")).await.unwrap().len(), 2);
}

pub async fn the_answer_tells_the_revision_and_position_of_the_last_event(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    for (count, last) in [(1, 0), (3, 3), (2, 5)] {
        let appended = append(&store, &one, Any, events(count)).await.unwrap();
        let newest = read(&store, &one).await.unwrap().pop().unwrap();
        assert_eq!(appended.streams.len(), 1);
        assert_eq!((&appended.streams[0].stream, appended.streams[0].revision), (&one, at(last)));
        assert_eq!((appended.position, newest.revision.0), (Some(newest.position), last));
        assert!(!appended.deduplicated);
    }
}

pub async fn an_append_of_no_events_writes_nothing_and_tells_where_the_stream_is(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let appended = append(&store, &one, Any, Vec::new()).await.unwrap();
    assert_eq!(appended.streams[0].revision, engine_types::CurrentRevision::NoStream);
    assert_not_found(read(&store, &one).await);

    put(&store, &one, 2).await;
    let before = store.head().await.unwrap();
    let appended = append(&store, &one, Any, Vec::new()).await.unwrap();
    assert_eq!((appended.streams[0].revision, appended.position), (at(1), None));
    assert!(!appended.deduplicated);
    assert_eq!(store.head().await.unwrap(), before);
}

pub async fn head_and_current_revision_tell_where_the_end_is(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let newest = store.read_all(crate::ReadAll::backwards().limit(1)).await.unwrap();
    assert_eq!(store.head().await.unwrap(), newest.events.first().map(|event| event.position));
    assert_eq!(store.current_revision(&one).await.unwrap().revision(), None);
    for last in [1, 3] {
        let appended = append(&store, &one, Any, events(2)).await.unwrap();
        assert_eq!(store.head().await.unwrap(), appended.position);
        assert_eq!(store.current_revision(&one).await.unwrap(), at(last));
    }
}

pub async fn events_are_dated_by_the_clock_of_the_store(fixture: &dyn Fixture) {
    if !fixture.drives_clock() {
        skip!("the store has its own clock");
    }
    let clock = noon();
    let store = fixture.open(clock.clone()).await;
    let one = stream("account-1");
    let first = clock.now();
    put(&store, &one, 2).await;
    clock.advance(Duration::from_micros(1));
    let second = clock.now();
    put(&store, &one, 1).await;
    let created: Vec<_> = read(&store, &one).await.unwrap().iter().map(|event| event.created).collect();
    assert_eq!(created, [first, first, second]);
}

pub async fn one_append_may_hold_a_thousand_events(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let written = put(&store, &one, 1_000).await;
    assert_eq!(ids(&read(&store, &one).await.unwrap()), new_ids(&written));
}
