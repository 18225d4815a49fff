//! Expectations: an append whose writer believes something wrong is a conflict that tells what is right.

use engine_types::{CurrentRevision, ExpectedRevision};

use super::{Fixture, Opened, kit::*};
use crate::DeleteMode;

/// What an append comes to.
#[derive(Debug, Clone, Copy)]
enum Outcome {
    /// The last of its events, of which there are two, has this revision.
    Ends(u64),
    Conflict,
    Deleted,
}

/// A stream in each state it can be in: never there, with three events, deleted, tombstoned.
async fn prepare(store: &Opened, state: &str, name: &str) -> engine_types::StreamName {
    let stream = stream(&format!("{state}-{name}"));
    if state != "fresh" {
        put(store, &stream, 3).await;
    }
    match state {
        "deleted" => store.delete_stream(&stream, exact(2), DeleteMode::Soft).await.unwrap(),
        "tombstoned" => store.delete_stream(&stream, exact(2), DeleteMode::Tombstone).await.unwrap(),
        _ => {}
    }
    stream
}

const STATES: [&str; 4] = ["fresh", "existing", "deleted", "tombstoned"];

/// For each expectation: what an append comes to in each of the states.
fn table() -> [(ExpectedRevision, [Outcome; 4]); 8] {
    use Outcome::{Conflict, Deleted, Ends};
    [
        (Any, [Ends(1), Ends(4), Ends(4), Deleted]),
        (NoStream, [Ends(1), Conflict, Ends(4), Deleted]),
        (StreamExists, [Conflict, Ends(4), Conflict, Deleted]),
        (exact(0), [Conflict, Conflict, Conflict, Deleted]),
        (exact(1), [Conflict, Conflict, Conflict, Deleted]),
        (exact(2), [Conflict, Ends(4), Ends(4), Deleted]),
        (exact(3), [Conflict, Conflict, Conflict, Deleted]),
        (exact(u64::MAX), [Conflict, Conflict, Conflict, Deleted]),
    ]
}

pub async fn every_expectation_meets_every_state_of_a_stream_as_in_the_table(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for (expected, outcomes) in table() {
        for (state, outcome) in STATES.into_iter().zip(outcomes) {
            let stream = prepare(&store, state, &expected.to_string()).await;
            let there = if state == "fresh" { CurrentRevision::NoStream } else { at(2) };
            let before = store.head().await.unwrap();
            let result = append(&store, &stream, expected, events(2)).await;
            match outcome {
                Outcome::Ends(last) => {
                    let appended = result.unwrap_or_else(|error| panic!("{state}, {expected}: {error}"));
                    assert_eq!(appended.streams[0].revision, at(last), "{state}, {expected}");
                }
                Outcome::Conflict => assert_conflict(result, &stream, expected, there),
                Outcome::Deleted => assert_append_deleted(result),
            }
            let written = matches!(outcome, Outcome::Ends(_));
            assert_eq!(store.head().await.unwrap() != before, written, "{state}, {expected}");
        }
    }
}

pub async fn an_append_without_events_is_a_condition_with_the_same_table(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    for (expected, outcomes) in table() {
        for (state, outcome) in STATES.into_iter().zip(outcomes) {
            let stream = prepare(&store, state, &expected.to_string()).await;
            let there = if state == "fresh" { CurrentRevision::NoStream } else { at(2) };
            let before = store.head().await.unwrap();
            let result = append(&store, &stream, expected, Vec::new()).await;
            match outcome {
                Outcome::Ends(_) => {
                    let appended = result.unwrap_or_else(|error| panic!("{state}, {expected}: {error}"));
                    assert_eq!(appended.streams[0].revision, there, "{state}, {expected}");
                }
                Outcome::Conflict => assert_conflict(result, &stream, expected, there),
                Outcome::Deleted => assert_append_deleted(result),
            }
            assert_eq!(store.head().await.unwrap(), before, "{state}, {expected}");
        }
    }
}

pub async fn a_conflict_writes_nothing_and_the_stream_goes_on_as_if_it_had_not_been(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let first = put(&store, &one, 2).await;
    assert_conflict(append(&store, &one, NoStream, events(3)).await, &one, NoStream, at(1));
    assert_conflict(append(&store, &one, exact(0), events(3)).await, &one, exact(0), at(1));
    let second = events(1);
    append(&store, &one, exact(1), second.clone()).await.unwrap();
    let back = read(&store, &one).await.unwrap();
    assert_eq!(ids(&back), [new_ids(&first), new_ids(&second)].concat());
    assert_eq!(revisions(&back), [0, 1, 2]);
    assert_eq!(domain(&store).await, back);
}

pub async fn what_was_in_conflict_may_be_appended_again_with_the_right_expectation(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    put(&store, &one, 2).await;
    let late = events(2);
    assert_conflict(append(&store, &one, exact(0), late.clone()).await, &one, exact(0), at(1));
    let appended = append(&store, &one, exact(1), late.clone()).await.unwrap();
    assert!(!appended.deduplicated);
    assert_eq!(ids(&read(&store, &one).await.unwrap()[2..]), new_ids(&late));
}

pub async fn a_stream_that_has_only_metadata_does_not_exist_to_writers(fixture: &dyn Fixture) {
    let store = open(fixture).await;
    let one = stream("account-1");
    let metadata = crate::StreamMetadata { max_count: Some(9), ..Default::default() };
    store.set_stream_metadata(&one, NoStream, metadata).await.unwrap();
    let none = CurrentRevision::NoStream;
    assert_conflict(append(&store, &one, StreamExists, events(1)).await, &one, StreamExists, none);
    assert_conflict(append(&store, &one, exact(0), events(1)).await, &one, exact(0), none);
    assert_not_found(read(&store, &one).await);
    append(&store, &one, NoStream, events(1)).await.unwrap();
    assert_eq!(revisions(&read(&store, &one).await.unwrap()), [0]);
}
