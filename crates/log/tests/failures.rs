//! Disks that fail: every operation once, with every error, and what must hold then.
//!
//! `ENGINE_LOG_FAULTS=10000 cargo test --release -p engine-log --test failures` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::io::ErrorKind;

use engine_log::{
    ClosedUnmarked, LogOptions, LogStore, OpenError,
    disk::sim::{Failure, Plan, SimDisk},
};
use engine_store::{AppendError, AppendRequest, EventStore, ReadAll};
use engine_types::ExpectedRevision;
use kit::{Call, Random, how_many, open, open_with, stream, wait};

const FAILURES: [Failure; 5] = [
    Failure::Error(ErrorKind::Other),
    Failure::Error(ErrorKind::StorageFull),
    Failure::Error(ErrorKind::Interrupted),
    Failure::Short(ErrorKind::Other),
    Failure::Short(ErrorKind::StorageFull),
];

/// What the calls of a workload were answered, as far as it matters for what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It holds: written, or refused for a reason that is none of the disk's.
    Settled,
    /// It was not written.
    NotWritten,
    Unknown,
}

fn answer(result: Result<(), AppendError>) -> Answer {
    match result {
        Err(AppendError::Unavailable(_)) => Answer::NotWritten,
        Err(AppendError::OutcomeUnknown(_)) => Answer::Unknown,
        Ok(())
        | Err(
            AppendError::Conflict { .. }
            | AppendError::StreamDeleted { .. }
            | AppendError::DocumentConflict { .. },
        ) => Answer::Settled,
        Err(error) => panic!("{error}"),
    }
}

fn workload(seed: u64, calls: usize) -> Vec<Call> {
    let mut random = Random::seeded(seed);
    let mut calls: Vec<_> = (0..calls).map(|_| Call::random(&mut random)).collect();
    calls.retain(|call| !matches!(call, Call::Reopen));
    calls
}

/// Runs the calls on a disk that fails as planned, then opens it again, as it is when the process is started
/// again, and compares it with a store that was never disturbed.
fn fail_once(calls: &[Call], plan: Plan, options: &LogOptions) {
    let disk = SimDisk::new();
    let place = format!("{plan:?}");
    let undisturbed = SimDisk::new();
    let model = open(&undisturbed).unwrap();
    let store = open_with(&disk, options).unwrap();
    disk.fail(Some(Plan { first: disk.operations() + plan.first, ..plan }));
    let mut unknown = Vec::new();
    for call in calls {
        match answer(wait(call.make(&store))) {
            Answer::Settled => {
                assert!(unknown.is_empty(), "{place}: settled after an outcome was unknown");
                let _same = wait(call.make(&model));
            }
            Answer::NotWritten => {}
            Answer::Unknown => unknown.push(call.clone()),
        }
    }
    let before = wait(kit::seen(&store)).events.len();
    drop(store);
    disk.fail(None);
    let store = open_with(&disk, options).unwrap_or_else(|error| panic!("{place}: {error}"));
    let left = wait(kit::seen(&store));
    let settled = wait(kit::seen(&model));
    assert!(left.events.len() >= before, "{place}: an event that was seen is gone");
    assert_same_but_ids(&left.events, &settled.events, &place);
    if left.events.len() > settled.events.len() || left.documents != settled.documents {
        assert!(!unknown.is_empty(), "{place}: what was not written is there");
        wait(unknown[0].make(&model)).unwrap();
        let with_unknown = wait(kit::seen(&model));
        assert_eq!(left.events.len(), with_unknown.events.len(), "{place}: half of an append is there");
        assert_eq!(left.documents, with_unknown.documents, "{place}");
    }
    wait(kit::check_streams(&store, &left.events));
    wait(store.close()).unwrap();
    assert_eq!(kit::verify(&disk).unwrap().faults, [], "{place}");
}

/// The store makes the ids of its own events by chance.
fn assert_same_but_ids(
    left: &[engine_store::RecordedEvent],
    settled: &[engine_store::RecordedEvent],
    place: &str,
) {
    for (left, settled) in left.iter().zip(settled) {
        let mut left = left.clone();
        if left.event_type.starts_with('$') {
            left.id = settled.id;
        }
        assert_eq!(left, *settled, "{place}");
    }
    assert!(left.len() >= settled.len(), "{place}: something acknowledged is gone");
}

#[test]
fn whatever_operation_fails_nothing_acknowledged_is_lost_and_nothing_refused_is_there() {
    fail_everywhere(&kit::options());
}

#[test]
fn whatever_operation_fails_in_a_compressed_and_chained_store_nothing_is_lost_either() {
    fail_everywhere(&kit::compressed_and_chained());
}

fn fail_everywhere(options: &LogOptions) {
    let wanted = how_many("ENGINE_LOG_FAULTS", 400);
    let mut made = 0;
    for seed in how_many("ENGINE_LOG_SEED", 1).. {
        let calls = workload(seed, 40);
        let options = &kit::led_by_seed(options, seed);
        let disk = SimDisk::new();
        let store = open_with(&disk, options).unwrap();
        let begin = disk.operations();
        for call in &calls {
            let _answer = wait(call.make(&store));
        }
        let operations = disk.operations() - begin;
        drop(store);
        let mut random = Random::seeded(seed);
        for first in 0..operations {
            let failure = FAILURES[usize::try_from(random.below(FAILURES.len() as u64)).unwrap()];
            let count = [1, 1, 2, 1_000][usize::try_from(random.below(4)).unwrap()];
            fail_once(&calls, Plan { first, count, failure }, options);
            made += 1;
            if made == wanted {
                return;
            }
        }
    }
}

