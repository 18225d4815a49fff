//! What the promises are written with: streams and events at hand, and reading to the end.

use std::{fmt::Debug, future::Future, io::Write, pin::Pin, sync::Arc, time::Duration};

use engine_types::{CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
use uuid::Uuid;

use super::{Fixture, Opened};
use crate::{
    AppendError, AppendRequest, Appended, ContentType, Direction, Filter, NewEvent, ReadAll, ReadError,
    ReadFrom, ReadStream, RecordedEvent, StreamAppend, Subscription, SubscriptionMessage, Timestamp,
    clock::ManualClock,
};

/// How long a test waits for a message that must come. Generous: only a broken store has it waited out.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a test waits until many tasks have done their work.
const LONG_PATIENCE: Duration = Duration::from_secs(60);

pub(super) use engine_types::ExpectedRevision::{Any, Exact, NoStream, StreamExists};

/// Tells that a test was skipped, by the name of a function inside it.
pub(crate) fn report_skipped(inside: &str, why: &str) {
    let promise = inside.trim_end_matches("::here").trim_end_matches("::{{closure}}");
    let promise = promise.split_once("suite::").map_or(promise, |(_, promise)| promise);
    // Not `eprintln!`, which the test harness keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "skipped {promise}: {why}");
}

/// A clock that stands at noon of a winter's day.
pub(super) fn noon() -> Arc<ManualClock> {
    Arc::new(ManualClock::at(Timestamp::from_micros(1_700_000_000_123_456)))
}

/// An empty store, at noon.
pub(super) async fn open(fixture: &dyn Fixture) -> Opened {
    fixture.open(noon()).await
}

pub(super) fn stream(name: &str) -> StreamName {
    StreamName::new(name).expect("the suite writes valid names")
}

/// A fresh event of this type.
pub(super) fn event(event_type: &str) -> NewEvent {
    NewEvent {
        id: Uuid::now_v7(),
        event_type: event_type.into(),
        content_type: ContentType::Json,
        data: format!("{{\"of\":{event_type:?}}}").into(),
        metadata: bytes::Bytes::new(),
    }
}

/// So many fresh events.
pub(super) fn events(count: usize) -> Vec<NewEvent> {
    (0..count).map(|_| event("Happened")).collect()
}

pub(super) const fn exact(revision: u64) -> ExpectedRevision {
    Exact(Revision(revision))
}

pub(super) const fn at(revision: u64) -> CurrentRevision {
    CurrentRevision::At(Revision(revision))
}

pub(super) fn part(stream: &StreamName, expected: ExpectedRevision, events: Vec<NewEvent>) -> StreamAppend {
    StreamAppend { stream: stream.clone(), expected, events }
}

/// Appends to one stream.
pub(super) async fn append(
    store: &Opened,
    stream: &StreamName,
    expected: ExpectedRevision,
    events: Vec<NewEvent>,
) -> Result<Appended, AppendError> {
    store.append(AppendRequest::to(stream.clone(), expected, events)).await
}

/// Appends so many fresh events and gives them back.
pub(super) async fn put(store: &Opened, stream: &StreamName, count: usize) -> Vec<NewEvent> {
    let events = events(count);
    append(store, stream, Any, events.clone()).await.expect("an append that expects nothing");
    events
}

/// Appends one fresh event of this type.
pub(super) async fn put_one(store: &Opened, stream: &StreamName, event_type: &str) -> Appended {
    append(store, stream, Any, vec![event(event_type)]).await.expect("an append that expects nothing")
}

/// All events of a stream that can be read, oldest first.
pub(super) async fn read(store: &Opened, stream: &StreamName) -> Result<Vec<RecordedEvent>, ReadError> {
    read_by(store, ReadStream::forwards(stream.clone())).await
}

/// All events of a stream from where the request begins, page by page. Checks what holds for every page.
pub(super) async fn read_by(
    store: &Opened,
    mut request: ReadStream,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let mut events = Vec::new();
    loop {
        let page = store.read_stream(request.clone()).await?;
        assert!(page.events.len() <= request.limit, "a page holds at most what was asked for");
        events.extend(page.events);
        let Some(next) = page.next else { return Ok(events) };
        assert!(next <= page.last, "there is no page behind the last event");
        assert_ne!(ReadFrom::At(next), request.from, "every page makes progress");
        request = request.from(next);
    }
}

/// All events that pass, oldest first.
pub(super) async fn read_all(store: &Opened, filter: Filter) -> Vec<RecordedEvent> {
    read_all_by(store, ReadAll::forwards().filter(filter)).await
}

/// All events from where the request begins, page by page. Checks what holds for every page.
pub(super) async fn read_all_by(store: &Opened, mut request: ReadAll) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    loop {
        let page = store.read_all(request.clone()).await.expect("a page of all streams");
        assert!(page.events.len() <= request.limit, "a page holds at most what was asked for");
        events.extend(page.events);
        match page.next {
            Some(next) if !page.end => {
                assert_ne!(ReadFrom::At(next), request.from, "every page makes progress");
                request = request.from(next);
            }
            next => {
                let forwards = request.direction == Direction::Forwards;
                assert_eq!(next.is_some(), forwards, "only forwards is there a next page at the end");
                return events;
            }
        }
    }
}

