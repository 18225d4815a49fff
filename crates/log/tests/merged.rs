//! Indexes of several segments: they tell what the segments tell, and may be missing, old or damaged at any time.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{collections::BTreeMap, sync::Arc};

use engine_log::{LogOptions, LogStore, disk::sim::SimDisk};
use engine_store::{
    AppendRequest, DeleteMode, EventStore, ExpectedVersion, ReadError, ReadStream, RecordedEvent,
    StreamMetadata, StreamQuery,
};
use engine_types::{ExpectedRevision, Revision};
use kit::{Random, key, stream, wait};

const STREAMS: u64 = 9;

/// Segments of few streams, so that there are many.
fn options(merged: usize) -> LogOptions {
    let mut options = kit::options();
    options.segment_names = 4;
    options.merged_segments = merged;
    options
}

fn open(disk: &SimDisk, merged: usize) -> LogStore {
    kit::open_with(disk, &options(merged)).unwrap()
}

/// Events of all streams in turn, and documents between them.
async fn write(store: &LogStore, rounds: u64, random: &mut Random) {
    for number in 0..rounds {
        let name = format!("account-{}", number % STREAMS);
        let events = (0..=random.below(3)).map(|_| kit::event(random)).collect();
        store.append(AppendRequest::to(stream(&name), ExpectedRevision::Any, events)).await.unwrap();
        let document = key(&format!("document-{}", random.below(6)));
        match random.below(6) {
            0 => store.delete_document(&document).await.unwrap(),
            1 | 2 => {
                let content = random.bytes(100);
                store.save_document(&document, ExpectedVersion::Any, content).await.unwrap();
            }
            _ => {}
        }
    }
}

/// All that can be asked by name.
#[derive(Debug, PartialEq)]
struct Known {
    streams: Vec<(String, u64)>,
    events: BTreeMap<String, Vec<RecordedEvent>>,
    seen: kit::Seen,
}

async fn known(store: &LogStore) -> Known {
    let page = store.streams(StreamQuery::default()).await.unwrap();
    let streams: Vec<_> =
        page.streams.into_iter().map(|known| (known.stream.as_str().to_owned(), known.last.0)).collect();
    let mut events = BTreeMap::new();
    for (name, last) in &streams {
        let forwards = store.read_stream(ReadStream::forwards(stream(name))).await.unwrap();
        let mut backwards = store.read_stream(ReadStream::backwards(stream(name))).await.unwrap();
        backwards.events.reverse();
        assert_eq!(forwards.events, backwards.events);
        for event in &forwards.events {
            let from = ReadStream::forwards(stream(name)).from(event.revision).limit(1);
            assert_eq!(store.read_stream(from).await.unwrap().events, std::slice::from_ref(event));
        }
        assert_eq!(forwards.last.0, *last);
        events.insert(name.clone(), forwards.events);
    }
    Known { streams, events, seen: kit::seen(store).await }
}

fn merged_files(disk: &SimDisk) -> Vec<String> {
    disk.files().into_keys().filter(|name| name.starts_with("merged-")).collect()
}

/// A store with many segments, of which most have a merged index; and what is known in it.
fn strewn() -> (SimDisk, Known) {
    let disk = SimDisk::new();
    let store = open(&disk, 16);
    wait(write(&store, 120, &mut Random::seeded(7)));
    let expected = wait(known(&store));
    wait(store.close()).unwrap();
    assert!(merged_files(&disk).len() > 1, "{:?}", merged_files(&disk));
    (disk, expected)
}

#[test]
fn with_merged_indexes_a_store_tells_what_it_tells_without_them() {
    let (disk, expected) = strewn();
    assert_eq!(expected.streams.len() as u64, STREAMS);
    assert_eq!(wait(known(&open(&disk, 16))), expected, "opened with them");
    for name in merged_files(&disk) {
        engine_log::disk::Disk::remove(&disk, &name).unwrap();
    }
    assert_eq!(wait(known(&open(&disk, 0))), expected, "opened without them");
    assert_eq!(merged_files(&disk), Vec::<String>::new());
}

/// What is known without that in which two stores differ that were told the same.
fn alike(mut known: Known) -> Known {
    for event in known.events.values_mut().flatten().chain(&mut known.seen.events) {
        event.created = engine_store::Timestamp::from_micros(0);
        if event.stream.is_metadata() {
            event.id = uuid::Uuid::nil();
        }
    }
    known
}