fn append(store: &LogStore, bytes: usize) -> Result<(), AppendError> {
    let event = engine_store::NewEvent { data: vec![1; bytes].into(), ..kit::event(&mut Random::seeded(3)) };
    let event = engine_store::NewEvent { id: uuid::Uuid::now_v7(), ..event };
    let request = AppendRequest::to(stream("account-1"), ExpectedRevision::Any, vec![event]);
    wait(store.append(request)).map(drop)
}

#[test]
fn a_full_disk_refuses_and_goes_on_when_there_is_room() {
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    append(&store, 10).unwrap();
    let failure = Failure::Error(ErrorKind::StorageFull);
    disk.fail(Some(Plan { first: disk.operations(), count: 3, failure }));
    let refused = append(&store, 20_000).unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
    assert!(refused.to_string().contains("make room"), "{refused}");
    disk.fail(None);
    append(&store, 20_000).unwrap();
    assert_eq!(wait(store.read_all(ReadAll::forwards())).unwrap().events.len(), 2);
}

#[test]
fn a_failed_sync_is_never_retried_and_opening_again_recovers() {
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    append(&store, 10).unwrap();
    let failure = Failure::Error(ErrorKind::Other);
    // The write succeeds, the sync behind it does not.
    disk.fail(Some(Plan { first: disk.operations() + 1, count: 1, failure }));
    assert!(matches!(append(&store, 10), Err(AppendError::OutcomeUnknown(_))));
    disk.fail(None);
    let operations = disk.operations();
    let refused = append(&store, 10).unwrap_err();
    assert!(matches!(refused, AppendError::Unavailable(_)), "{refused:?}");
    assert!(refused.to_string().contains("until the store is opened again"), "{refused}");
    assert_eq!(disk.operations(), operations, "the disk was not touched");
    assert_eq!(
        wait(store.read_all(ReadAll::forwards())).unwrap().events.len(),
        1,
        "what was there can be read"
    );
    assert!(wait(store.close()).is_err());
    drop(store);
    let store = open(&disk).unwrap();
    append(&store, 10).unwrap();
    wait(store.close()).unwrap();
}

#[test]
fn what_a_failed_sync_lost_is_written_again_before_anybody_can_see_it() {
    use engine_log::disk::sim::{Loss, Replay};
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    append(&store, 10).unwrap();
    let failure = Failure::Error(ErrorKind::Other);
    disk.fail(Some(Plan { first: disk.operations() + 1, count: 1, failure }));
    assert!(matches!(append(&store, 10), Err(AppendError::OutcomeUnknown(_))));
    disk.fail(None);
    drop(store);
    // The system still shows the second event, although the disk never got it.
    let store = open(&disk).unwrap();
    let seen = wait(kit::seen(&store));
    let mut replay = Replay::default();
    disk.journal().iter().for_each(|op| replay.step(op));
    let left = open(&replay.image(Loss::Everything, |_| 0)).unwrap();
    assert_eq!(wait(kit::seen(&left)), seen);
}

#[test]
fn a_disk_that_is_full_when_the_store_is_closed_loses_nothing_and_the_error_says_so() {
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    append(&store, 10).unwrap();
    // Cutting the segment and syncing it need no room, all behind them does.
    let failure = Failure::Error(ErrorKind::StorageFull);
    disk.fail(Some(Plan { first: disk.operations() + 2, count: u64::MAX, failure }));
    for _ in 0..2 {
        let error = wait(store.close()).unwrap_err();
        assert!(ClosedUnmarked::is_cause_of(&error), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("nothing is lost") && text.contains("takes longer"), "{text}");
    }
    disk.fail(None);
    drop(store);
    let store = open(&disk).unwrap();
    assert_eq!(wait(store.read_all(ReadAll::forwards())).unwrap().events.len(), 1);
    wait(store.close()).unwrap();
}

#[test]
fn closing_after_the_disk_failed_is_not_taken_for_a_mark_that_is_missing() {
    let failure = Failure::Error(ErrorKind::Other);
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    append(&store, 10).unwrap();
    disk.fail(Some(Plan { first: disk.operations(), count: u64::MAX, failure }));
    let error = wait(store.close()).unwrap_err();
    assert!(!ClosedUnmarked::is_cause_of(&error), "{error:?}");
    assert!(!error.to_string().contains("nothing is lost"), "{error}");
}

#[test]
fn a_disk_that_cannot_be_written_is_told_apart_and_can_be_verified() {
    let disk = SimDisk::new();
    let store = open(&disk).unwrap();
    append(&store, 10).unwrap();
    wait(store.close()).unwrap();
    disk.set_read_only(true);
    let refused = open(&disk).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::ReadOnly { .. }), "{refused:?}");
    let report = kit::verify(&disk).unwrap();
    assert_eq!((report.events, report.faults.len()), (1, 0));
}
