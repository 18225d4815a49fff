//! What may happen while indexes are merged.

#![allow(clippy::unwrap_used)] // everything here is a test

use engine_store::{AppendRequest, EventStore, NewEvent};
use engine_types::{ExpectedRevision, StreamName};

use super::*;
use crate::{
    LogOptions, LogStore,
    disk::sim::SimDisk,
    opening::{self, Opened},
};

/// A store of five full segments, whose indexes are not merged.
fn full(disk: &SimDisk) -> Opened {
    let mut options = LogOptions { merged_segments: 0, segment_names: 1, ..LogOptions::default() };
    options.index_in_background = false;
    let store = LogStore::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for number in 0..6 {
        let event = NewEvent::json(uuid::Uuid::now_v7(), "Noted", &serde_json::json!({})).unwrap();
        let stream = StreamName::new(format!("account-{number}")).unwrap();
        let request = AppendRequest::to(stream, ExpectedRevision::Any, vec![event]);
        runtime.block_on(store.append(request)).unwrap();
    }
    runtime.block_on(store.close()).unwrap();
    drop(store);
    opening::open(Arc::new(disk.clone()), options).unwrap()
}

fn merged_files(disk: &SimDisk) -> usize {
    disk.files().keys().filter(|name| name.starts_with("merged-")).count()
}

#[test]
fn what_was_made_of_segments_that_were_exchanged_meanwhile_is_not_used_and_goes() {
    let disk = SimDisk::new();
    let Opened { shared, writer } = full(&disk);
    let view = shared.view();
    let again = FileIndex::open(&shared.disk, &view.parts[2].segment, &shared.pages).unwrap().unwrap();
    shared.exchange_parts(Part::of(view.parts[2].segment.clone(), Index::File(Box::new(again))));
    merge(&shared, &view, &(0..4), &|| true).unwrap();
    assert_eq!((shared.view().runs.len(), merged_files(&disk)), (0, 0));
    merge(&shared, &shared.view(), &(0..4), &|| true).unwrap();
    assert_eq!((shared.view().runs.len(), merged_files(&disk)), (1, 1));
    drop(writer);
}

#[test]
fn nothing_is_merged_where_a_segment_might_not_find_room_beside_it() {
    let disk = SimDisk::new();
    let Opened { shared, writer } = full(&disk);
    let indexes: u64 = disk
        .files()
        .iter()
        .filter(|(name, _)| std::path::Path::new(name).extension().is_some_and(|kind| kind == "idx"))
        .take(4)
        .map(|(_, bytes)| bytes.len() as u64)
        .sum();
    disk.set_room(Some(indexes + shared.options.segment_bytes - 1));
    let refused = merge(&shared, &shared.view(), &(0..4), &|| true);
    assert!(matches!(refused, Err(Failure::Disk(error)) if error.kind() == io::ErrorKind::StorageFull));
    assert_eq!((shared.view().runs.len(), merged_files(&disk)), (0, 0));
    disk.set_room(Some(indexes + shared.options.segment_bytes));
    merge(&shared, &shared.view(), &(0..4), &|| true).unwrap();
    assert_eq!((shared.view().runs.len(), merged_files(&disk)), (1, 1));
    drop(writer);
}

#[test]
fn segments_that_are_exchanged_before_others_leave_their_indexes_where_they_belong() {
    let disk = SimDisk::new();
    let Opened { shared, writer } = full(&disk);
    merge(&shared, &shared.view(), &(1..5), &|| true).unwrap();
    let stream = StreamName::new("account-3").unwrap();
    let before = shared.view().stream(&stream).unwrap().newest.unwrap().parts;
    let (view, nothing) = (shared.view(), crate::index::memory::MemoryIndex::starting(1, 0));
    // The first segment has two parts for a while, as the last one may have when a store was opened.
    let rest = Part::of(view.parts[0].segment.clone(), Index::memory(nothing));
    let parts = [view.parts[0].clone(), Arc::new(rest)].into_iter().chain(view.parts[1..].iter().cloned());
    let runs = view.runs.iter().map(|run| Run { parts: 2..6, index: run.index.clone() }).collect();
    shared.set_view(View::of(parts.collect(), runs, 16));
    assert_eq!(shared.view().stream(&stream).unwrap().newest.unwrap().parts, (before.0 + 1, before.1 + 1));
    let again = FileIndex::open(&shared.disk, &view.parts[0].segment, &shared.pages).unwrap().unwrap();
    shared.exchange_parts(Part::of(view.parts[0].segment.clone(), Index::File(Box::new(again))));
    assert_eq!(shared.view().stream(&stream).unwrap().newest.unwrap().parts, before);
    assert_eq!(shared.view().runs[0].parts, 1..5);
    drop(writer);
}
