//! The files of merged indexes: when they come and go, and who leaves them alone.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    ops::Range,
    sync::Arc,
};

use engine_log::{
    LogOptions, LogStore,
    disk::sim::{Failure, Plan, SimDisk},
};
use engine_store::{AppendError, AppendRequest, EventStore, ExpectedVersion, ReadStream, StreamQuery};
use engine_types::ExpectedRevision;
use kit::{Random, stream, wait, watched::Watched};

/// Segments of four streams each, so that there are many.
fn options(merged: usize) -> LogOptions {
    let mut options = kit::options();
    options.segment_names = 4;
    options.merged_segments = merged;
    options
}

/// Events with these numbers, each of another stream than the eight before it.
fn write(store: &LogStore, events: Range<u64>) -> Result<(), AppendError> {
    for number in events {
        let name = stream(&format!("account-{}", number % 9));
        let event = kit::event(&mut Random::seeded(number));
        wait(store.append(AppendRequest::to(name, ExpectedRevision::Any, vec![event])))?;
    }
    Ok(())
}

/// A closed store with so many events, of whose indexes so many are merged at most.
fn closed(events: u64, merged: usize) -> SimDisk {
    let disk = SimDisk::new();
    let store = kit::open_with(&disk, &options(merged)).unwrap();
    write(&store, 0..events).unwrap();
    wait(store.close()).unwrap();
    disk
}

fn files(disk: &SimDisk, begin: &str, end: &str) -> Vec<String> {
    disk.files().into_keys().filter(|name| name.starts_with(begin) && name.ends_with(end)).collect()
}

fn merged_files(disk: &SimDisk) -> Vec<String> {
    files(disk, "merged-", ".idx")
}

#[test]
fn verify_changes_nothing_whatever_is_damaged() {
    let whole = closed(60, 16).files();
    let indexes: Vec<_> = whole.keys().filter(|name| name.contains(".idx")).cloned().collect();
    assert!(indexes.iter().any(|name| name.starts_with("merged-")), "{indexes:?}");
    for name in indexes {
        for page in 0..whole[&name].len() / 4_096 {
            let mut damaged = whole.clone();
            damaged.get_mut(&name).unwrap()[page * 4_096 + 70] ^= 1;
            let disk = SimDisk::holding(damaged.clone());
            assert_ne!(kit::verify(&disk).unwrap().faults, [], "{name}, page {page}");
            assert!(disk.files() == damaged, "{name}, page {page}");
        }
    }
}

#[test]
fn a_segment_that_is_still_written_is_in_no_merged_index() {
    let disk = closed(15, 0);
    assert_eq!(files(&disk, "segment-", ".log").len(), 4, "{:?}", disk.files().keys());
    let mut options = options(16);
    options.index_in_background = true;
    for _ in 0..20 {
        let store = kit::open_with(&disk, &options).unwrap();
        assert_eq!(wait(kit::all_events(&store)).len(), 15);
        wait(store.close()).unwrap();
        assert_eq!(merged_files(&disk), Vec::<String>::new());
    }
}

#[test]
fn a_merged_index_that_came_to_nothing_leaves_no_file() {
    let begun = closed(40, 0).files();
    let mut went_on = 0;
    for first in 0.. {
        let disk = SimDisk::holding(begun.clone());
        let store = kit::open_with(&disk, &options(16)).unwrap();
        let first = disk.operations() + first;
        disk.fail(Some(Plan { first, count: 1, failure: Failure::Error(io::ErrorKind::Other) }));
        // Where the writer was met, it has stopped.
        if write(&store, 40..60).is_err() {
            continue;
        }
        went_on += 1;
        assert_eq!(files(&disk, "merged-", ".new"), Vec::<String>::new(), "operation {first} failed");
        let mut covered = BTreeSet::new();
        for name in merged_files(&disk) {
            let mut numbers = name.split('-').skip(1).map(str::parse::<u64>);
            let (first_segment, last) = (numbers.next().unwrap().unwrap(), numbers.next().unwrap().unwrap());
            let twice = (first_segment..=last).find(|number| !covered.insert(*number));
            assert_eq!(twice, None, "segment in two merged indexes, operation {first} failed");
        }
        if disk.operations() <= first {
            break;
        }
    }
    assert!(went_on > 10, "{went_on}");
}

/// A closed store of documents alone, whose keys have this letter in them.
fn of_documents(mut files: BTreeMap<String, Vec<u8>>, letter: char) -> BTreeMap<String, Vec<u8>> {
    files.retain(|name, _| !name.starts_with("clean"));
    let disk = SimDisk::holding(files);
    let store = kit::open_with(&disk, &options(16)).unwrap();
    for number in 10..50 {
        let key = kit::key(&format!("document-{letter}{number}"));
        wait(store.save_document(&key, ExpectedVersion::Any, vec![7; 100].into())).unwrap();
    }
    wait(store.close()).unwrap();
    disk.files()
}

