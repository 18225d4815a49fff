//! What somebody changes who can make every checksum fit is found by the hash chain, and told with its position.
//!
//! `ENGINE_LOG_TAMPERINGS=50000 cargo test --release -p engine-log --test chain` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::sync::Arc;

use engine_log::{Expected, LogOptions, LogStore, disk::sim::SimDisk, verify, verify_on};
use engine_store::{AppendRequest, ChainReport, EventStore, Fault, ReadAll, StreamMetadata};
use engine_types::ExpectedRevision;
use kit::{
    Call, Random, how_many, open_with, stream,
    tamper::{self, Files, Frame},
    wait,
};

fn chained() -> LogOptions {
    kit::options().chained()
}

/// Fills a store by a random workload and closes it.
fn fill(disk: &SimDisk, options: &LogOptions, seed: u64) {
    let store = open_with(disk, options).unwrap();
    let mut random = Random::seeded(seed);
    for _ in 0..150 {
        let call = Call::random(&mut random);
        if !matches!(call, Call::Reopen) {
            let _answer = wait(call.make(&store));
        }
    }
    wait(store.close()).unwrap();
}

fn files_of(options: &LogOptions, seed: u64) -> Files {
    let disk = SimDisk::new();
    fill(&disk, options, seed);
    disk.files()
}

fn faults(files: &Files) -> Vec<Fault> {
    kit::verify(&SimDisk::holding(files.clone())).unwrap().faults
}

fn chain(files: &Files) -> ChainReport {
    let report = kit::verify(&SimDisk::holding(files.clone())).unwrap();
    assert_eq!(report.faults, []);
    report.chain.unwrap()
}

fn noted(link: &str) -> Expected {
    Expected { required: true, noted: Some(link.to_owned()) }
}

/// The number of the frame of an event with data, at random.
fn any_event(files: &Files, frames: &[Frame], random: &mut Random) -> usize {
    let mut numbers = std::iter::repeat_with(|| usize::try_from(random.below(frames.len() as u64)).unwrap());
    let is_event = |number: &usize| {
        frames[*number].position.is_some() && !tamper::data(files, &frames[*number]).is_empty()
    };
    numbers.find(is_event).unwrap()
}

#[test]
fn an_event_that_was_changed_with_its_checksum_is_found_at_its_position_and_without_a_chain_is_not() {
    let (plain, tied) = (files_of(&kit::options(), 1), files_of(&chained(), 1));
    assert_eq!(chain(&tied).from, 0);
    let (plain_frames, frames) = (tamper::frames(&plain), tamper::frames(&tied));
    let mut random = Random::seeded(2);
    for _ in 0..how_many("ENGINE_LOG_TAMPERINGS", 100) {
        let (number, at) = (any_event(&tied, &frames, &mut random), random.below(1 << 20));
        let frame = &frames[number];
        let position = frame.position.unwrap();
        let mut changed = plain.clone();
        tamper::change_data(&mut changed, &plain_frames[number], at);
        assert_eq!(faults(&changed), [], "a store without a chain cannot tell that {position} was changed");
        let mut changed = tied.clone();
        tamper::change_data(&mut changed, frame, at);
        let found = faults(&changed);
        let [fault] = &found[..] else { panic!("position {position}: {found:?}") };
        assert!(fault.fault.contains(&format!("the event at position {position} ")), "{fault:?}");
        assert!(fault.place.ends_with(&format!("{} at offset {}", frame.file, frame.offset)), "{fault:?}");
    }
}