/// Whatever is merged, removed or opened again in between, and whatever was asked and remembered before.
#[test]
fn at_every_moment_a_store_with_merged_indexes_tells_what_one_without_them_tells() {
    for seed in 0..kit::how_many("ENGINE_LOG_MERGED", 4) {
        let (with, without) = (SimDisk::new(), SimDisk::new());
        let stores = || (open(&with, 16), open(&without, 0));
        let (mut merging, mut plain) = stores();
        let (mut random, mut merged) = (Random::seeded(seed), 0);
        for step in 0..40 {
            let (rounds, what, written) = (1 + random.below(9), random.below(8), random.below(1_000));
            for store in [&merging, &plain] {
                wait(async {
                    write(store, rounds, &mut Random::seeded(written)).await;
                    match what {
                        0 => shorten(store, &format!("account-{}", written % STREAMS), 1 + written % 3).await,
                        1 => drop(store.scavenge(&|_| {}).await.unwrap()),
                        _ => {}
                    }
                });
            }
            if what == 2 {
                wait(merging.close()).unwrap();
                wait(plain.close()).unwrap();
                drop((merging, plain));
                (merging, plain) = stores();
            }
            merged += u32::from(!merged_files(&with).is_empty());
            assert!(merged_files(&without).is_empty());
            let (ours, expected) = (alike(wait(known(&merging))), alike(wait(known(&plain))));
            assert_eq!(ours.streams, expected.streams, "seed {seed}, step {step}");
            for (name, events) in &expected.events {
                assert_eq!(ours.events[name], *events, "seed {seed}, step {step}: {name}");
            }
            assert_eq!(ours.seen, expected.seen, "seed {seed}, step {step}");
        }
        wait(merging.close()).unwrap();
        assert!(merged > 20, "seed {seed}: merged indexes were there after {merged} steps only");
        assert_eq!(kit::verify(&with).unwrap().faults, [], "seed {seed}");
    }
}

#[test]
fn the_largest_number_of_segments_has_one_index_and_smaller_ones_go() {
    let (disk, _) = strewn();
    let store = open(&disk, 64);
    wait(write(&store, 200, &mut Random::seeded(8)));
    let files = merged_files(&disk);
    assert!(files[0].starts_with("merged-0000000000-0000000063-"), "{files:?}");
    let mut covered = std::collections::BTreeSet::new();
    for name in &files {
        let mut numbers = name.split('-').skip(1).map(str::parse::<u64>);
        let (first, last) = (numbers.next().unwrap().unwrap(), numbers.next().unwrap().unwrap());
        assert!((first..=last).all(|number| covered.insert(number)), "no segment is in two of {files:?}");
    }
    assert_eq!(kit::verify(&disk).unwrap().faults, [], "while it is open");
    wait(store.close()).unwrap();
    assert_eq!(kit::verify(&disk).unwrap().faults, []);
}

#[test]
fn an_append_that_is_repeated_finds_its_events_in_a_merged_index() {
    let (disk, expected) = strewn();
    let store = open(&disk, 16);
    for (name, events) in expected.events {
        for event in events {
            let again = engine_store::NewEvent {
                id: event.id,
                event_type: event.event_type,
                content_type: event.content_type,
                data: event.data,
                metadata: event.metadata,
            };
            let before = event
                .revision
                .0
                .checked_sub(1)
                .map_or(ExpectedRevision::NoStream, |before| ExpectedRevision::Exact(Revision(before)));
            let answer = wait(store.append(AppendRequest::to(stream(&name), before, vec![again]))).unwrap();
            assert!(answer.deduplicated && answer.position == Some(event.position), "{answer:?}");
        }
    }
}

#[test]
fn a_damaged_merged_index_is_passed_over_told_by_verify_and_made_again() {
    let (disk, expected) = strewn();
    let whole = disk.files();
    let mut random = Random::seeded(3);
    for name in merged_files(&disk) {
        for page in 0..whole[&name].len() / 4_096 {
            let mut files = whole.clone();
            let place = page * 4_096 + usize::try_from(random.below(4_096)).unwrap();
            files.get_mut(&name).unwrap()[place] ^= 1 << random.below(8);
            let disk = SimDisk::holding(files);
            let report = kit::verify(&disk).unwrap();
            assert!(
                report.faults.len() == 1 && report.faults[0].place.contains(&name),
                "{name}, page {page}: {report:?}"
            );
            let store = open(&disk, 16);
            assert_eq!(wait(known(&store)), expected, "{name}, page {page}");
            wait(write(&store, 9, &mut Random::seeded(5)));
            let after = wait(known(&store));
            wait(store.close()).unwrap();
            drop(store);
            let files = merged_files(&disk);
            let again = |other: &String| other[..24] == name[..24];
            assert!(files.iter().any(again), "{name}, page {page}: {files:?}");
            assert_eq!(kit::verify(&disk).unwrap().faults, [], "{name}, page {page}");
            assert_eq!(wait(known(&open(&disk, 16))), after);
        }
    }
}

/// Lets all but the newest events of a stream be removed.
async fn shorten(store: &LogStore, name: &str, left: u64) {
    let shortened = StreamMetadata { max_count: Some(left), ..StreamMetadata::default() };
    store.set_stream_metadata(&stream(name), ExpectedRevision::Any, shortened).await.unwrap();
}

