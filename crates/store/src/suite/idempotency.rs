//! Idempotency: the same events again answer the first result, and are not written twice.

use engine_types::{ExpectedRevision, StreamName};

use super::{Fixture, Opened, kit::*, skip};
use crate::{AppendRequest, Appended, NewEvent, StreamAppend};

/// An append that has been carried out, to be repeated.
struct Done {
    stream: StreamName,
    expected: ExpectedRevision,
    events: Vec<NewEvent>,
    answer: Appended,
}

impl Done {
    /// Carries out an append, to a fresh stream or to one that has two events.
    async fn new(store: &Opened, name: &str, expected: ExpectedRevision) -> Done {
        let (stream, events) = (stream(name), events(3));
        if expected != NoStream {
            put(store, &stream, 2).await;
        }
        let answer = append(store, &stream, expected, events.clone()).await.unwrap();
        assert!(!answer.deduplicated);
        Done { stream, expected, events, answer }
    }

    /// Carries it out again and checks that it comes to the same.
    async fn repeat(&self, store: &Opened) {
        let before = store.head().await.unwrap();
        let again = append(store, &self.stream, self.expected, self.events.clone()).await;
        let again = again.unwrap_or_else(|error| panic!("{}: {error}", self.expected));
        assert!(again.deduplicated, "{}", self.expected);
        assert_eq!(again.streams, self.answer.streams, "{}", self.expected);
        assert_eq!(again.position, self.answer.position, "{}", self.expected);
        assert_eq!(store.head().await.unwrap(), before, "nothing is written");
    }
}

/// One carried-out append of each expectation.
async fn each_expectation(store: &Opened) -> Vec<Done> {
    let mut done = Vec::new();
    for (name, expected) in [("a-1", exact(1)), ("a-2", NoStream), ("a-3", Any), ("a-4", StreamExists)] {
        done.push(Done::new(store, name, expected).await);
    }
    done
}

pub async fn the_same_append_again_answers_the_first_result(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for done in each_expectation(&store).await {
        done.repeat(&store).await;
        done.repeat(&store).await;
    }
}

pub async fn the_same_append_again_answers_the_first_result_after_others_followed(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let done = each_expectation(&store).await;
    for done in &done {
        put(&store, &done.stream, 4).await;
        put(&store, &stream("other-1"), 1).await;
    }
    for done in &done {
        done.repeat(&store).await;
        assert_eq!(store.current_revision(&done.stream).await.unwrap().next(), {
            let before = if done.expected == NoStream { 0 } else { 2 };
            engine_types::Revision(before + 3 + 4)
        });
    }
}

pub async fn the_same_append_again_answers_the_first_result_after_reopening(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let done = each_expectation(&store).await;
    for done in &done {
        put(&store, &done.stream, 1).await;
    }
    let Some(store) = fixture.reopen(store, noon()).await else {
        skip!("the events end with the store");
    };
    for done in &done {
        done.repeat(&store).await;
    }
}

pub async fn a_part_of_an_append_again_answers_where_that_part_ends(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let first = put(&store, &one, 4).await;
    let positions = positions(&read(&store, &one).await.unwrap());
    for (expected, part, last) in
        [(NoStream, 0..2, 1), (exact(0), 1..3, 2), (exact(2), 3..4, 3), (Any, 1..2, 1)]
    {
        let again = append(&store, &one, expected, first[part].to_vec()).await.unwrap();
        assert!(again.deduplicated, "{expected}");
        assert_eq!(again.streams[0].revision, at(last), "{expected}");
        assert_eq!(again.position, Some(positions[usize::try_from(last).unwrap()]), "{expected}");
    }
}

pub async fn what_was_written_to_a_certain_place_is_known_wherever_it_is_expected(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let (mut written, mut expected) = (Vec::new(), NoStream);
    for revision in 0..4 {
        written.extend(events(1));
        append(&store, &one, expected, written[revision..].to_vec()).await.unwrap();
        expected = exact(revision as u64);
        for event in &written {
            let again = append(&store, &one, Any, vec![event.clone()]).await.unwrap();
            assert!(again.deduplicated);
        }
    }
    assert_eq!(ids(&read(&store, &one).await.unwrap()), new_ids(&written));
}

pub async fn a_known_beginning_with_another_end_is_a_conflict(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let first = put(&store, &one, 3).await;
    let before = store.head().await.unwrap();
    let mixed = |known: &[NewEvent]| [known, &events(1)].concat();
    for (expected, events) in [
        (NoStream, mixed(&first[..1])),
        (NoStream, mixed(&first)),
        (exact(0), mixed(&first[1..2])),
        (exact(1), mixed(&first[2..])),
        (Any, mixed(&first[..2])),
        (Any, mixed(&first[2..])),
        (StreamExists, mixed(&first[1..])),
    ] {
        assert_conflict(append(&store, &one, expected, events).await, &one, expected, at(2));
    }
    assert_eq!(store.head().await.unwrap(), before);
}

