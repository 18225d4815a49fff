//! The room behind small commits is filled with zeros ahead.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{sync::Arc, time::Duration};

use engine_log::{LogOptions, LogStore};
use engine_store::{AppendRequest, Durability, EventStore, NewEvent};
use engine_types::ExpectedRevision;
use kit::{
    Random, stream, wait,
    watched::{Call, Watched},
};

const FILLED: u64 = 16 << 10;

fn options(fill_bytes: u64) -> LogOptions {
    let mut options = kit::options();
    options.reserve_bytes = LogOptions::default().reserve_bytes;
    options.segment_bytes = LogOptions::default().segment_bytes;
    options.fill_bytes = fill_bytes;
    options
}

/// What each of these appends asks of the segments.
fn asked(options: LogOptions, durability: Durability, sizes: &[usize]) -> Vec<Vec<Call>> {
    let disk = Watched::default();
    let mut random = Random::seeded(11);
    wait(async {
        let store = LogStore::open_on(Arc::new(disk.clone()), options).unwrap();
        let mut asked = Vec::new();
        for size in sizes {
            disk.forget();
            let event = NewEvent { data: vec![b'x'; *size].into(), ..kit::event(&mut random) };
            let append = AppendRequest::to(stream("account-1"), ExpectedRevision::Any, vec![event]);
            store.append(AppendRequest { durability, ..append }).await.unwrap();
            let calls = disk.calls().into_iter().filter(|(file, _)| kit::is(file, "log"));
            asked.push(calls.map(|(_, call)| call).collect());
        }
        store.close().await.unwrap();
        asked
    })
}

#[test]
fn frames_are_written_before_the_zeros_behind_them_and_both_before_the_sync() {
    let asked = asked(options(FILLED), Durability::Synced, &[100, 100]);
    let [Call::Write(frames), Call::Write(zeros), Call::Sync] = &asked[0][..] else {
        panic!("{:?}", asked[0])
    };
    assert_eq!(zeros.start, frames.end);
    assert!(zeros.end - zeros.start >= FILLED / 4);
    let [Call::Write(next), Call::Sync] = &asked[1][..] else { panic!("{:?}", asked[1]) };
    assert_eq!(next.start, frames.end, "over the zeros");
}

#[test]
fn nothing_is_filled_behind_large_commits_nor_where_it_is_not_wanted() {
    let large = asked(options(FILLED), Durability::Synced, &[2_000, 9_000]);
    let unwanted = asked(options(0), Durability::Synced, &[100, 100]);
    for asked in large.into_iter().chain(unwanted) {
        assert!(matches!(asked[..], [Call::Write(_), Call::Sync]), "{asked:?}");
    }
}

#[test]
fn nothing_is_filled_where_nobody_waits_for_the_disk() {
    let mut patient = options(FILLED);
    patient.buffered_sync = Duration::MAX;
    for asked in asked(patient, Durability::Buffered, &[100, 100]) {
        assert!(matches!(asked[..], [Call::Write(_)]), "{asked:?}");
    }
}
