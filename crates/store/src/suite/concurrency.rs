//! Many writers and readers at once: one wins where one may win, nothing is lost, and what a reader has
//! passed stays as it was.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use engine_types::{ExpectedRevision, Position, StreamName};
use tokio::{sync::Barrier, task::JoinSet};

use super::{Fixture, Opened, kit::*};
use crate::{AppendError, Filter, NewEvent, ReadAll};

const WRITERS: usize = 32;

/// Lets all writers append to one stream at the same moment; tells how many won.
async fn race(store: &Opened, stream: &StreamName, expected: ExpectedRevision) -> usize {
    let start = Arc::new(Barrier::new(WRITERS));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let (store, stream, start) = (store.clone(), stream.clone(), start.clone());
        writers.spawn(async move {
            start.wait().await;
            append(&store, &stream, expected, events(2)).await
        });
    }
    let mut winners = 0;
    for result in finished("the writers", writers.join_all()).await {
        match result {
            Ok(_) => winners += 1,
            Err(AppendError::Conflict { actual, .. }) => assert!(actual.revision().is_some()),
            Err(error) => panic!("{error}"),
        }
    }
    winners
}

pub async fn of_many_writers_that_expect_the_same_revision_exactly_one_wins(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    assert_eq!(race(&store, &one, NoStream).await, 1);
    for round in 1..10 {
        assert_eq!(race(&store, &one, exact(2 * round - 1)).await, 1, "round {round}");
        assert_eq!(store.current_revision(&one).await.unwrap(), at(2 * round + 1));
    }
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), (0..20).collect::<Vec<_>>());
    assert_eq!(domain(&store).await.len(), 20);
}

pub async fn of_many_writers_that_expect_nothing_all_win_and_nothing_is_lost(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    for _ in 0..4 {
        assert_eq!(race(&store, &one, Any).await, WRITERS);
    }
    let wanted: Vec<_> = (0..4 * 2 * WRITERS as u64).collect();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), wanted);
}

pub async fn writers_that_reload_after_a_conflict_all_come_through(fixture: &dyn Fixture) {
    const EACH: usize = 5;
    let store = open(fixture).await;
    let one = stream("account-1");
    let mut writers = JoinSet::new();
    for _ in 0..8 {
        let (store, one) = (store.clone(), one.clone());
        writers.spawn(async move {
            for _ in 0..EACH {
                append_at_the_end(&store, &one, events(1)).await;
            }
        });
    }
    finished("the writers", writers.join_all()).await;
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), (0..8 * EACH as u64).collect::<Vec<_>>());
}

/// Appends behind what the last conflict told, until it succeeds.
async fn append_at_the_end(store: &Opened, stream: &StreamName, events: Vec<NewEvent>) {
    let mut expected = NoStream;
    loop {
        match append(store, stream, expected, events.clone()).await {
            Ok(appended) => return assert!(!appended.deduplicated),
            Err(AppendError::Conflict { actual, .. }) => expected = actual.into(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads on and on while others write; gives what was seen.
async fn follow(
    store: Opened,
    limit: usize,
    filter: Filter,
    done: Arc<AtomicBool>,
) -> Vec<(Position, uuid::Uuid)> {
    let mut request = ReadAll::forwards().limit(limit).filter(filter);
    let mut seen: Vec<(Position, uuid::Uuid)> = Vec::new();
    loop {
        let last_round = done.load(Ordering::SeqCst);
        let page = store.read_all(request.clone()).await.unwrap();
        for event in &page.events {
            assert!(seen.last().is_none_or(|(newest, _)| *newest < event.position), "positions rise");
            seen.push((event.position, event.id));
        }
        request = request.from(page.next.expect("there is always a next page forwards"));
        if page.end && last_round {
            return seen;
        }
        if page.events.is_empty() {
            tokio::task::yield_now().await;
        }
    }
}

pub async fn a_reader_never_finds_a_new_event_at_or_below_one_it_has_seen(fixture: &dyn Fixture) {
    const EACH: usize = 40;
    let store = open(fixture).await;
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> =
        [(1, Filter::domain()), (7, Filter::everything()), (1_000, Filter::category("even"))]
            .map(|(limit, filter)| {
                (filter.clone(), tokio::spawn(follow(store.clone(), limit, filter, done.clone())))
            })
            .into();
    let mut writers = JoinSet::new();
    for writer in 0..16 {
        let store = store.clone();
        writers.spawn(async move {
            let category = if writer % 2 == 0 { "even" } else { "odd" };
            for round in 0..EACH {
                put(&store, &stream(&format!("{category}-{}", writer / 4)), 1 + round % 3).await;
            }
        });
    }
    finished("the writers", writers.join_all()).await;
    done.store(true, Ordering::SeqCst);
    for (filter, reader) in readers {
        let seen = finished("the reader", reader).await.unwrap();
        let all = read_all(&store, filter).await;
        let wanted: Vec<_> = all.iter().map(|event| (event.position, event.id)).collect();
        assert!(seen == wanted, "a reader saw {} events, later there are {}", seen.len(), wanted.len());
    }
}

pub async fn a_reader_sees_all_events_of_an_append_or_none(fixture: &dyn Fixture) {
    const TOGETHER: usize = 7;
    let store = open(fixture).await;
    let one = stream("account-1");
    let writer = tokio::spawn({
        let (store, one) = (store.clone(), one.clone());
        async move {
            for _ in 0..100 {
                put(&store, &one, TOGETHER).await;
            }
        }
    });
    while !writer.is_finished() {
        if let Ok(page) = store.read_stream(crate::ReadStream::backwards(one.clone()).limit(1)).await {
            assert_eq!((page.last.0 + 1) % TOGETHER as u64, 0);
            assert_eq!(page.events[0].revision, page.last);
        }
        let all = store.read_all(ReadAll::backwards().limit(1).filter(Filter::domain())).await.unwrap();
        if let Some(newest) = all.events.first() {
            assert_eq!((newest.revision.0 + 1) % TOGETHER as u64, 0);
        }
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
}