#[test]
fn an_event_whose_link_was_made_anew_too_is_found_at_what_follows_it() {
    let files = files_of(&chained(), 1);
    let frames = tamper::frames(&files);
    let mut random = Random::seeded(3);
    for _ in 0..how_many("ENGINE_LOG_TAMPERINGS", 100) {
        let number = any_event(&files, &frames[..frames.len() - 1], &mut random).max(1);
        let mut changed = files.clone();
        let follows = tamper::link(&files, &frames[number - 1]);
        tamper::change_data(&mut changed, &frames[number], 0);
        tamper::relink(&mut changed, &frames[number], follows);
        tamper::mend(&mut changed, &frames[number]);
        let found = faults(&changed);
        let [fault] = &found[..] else { panic!("{:?}: {found:?}", frames[number]) };
        let next = &frames[number + 1];
        assert!(fault.place.ends_with(&format!("{} at offset {}", next.file, next.offset)), "{fault:?}");
        assert!(fault.fault.contains("before"), "{fault:?}");
    }
}

#[test]
fn a_chain_that_was_made_anew_to_its_end_is_found_by_a_link_that_was_noted() {
    let files = files_of(&chained(), 1);
    let link = chain(&files).link;
    let frames = tamper::frames(&files);
    let first = any_event(&files, &frames, &mut Random::seeded(4)).max(1);
    let mut changed = files.clone();
    tamper::change_data(&mut changed, &frames[first], 0);
    for number in first..frames.len() {
        let follows = tamper::link(&changed, &frames[number - 1]);
        tamper::relink(&mut changed, &frames[number], follows);
        tamper::mend(&mut changed, &frames[number]);
    }
    let (whole, changed) = (SimDisk::holding(files), SimDisk::holding(changed));
    assert_eq!(verify_on(Arc::new(changed.clone()), &Expected::default(), &|_| {}).unwrap().faults, []);
    assert_eq!(verify_on(Arc::new(whole.clone()), &noted(&link), &|_| {}).unwrap().faults, []);
    let found = verify_on(Arc::new(changed.clone()), &noted(&link), &|_| {}).unwrap().faults;
    assert!(found.len() == 1 && found[0].fault.contains(&link), "{found:?}");
    for wrong in ["", "12", &link[1..]] {
        let found = verify_on(Arc::new(whole.clone()), &noted(wrong), &|_| {}).unwrap().faults;
        assert!(found.len() == 1 && found[0].fault.contains("64 digits"), "{found:?}");
    }
}

#[test]
fn a_store_that_was_set_back_is_found_by_a_link_that_was_noted_and_one_that_went_on_is_not() {
    let disk = SimDisk::new();
    fill(&disk, &chained(), 5);
    let (earlier, early) = (disk.files(), chain(&disk.files()).link);
    fill(&disk, &kit::options(), 6);
    let late = chain(&disk.files());
    let check = |files: &Files, link: &str| {
        verify_on(Arc::new(SimDisk::holding(files.clone())), &noted(link), &|_| {}).unwrap().faults.len()
    };
    assert_eq!((check(&disk.files(), &early), check(&disk.files(), &late.link)), (0, 0));
    assert_eq!((check(&earlier, &early), check(&earlier, &late.link)), (0, 1));
}

#[test]
fn a_chain_begins_in_a_store_that_has_none_and_goes_on_whatever_the_options_say() {
    let disk = SimDisk::new();
    fill(&disk, &kit::options(), 1);
    let without = kit::verify(&disk).unwrap();
    assert_eq!((without.chain, without.faults), (None, vec![]));
    let required =
        verify_on(Arc::new(disk.clone()), &Expected { required: true, noted: None }, &|_| {}).unwrap().faults;
    assert!(required.len() == 1 && required[0].fault.contains("there is none"), "{required:?}");
    fill(&disk, &chained(), 2);
    let begun = chain(&disk.files());
    assert_eq!(begun.from, without.events);
    fill(&disk, &kit::options(), 3);
    let gone_on = chain(&disk.files());
    assert_eq!(gone_on.from, begun.from);
    let store = open_with(&disk, &kit::options()).unwrap();
    assert_eq!(gone_on.next_position, wait(store.head()).unwrap().unwrap().next().0);
    assert_eq!(wait(store.verify(&|_| {})).unwrap().chain, Some(gone_on));
    wait(kit::check_streams(&store, &wait(kit::all_events(&store))));
}