#[test]
fn a_merged_index_of_other_documents_is_not_used() {
    let begun = closed(0, 16).files();
    let (ours, theirs) = (of_documents(begun.clone(), 'a'), of_documents(begun, 'b'));
    let is_merged = |name: &String| name.starts_with("merged-");
    let foreign: Vec<_> = theirs.into_iter().filter(|(name, _)| is_merged(name)).collect();
    let mut mixed = ours;
    mixed.retain(|name, _| !is_merged(name));
    mixed.extend(foreign);
    let store = kit::open_with(&SimDisk::holding(mixed), &options(0)).unwrap();
    for number in 10..50 {
        let key = kit::key(&format!("document-a{number}"));
        assert!(wait(store.load_document(&key)).unwrap().is_some(), "{key:?}");
    }
}

#[test]
fn a_merged_index_of_many_pages_tells_of_every_stream() {
    let disk = SimDisk::new();
    let mut options = options(16);
    options.segment_names = 1_500;
    options.segment_bytes = 16 << 20;
    let store = kit::open_with(&disk, &options).unwrap();
    let long = |number: u64| stream(&format!("account-{number:0>180}"));
    let append = |name, numbers: Range<u64>| {
        let events = numbers.map(|number| kit::event(&mut Random::seeded(number))).collect();
        wait(store.append(AppendRequest::to(name, ExpectedRevision::Any, events))).unwrap();
    };
    for number in 0..6_200 {
        append(long(number), number..number + 1);
        if number % 400 == 0 {
            append(stream("common-1"), 10_000 + number..10_100 + number);
        }
    }
    let merged = merged_files(&disk);
    assert!(merged.len() == 1 && disk.files()[&merged[0]].len() > 300 * 4_096, "{merged:?}");
    for number in 0..6_200 {
        let page = wait(store.read_stream(ReadStream::forwards(long(number)))).unwrap();
        assert_eq!(page.events.len(), 1, "{number}");
    }
    let page = wait(store.read_stream(ReadStream::forwards(stream("common-1")).limit(4_000))).unwrap();
    assert_eq!(page.events.len(), 1_600);
    assert_eq!(
        wait(store.streams(StreamQuery { limit: 10_000, ..StreamQuery::default() })).unwrap().streams.len(),
        6_201
    );
    wait(store.close()).unwrap();
    assert_eq!(kit::verify(&disk).unwrap().faults, []);
    assert_eq!(merged_files(&disk), merged, "it was not given up");
}

#[test]
fn the_only_event_of_a_stream_is_found_in_whichever_segment_it_stands() {
    let disk = Watched::default();
    let open = || LogStore::open_on(Arc::new(disk.clone()), options(4)).unwrap();
    let (store, mut random) = (open(), Random::seeded(5));
    let events: Vec<_> = (0..17).map(|_| kit::event(&mut random)).collect();
    let append = |store: &LogStore, number: usize, expected| {
        let events = vec![events[number].clone()];
        wait(store.append(AppendRequest::to(stream(&format!("account-{number}")), expected, events))).unwrap()
    };
    (0..17).for_each(|number| drop(append(&store, number, ExpectedRevision::Any)));
    wait(store.close()).unwrap();
    let store = open();
    disk.forget();
    for (number, event) in events.iter().enumerate().take(16) {
        let name = stream(&format!("account-{number}"));
        for request in [ReadStream::forwards(name.clone()), ReadStream::backwards(name)] {
            let page = wait(store.read_stream(request)).unwrap();
            assert_eq!(page.events.len(), 1, "{page:?}");
            assert_eq!((page.events[0].position.0, page.events[0].id), (number as u64, event.id));
        }
        assert!(append(&store, number, ExpectedRevision::NoStream).deduplicated);
    }
    let asked: BTreeSet<_> = disk.calls().into_iter().map(|(file, _)| file).collect();
    let (merged, own): (Vec<_>, Vec<_>) =
        asked.iter().filter(|name| kit::is(name, "idx")).partition(|name| name.starts_with("merged-"));
    assert_eq!(merged.len(), 1, "{asked:?}");
    assert!(
        own.iter().all(|name| name.starts_with("segment-0000000004-")),
        "that of the written one: {asked:?}"
    );
}

#[test]
fn a_document_is_found_in_its_segment_where_the_merged_index_is_damaged() {
    let disk = SimDisk::new();
    let store = kit::open_with(&disk, &options(16)).unwrap();
    for number in 0..40 {
        let key = kit::key(&format!("document-{number}"));
        wait(store.save_document(&key, ExpectedVersion::Any, vec![7; 100].into())).unwrap();
        write(&store, number..number + 1).unwrap();
    }
    wait(store.close()).unwrap();
    let (whole, merged) = (disk.files(), merged_files(&disk));
    assert!(!merged.is_empty());
    for name in merged {
        for page in 1..whole[&name].len() / 4_096 {
            let mut files = whole.clone();
            files.get_mut(&name).unwrap()[page * 4_096 + 70] ^= 1;
            let store = kit::open_with(&SimDisk::holding(files), &options(0)).unwrap();
            for number in 0..40 {
                let key = kit::key(&format!("document-{number}"));
                assert!(wait(store.load_document(&key)).unwrap().is_some(), "{name}, page {page}: {key:?}");
            }
        }
    }
}