/// Lets much of what is strewn over full segments be removed: of some streams all, of some most, of one for ever.
async fn shorten_much(store: &LogStore) {
    for _ in 0..6 {
        let event = kit::event(&mut Random::seeded(1));
        let brief = AppendRequest::to(stream("brief-1"), ExpectedRevision::Any, vec![event]);
        store.append(brief).await.unwrap();
        write(store, 8, &mut Random::seeded(6)).await;
    }
    shorten(store, "account-1", 2).await;
    store.delete_stream(&stream("account-2"), ExpectedRevision::Any, DeleteMode::Soft).await.unwrap();
    store.delete_stream(&stream("brief-1"), ExpectedRevision::Any, DeleteMode::Tombstone).await.unwrap();
}

#[test]
fn a_scavenge_lets_go_of_merged_indexes_and_they_are_made_again() {
    let (disk, _) = strewn();
    wait(async {
        let store = open(&disk, 16);
        // The second time what was scavenged before is in merged indexes.
        for time in 0..2 {
            shorten_again(&store, time).await;
            let (before, old) = (known(&store).await, merged_files(&disk));
            assert!(store.scavenge(&|_| {}).await.unwrap().events > 0);
            let after = known(&store).await;
            assert_eq!((&after.streams, &after.events), (&before.streams, &before.events), "just scavenged");
            write(&store, 40, &mut Random::seeded(9)).await;
            let new = merged_files(&disk);
            assert!(new.len() > 1 && new.iter().all(|name| !old.contains(name)), "{old:?}, {new:?}");
        }
        let expected = known(&store).await;
        let gone = store.read_stream(ReadStream::forwards(stream("brief-1"))).await;
        assert!(matches!(gone, Err(ReadError::StreamDeleted { .. })), "{gone:?}");
        store.close().await.unwrap();
        assert_eq!(kit::verify(&disk).unwrap().faults, []);
        assert_eq!(known(&open(&disk, 16)).await, expected, "with merged indexes");
        let files = disk.files().into_iter().filter(|(name, _)| !name.starts_with("merged-"));
        assert_eq!(known(&open(&SimDisk::holding(files.collect()), 0)).await, expected, "without");
    });
}

async fn shorten_again(store: &LogStore, time: u64) {
    if time == 0 {
        return shorten_much(store).await;
    }
    shorten(store, "account-4", 1).await;
    write(store, 8, &mut Random::seeded(4)).await;
}

#[test]
fn a_merged_index_of_other_segments_of_the_same_store_is_not_used() {
    let (disk, _) = strewn();
    let (mut begun, mut other) = (disk.files(), disk.files());
    // Two stores that were one until their first segment was full, and went on by themselves.
    let keep = |name: &String, _: &mut Vec<u8>| {
        !name.starts_with("merged-")
            && !name.starts_with("clean")
            && (!name.starts_with("segment-") || name.starts_with("segment-0000000000"))
    };
    begun.retain(keep);
    other.retain(keep);
    let go_on = |files, seed| {
        let disk = SimDisk::holding(files);
        let store = open(&disk, 16);
        // The same streams with as many events of the same size, in the same order.
        wait(async {
            for number in 0..60_u64 {
                let id = uuid::Uuid::from_u128(u128::from(seed * 1_000 + number));
                let event =
                    engine_store::NewEvent::json(id, "Deposited", &serde_json::json!({"amount": seed}))
                        .unwrap();
                let name = stream(&format!("account-{}", (number * seed) % 7));
                store.append(AppendRequest::to(name, ExpectedRevision::Any, vec![event])).await.unwrap();
            }
        });
        let expected = wait(known(&store));
        wait(store.close()).unwrap();
        (disk.files(), expected)
    };
    let ((ours, expected), (theirs, _)) = (go_on(begun, 3), go_on(other, 5));
    let mut mixed = ours;
    mixed.retain(|name, _| !name.starts_with("merged-"));
    let foreign: Vec<_> = theirs.into_iter().filter(|(name, _)| name.starts_with("merged-")).collect();
    assert!(!foreign.is_empty());
    mixed.extend(foreign);
    let disk = SimDisk::holding(mixed);
    let store = open(&disk, 0);
    assert_eq!(wait(known(&store)), expected);
    assert_eq!(merged_files(&disk), Vec::<String>::new(), "what is of no use is removed");
}

#[test]
fn merging_in_the_background_is_broken_off_when_the_store_is_closed_and_goes_on_when_it_is_opened() {
    let (disk, expected) = strewn();
    for name in merged_files(&disk) {
        engine_log::disk::Disk::remove(&disk, &name).unwrap();
    }
    let mut options = options(16);
    options.index_in_background = true;
    // However short it was open, what was begun is whole or not there.
    while merged_files(&disk).is_empty() {
        let store = LogStore::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
        assert_eq!(wait(known(&store)), expected);
        wait(store.close()).unwrap();
        drop(store);
        assert!(!disk.files().keys().any(|name| name.contains(".new")), "{:?}", disk.files().keys());
        assert_eq!(kit::verify(&disk).unwrap().faults, []);
    }
}