#[test]
fn a_scavenge_keeps_the_chain_over_all_that_is_left() {
    let disk = SimDisk::new();
    fill(&disk, &chained(), 1);
    let link = chain(&disk.files()).link;
    let store = open_with(&disk, &kit::options()).unwrap();
    for (number, count) in [(0, 2), (1, 1), (2, 5)] {
        let limit = StreamMetadata { max_count: Some(count), ..StreamMetadata::default() };
        let name = stream(&format!("account-{number}"));
        let _closed = wait(store.set_stream_metadata(&name, ExpectedRevision::Any, limit));
    }
    assert!(wait(store.scavenge(&|_| {})).unwrap().events > 20);
    wait(store.close()).unwrap();
    drop(store);
    let files = disk.files();
    assert_eq!(chain(&files).from, 0);
    assert_eq!(verify_on(Arc::new(disk.clone()), &noted(&link), &|_| {}).unwrap().faults, []);
    let frames = tamper::frames(&files);
    let mut random = Random::seeded(7);
    for _ in 0..how_many("ENGINE_LOG_TAMPERINGS", 100) {
        let frame = &frames[any_event(&files, &frames, &mut random)];
        let mut changed = files.clone();
        tamper::change_data(&mut changed, frame, random.below(1 << 20));
        let found = faults(&changed);
        let [fault] = &found[..] else { panic!("{frame:?}: {found:?}") };
        let told = format!("the event at position {} ", frame.position.unwrap());
        assert!(fault.fault.contains(&told), "{fault:?}");
    }
}

#[test]
fn a_compressed_store_reads_as_before_and_has_the_same_chain() {
    let (plain, packed) = (SimDisk::new(), SimDisk::new());
    fill(&plain, &kit::options(), 8);
    fill(&packed, &kit::compressed_and_chained(), 8);
    let (before, after) =
        (open_with(&plain, &kit::options()).unwrap(), open_with(&packed, &kit::options()).unwrap());
    let (before, seen) = (wait(kit::seen(&before)), wait(kit::seen(&after)));
    assert_eq!(seen.documents, before.documents);
    assert_eq!(seen.events.len(), before.events.len());
    let backwards = wait(after.read_all(ReadAll::backwards().limit(10_000))).unwrap().events;
    assert!(backwards.iter().rev().eq(&seen.events));
    wait(kit::check_streams(&after, &seen.events));
    let stats = wait(after.stats(&|_| {})).unwrap();
    assert_eq!(stats.rewritten_segments + 1, stats.segments, "all but the last are compressed");
    assert!(stats.segment_bytes * 2 < stats.frame_bytes, "{stats:?}");
    let report = wait(after.verify(&|_| {})).unwrap();
    assert_eq!((report.faults, report.chain.unwrap().from), (vec![], 0));
}

#[tokio::test]
async fn a_backup_and_what_is_restored_of_it_have_the_chain_of_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let store = LogStore::open(at("store"), LogOptions::default().segment_bytes(64 << 10).chained()).unwrap();
    let mut random = Random::seeded(9);
    for _ in 0..30 {
        let events = (0..10).map(|_| kit::event(&mut random)).collect();
        store.append(AppendRequest::to(stream("account-1"), ExpectedRevision::Any, events)).await.unwrap();
    }
    store.backup(&at("copy"), &|_| {}).await.unwrap();
    engine_log::restore(at("copy"), at("again"), &|_| {}).unwrap();
    store.close().await.unwrap();
    let whole = verify(at("store"), &|_| {}).unwrap();
    assert_eq!((whole.chain.as_ref().unwrap().next_position, &whole.faults), (300, &vec![]));
    for copy in ["copy", "again"] {
        assert_eq!(verify(at(copy), &|_| {}).unwrap().chain, whole.chain);
    }
}