pub async fn a_known_beginning_with_another_end_is_a_conflict_in_a_deleted_stream_too(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let first = put(&store, &one, 2).await;
    store.delete_stream(&one, Any, crate::DeleteMode::Soft).await.unwrap();
    let mixed = [&first[..1], &events(1)].concat();
    assert_conflict(append(&store, &one, NoStream, mixed).await, &one, NoStream, at(1));
    assert_not_found(read(&store, &one).await);
}

pub async fn the_same_events_in_another_order_are_a_conflict(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let first = put(&store, &one, 2).await;
    let swapped = vec![first[1].clone(), first[0].clone()];
    assert_conflict(append(&store, &one, NoStream, swapped.clone()).await, &one, NoStream, at(1));
    assert_conflict(append(&store, &one, Any, swapped).await, &one, Any, at(1));
}

pub async fn the_same_id_in_another_stream_is_no_duplicate(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let (one, two) = (stream("account-1"), stream("account-2"));
    let same = put(&store, &one, 2).await;
    for (expected, name) in [(Any, "account-2"), (NoStream, "account-3")] {
        let appended = append(&store, &stream(name), expected, same.clone()).await.unwrap();
        assert!(!appended.deduplicated);
        assert_eq!(appended.streams[0].revision, at(1));
    }
    assert_eq!(ids(&read(&store, &two).await.unwrap()), new_ids(&same));
    assert_eq!(domain(&store).await.len(), 6);
}

pub async fn an_id_that_other_streams_have_too_is_still_known_in_each(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let same = events(2);
    let streams = ["account-1", "account-2", "account-3"].map(stream);
    for stream in &streams {
        append(&store, stream, Any, same.clone()).await.unwrap();
    }
    for stream in &streams {
        let again = append(&store, stream, Any, same.clone()).await.unwrap();
        assert!(again.deduplicated, "{stream}");
        assert_eq!(again.streams[0].revision, at(1));
    }
    assert_eq!(domain(&store).await.len(), 6);
}

/// An append to two streams, on the condition that a third one has this revision.
fn transfer(condition: ExpectedRevision) -> Vec<StreamAppend> {
    vec![
        part(&stream("account-1"), NoStream, events(2)),
        part(&stream("account-2"), Any, events(1)),
        part(&stream("rule-1"), condition, Vec::new()),
    ]
}

pub async fn the_same_append_to_several_streams_again_answers_the_first_result(fixture: &dyn Fixture) {
    if !fixture.appends_to_many() {
        skip!("the store appends to one stream at a time");
    }
    let store = open(fixture).await;
    let request = AppendRequest::to_many(transfer(Any));
    let answer = store.append(request.clone()).await.unwrap();
    put(&store, &stream("account-1"), 1).await;
    let before = store.head().await.unwrap();
    let again = store.append(request).await.unwrap();
    assert!(again.deduplicated);
    assert_eq!((again.position, again.streams), (answer.position, answer.streams));
    assert_eq!(store.head().await.unwrap(), before);
}

pub async fn a_condition_that_held_the_first_time_need_not_hold_at_the_second(fixture: &dyn Fixture) {
    if !fixture.appends_to_many() {
        skip!("the store appends to one stream at a time");
    }
    let store = open(fixture).await;
    put(&store, &stream("rule-1"), 1).await;
    let request = AppendRequest::to_many(transfer(exact(0)));
    let answer = store.append(request.clone()).await.unwrap();
    put(&store, &stream("rule-1"), 1).await;
    let again = store.append(request).await.unwrap();
    assert!(again.deduplicated);
    assert_eq!((again.position, &again.streams[..2]), (answer.position, &answer.streams[..2]));
}

pub async fn an_append_of_which_one_stream_was_written_and_another_not_is_a_conflict(fixture: &dyn Fixture) {
    if !fixture.appends_to_many() {
        skip!("the store appends to one stream at a time");
    }
    let store = open(fixture).await;
    let (one, two) = (stream("account-1"), stream("account-2"));
    let written = put(&store, &one, 2).await;
    let parts = vec![part(&two, NoStream, events(1)), part(&one, Any, written)];
    assert_conflict(store.append(AppendRequest::to_many(parts)).await, &one, Any, at(1));
    assert_not_found(read(&store, &two).await);
}

pub async fn the_same_append_by_many_at_once_is_written_once(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for expected in [NoStream, Any] {
        let one = stream(&format!("account-{expected}"));
        let same = events(3);
        let writers = (0..16).map(|_| {
            let (store, one, same) = (store.clone(), one.clone(), same.clone());
            tokio::spawn(async move { append(&store, &one, expected, same).await })
        });
        let mut answers = Vec::new();
        for writer in writers.collect::<Vec<_>>() {
            answers.push(writer.await.unwrap().unwrap());
        }
        assert_eq!(answers.iter().filter(|answer| !answer.deduplicated).count(), 1);
        assert!(answers.iter().all(|answer| answer.position == answers[0].position));
        assert!(answers.iter().all(|answer| answer.streams == answers[0].streams));
        assert_eq!(ids(&read(&store, &one).await.unwrap()), new_ids(&same));
    }
}