/// All events of the domain, oldest first.
pub(super) async fn domain(store: &Opened) -> Vec<RecordedEvent> {
    read_all(store, Filter::domain()).await
}

pub(super) fn revisions(events: &[RecordedEvent]) -> Vec<u64> {
    events.iter().map(|event| event.revision.0).collect()
}

pub(super) fn positions(events: &[RecordedEvent]) -> Vec<Position> {
    events.iter().map(|event| event.position).collect()
}

pub(super) fn ids(events: &[RecordedEvent]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}

pub(super) fn new_ids(events: &[NewEvent]) -> Vec<Uuid> {
    events.iter().map(|event| event.id).collect()
}

/// Asserts that an append was refused because the stream is elsewhere.
#[track_caller]
pub(super) fn assert_conflict<T: Debug>(
    result: Result<T, AppendError>,
    on: &StreamName,
    wanted: ExpectedRevision,
    there: CurrentRevision,
) {
    match result {
        Err(AppendError::Conflict { stream, expected, actual }) => {
            assert_eq!((&stream, expected, actual), (on, wanted, there));
        }
        other => panic!("expected a conflict on `{on}`, got {other:?}"),
    }
}

/// Asserts that something was refused as a fault of the caller, in words that hold `word`.
#[track_caller]
pub(super) fn assert_invalid<T: Debug>(result: Result<T, AppendError>, word: &str) {
    match result {
        Err(AppendError::Invalid(fault)) => {
            assert!(fault.contains(word), "{fault:?} does not say {word:?}");
        }
        other => panic!("expected Invalid, got {other:?}"),
    }
}

#[track_caller]
pub(super) fn assert_append_deleted<T: Debug>(result: Result<T, AppendError>) {
    match result {
        Err(AppendError::StreamDeleted { .. }) => {}
        other => panic!("expected deleted, got {other:?}"),
    }
}

#[track_caller]
pub(super) fn assert_read_deleted<T: Debug>(result: Result<T, ReadError>) {
    match result {
        Err(ReadError::StreamDeleted { .. }) => {}
        other => panic!("expected deleted, got {other:?}"),
    }
}

#[track_caller]
pub(super) fn assert_not_found<T: Debug>(result: Result<T, ReadError>) {
    match result {
        Err(ReadError::StreamNotFound { .. }) => {}
        other => panic!("expected not found, got {other:?}"),
    }
}

/// Waits for what must come soon.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let output = tokio::time::timeout(PATIENCE, future).await;
    output.unwrap_or_else(|_| panic!("{what} did not come within {PATIENCE:?}"))
}

/// Waits for the end of what takes a while.
pub(super) async fn finished<T>(what: &str, future: impl Future<Output = T>) -> T {
    let output = tokio::time::timeout(LONG_PATIENCE, future).await;
    output.unwrap_or_else(|_| panic!("{what} did not come to an end within {LONG_PATIENCE:?}"))
}

/// The next message of a subscription.
pub(super) async fn next(subscription: &mut Subscription) -> SubscriptionMessage {
    soon("a message", subscription.next()).await.expect("a subscription that goes on")
}

/// Polls a future that must not be ready yet, so that it waits from here on.
pub(super) async fn must_wait<F>(future: Pin<&mut F>)
where
    F: Future<Output: Debug>,
{
    tokio::select! {
        biased;
        output = future => panic!("there was nothing to tell, but it told {output:?}"),
        () = std::future::ready(()) => {}
    }
}

/// The next so many events of a subscription.
pub(super) async fn next_events(subscription: &mut Subscription, count: usize) -> Vec<RecordedEvent> {
    let mut events = Vec::with_capacity(count);
    while events.len() < count {
        let event = soon("an event", subscription.next_event()).await;
        events.push(event.expect("a subscription that goes on"));
    }
    events
}

/// All events of a subscription until it has caught up.
pub(super) async fn until_caught_up(subscription: &mut Subscription) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    loop {
        match next(subscription).await {
            SubscriptionMessage::Event(event) => events.push(event),
            SubscriptionMessage::Progress(_) => {}
            SubscriptionMessage::CaughtUp => return events,
        }
    }
}
