//! A scavenge that is interrupted anywhere leaves a store that reads as before, and the next one does the rest.
//!
//! `ENGINE_LOG_SCAVENGES=200 cargo test --release -p engine-log --test scavenge` is the long run.

#![allow(clippy::unwrap_used)] // everything here is a test
#![allow(clippy::case_sensitive_file_extension_comparisons)] // the names are the log's own

mod kit;

use std::{collections::BTreeMap, io::ErrorKind, sync::Arc};

use engine_log::{
    Compression, LogOptions, LogStore, OpenError,
    disk::sim::{Failure, Loss, Plan, Replay, SimDisk},
};
use engine_store::{
    AppendRequest, DeleteMode, EventStore, MaintenanceError, ReadAll, ReadError, ReadStream, RecordedEvent,
    ScavengeReport, StreamMetadata,
};
use engine_types::ExpectedRevision;
use kit::{Call, Random, Seen, how_many, open, stream, wait};

const LOSSES: [Loss; 4] = [Loss::Everything, Loss::Nothing, Loss::Torn(512), Loss::Scattered(4_096)];

const STREAMS: usize = 12;

/// What can be read, stream by stream.
type Streams = BTreeMap<String, Vec<RecordedEvent>>;

fn read_streams(store: &LogStore) -> Streams {
    let names = (0..STREAMS).map(|number| format!("account-{number}"));
    let names = names.chain((0..3).map(|number| format!("brief-{number}")));
    let of = |name: String| {
        let page = match wait(store.read_stream(ReadStream::forwards(stream(&name)))) {
            Ok(page) => page.events,
            Err(ReadError::StreamNotFound { .. } | ReadError::StreamDeleted { .. }) => Vec::new(),
            Err(error) => panic!("{name}: {error}"),
        };
        (name, page)
    };
    names.map(of).collect()
}

fn scavenge(store: &LogStore) -> Result<ScavengeReport, MaintenanceError> {
    wait(store.scavenge(&|_| {}))
}

/// A store with several segments and much that can no longer be read.
fn fill(disk: &SimDisk, seed: u64) -> LogStore {
    let mut store = open(disk).unwrap();
    let mut random = Random::seeded(seed);
    for _ in 0..110 {
        let call = Call::random(&mut random);
        let _answer = wait(call.make(&store));
        if matches!(call, Call::Reopen) {
            drop(store);
            store = open(disk).unwrap();
        }
    }
    let limits = [
        StreamMetadata { max_count: Some(2), ..StreamMetadata::default() },
        StreamMetadata { truncate_before: Some(3), ..StreamMetadata::default() },
        StreamMetadata { truncate_before: Some(1_000), ..StreamMetadata::default() },
    ];
    for (number, limit) in limits.into_iter().enumerate() {
        let name = stream(&format!("account-{number}"));
        let _closed = wait(store.set_stream_metadata(&name, ExpectedRevision::Any, limit));
    }
    let _never_was = wait(store.delete_stream(&stream("account-3"), ExpectedRevision::Any, DeleteMode::Soft));
    store
}

/// A store before it is scavenged, and what a scavenge makes of it when nothing goes wrong.
struct Undisturbed {
    files: BTreeMap<String, Vec<u8>>,
    before: Seen,
    streams: Streams,
    after: Seen,
    operations: u64,
}

fn undisturbed(seed: u64) -> Undisturbed {
    let disk = SimDisk::new();
    let store = fill(&disk, seed);
    wait(store.close()).unwrap();
    let files = disk.files();
    let disk = SimDisk::holding(files.clone());
    let store = open(&disk).unwrap();
    let (before, streams) = (wait(kit::seen(&store)), read_streams(&store));
    let begin = disk.operations();
    let report = scavenge(&store).unwrap();
    assert!(report.events > 20 && report.rewritten > 1, "seed {seed}: {report:?}");
    let operations = disk.operations() - begin;
    let after = wait(kit::seen(&store));
    assert_eq!(read_streams(&store), streams);
    assert_eq!(after.documents, before.documents);
    assert_eq!(before.events.len() as u64 - report.events, after.events.len() as u64);
    Undisturbed { files, before, streams, after, operations }
}

/// Whether `few` are among `many`, in the same order.
fn among(few: &[RecordedEvent], many: &[RecordedEvent]) -> bool {
    let mut many = many.iter();
    few.iter().all(|event| many.any(|other| other == event))
}

/// Checks a store whose scavenge was interrupted, and lets the next scavenge do the rest.
fn check(disk: &SimDisk, wanted: &Undisturbed, place: &str) {
    let store = open(disk).unwrap_or_else(|error| panic!("{place}: {error}"));
    let seen = wait(kit::seen(&store));
    assert!(among(&seen.events, &wanted.before.events), "{place}: other events than before");
    assert!(among(&wanted.after.events, &seen.events), "{place}: too many events are gone");
    assert_eq!(seen.documents, wanted.before.documents, "{place}");
    assert_eq!(read_streams(&store), wanted.streams, "{place}");
    scavenge(&store).unwrap_or_else(|error| panic!("{place}: {error}"));
    assert_eq!(wait(kit::seen(&store)), wanted.after, "{place}");
    assert_eq!(read_streams(&store), wanted.streams, "{place}");
    wait(store.close()).unwrap();
    drop(store);
    assert_eq!(kit::verify(disk).unwrap().faults, [], "{place}");
    one_file_for_each_segment(disk, place);
}

fn one_file_for_each_segment(disk: &SimDisk, place: &str) {
    let files = disk.files();
    let number = |name: &str| name.split('-').nth(1).unwrap().to_owned();
    for end in [".log", ".idx"] {
        let mut numbers: Vec<_> =
            files.keys().filter(|name| name.ends_with(end)).map(|it| number(it)).collect();
        let all = numbers.len();
        numbers.dedup();
        assert_eq!(numbers.len(), all, "{place}: {:?}", files.keys());
    }
    assert!(!files.keys().any(|name| name.ends_with(".new")), "{place}");
}

#[test]
fn a_power_cut_at_any_moment_of_a_scavenge_leaves_a_store_that_reads_as_before() {
    for seed in 0..how_many("ENGINE_LOG_SCAVENGES", 2) {
        let wanted = undisturbed(seed);
        let disk = SimDisk::holding(wanted.files.clone());
        let store = open(&disk).unwrap();
        let opened = disk.journal().len();
        scavenge(&store).unwrap();
        let journal = disk.journal();
        drop(store);
        let mut replay = Replay::starting(wanted.files.clone());
        let mut random = Random::seeded(seed);
        for (number, op) in journal.iter().enumerate() {
            replay.step(op);
            if number < opened {
                continue;
            }
            for loss in LOSSES {
                let image = replay.image(loss, |limit| random.below(limit));
                check(&image, &wanted, &format!("seed {seed}, operation {number}, {loss:?}"));
            }
        }
    }
}

#[test]
fn whatever_operation_of_a_scavenge_fails_the_store_goes_on() {
    let wanted = undisturbed(1);
    let kinds = [ErrorKind::Other, ErrorKind::StorageFull];
    for (first, kind) in (0..wanted.operations).flat_map(|first| kinds.map(|kind| (first, kind))) {
        let place = format!("operation {first}, {kind}");
        let disk = SimDisk::holding(wanted.files.clone());
        let store = open(&disk).unwrap();
        disk.fail(Some(Plan { first: disk.operations() + first, count: 1, failure: Failure::Error(kind) }));
        let scavenged = scavenge(&store);
        disk.fail(None);
        if let Err(error) = &scavenged {
            let text = error.to_string();
            let advice = ["make room", "until the store is opened again"];
            let advises = advice.iter().any(|advice| text.contains(advice));
            assert!(kind != ErrorKind::StorageFull || advises, "{place}: {text}");
        }
        let seen = wait(kit::seen(&store));
        assert!(among(&seen.events, &wanted.before.events), "{place}: other events than before");
        assert_eq!(read_streams(&store), wanted.streams, "{place}");
        drop(store);
        check(&disk, &wanted, &place);
    }
}

#[test]
fn a_full_disk_is_told_with_the_room_that_is_needed() {
    let wanted = undisturbed(1);
    let failure = Failure::Error(ErrorKind::StorageFull);
    // The new segment of the log finds room; the first that is written anew does not.
    let first_room = (0..wanted.operations).find_map(|first| {
        let disk = SimDisk::holding(wanted.files.clone());
        let store = open(&disk).unwrap();
        disk.fail(Some(Plan { first: disk.operations() + first, count: u64::MAX, failure }));
        scavenge(&store).err().filter(|error| matches!(error, MaintenanceError::NoRoom { .. }))
    });
    let text = first_room.unwrap().to_string();
    assert!(text.contains("writing segment 0 anew needs") && text.contains("make room"), "{text}");
}

#[test]
fn a_flipped_bit_in_a_scavenged_store_is_found_and_never_returned_as_data() {
    flip_bits(None);
}

#[test]
fn a_flipped_bit_in_a_compressed_store_is_found_and_never_returned_as_data() {
    flip_bits(Some(Compression { block_bytes: 4 << 10, ..Compression::default() }));
}

fn flip_bits(compression: Option<Compression>) {
    let wanted = undisturbed(2);
    let disk = SimDisk::holding(wanted.files.clone());
    let mut options = kit::options();
    options.compression = compression;
    let store = LogStore::open_on(Arc::new(disk.clone()), options).unwrap();
    scavenge(&store).unwrap();
    assert_eq!(wait(kit::seen(&store)), wanted.after);
    wait(store.close()).unwrap();
    drop(store);
    assert_eq!(kit::verify(&disk).unwrap().faults, []);
    let files = disk.files();
    let names: Vec<_> = files.keys().filter(|name| name.contains("-g1.")).cloned().collect();
    assert!(names.len() > 2, "{names:?}");
    let mut random = Random::seeded(3);
    for number in 0..how_many("ENGINE_LOG_FLIPS", 500) {
        let name = &names[usize::try_from(random.below(names.len() as u64)).unwrap()];
        let mut files = files.clone();
        let file = files.get_mut(name).unwrap();
        // Every fourth flip is in the headers.
        let limit = if number % 4 == 0 { 128 } else { file.len() as u64 };
        let at = usize::try_from(random.below(limit)).unwrap();
        file[at] ^= 1 << random.below(8);
        let place = format!("{name} at {at}");
        let report = kit::verify(&SimDisk::holding(files.clone()));
        assert!(report.is_ok_and(|report| !report.faults.is_empty()), "{place}");
        let store = match open(&SimDisk::holding(files)) {
            Ok(store) => store,
            Err(OpenError::Corrupt { .. }) => continue,
            Err(error) => panic!("{place}: {error}"),
        };
        match wait(store.read_all(ReadAll::forwards())) {
            Ok(page) => assert!(wanted.after.events.starts_with(&page.events), "{place}"),
            Err(ReadError::Corrupt(_)) => {}
            Err(error) => panic!("{place}: {error}"),
        }
    }
}

#[test]
fn a_compressed_store_reads_as_before_takes_less_room_and_is_scavenged_again() {
    for seed in 0..3 {
        let wanted = undisturbed(seed);
        let disk = SimDisk::holding(wanted.files.clone());
        let mut options = kit::options();
        options.compression = Some(Compression { block_bytes: 4 << 10, ..Compression::default() });
        options.cached_blocks = 2;
        let open = || LogStore::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
        let store = open();
        scavenge(&store).unwrap();
        let (seen, streams) = (wait(kit::seen(&store)), read_streams(&store));
        assert_eq!((seen, streams), (wanted.after, wanted.streams), "seed {seed}");
        let stats = wait(store.stats(&|_| {})).unwrap();
        assert!(stats.segment_bytes * 2 < stats.frame_bytes, "seed {seed}: {stats:?}");
        assert_eq!(scavenge(&store).unwrap().rewritten, 0, "seed {seed}");
        let limit = StreamMetadata { max_count: Some(1), ..StreamMetadata::default() };
        let name = stream("account-5");
        wait(store.set_stream_metadata(&name, ExpectedRevision::Any, limit)).unwrap();
        assert!(scavenge(&store).unwrap().events > 0, "seed {seed}");
        let seen = wait(kit::seen(&store));
        wait(store.close()).unwrap();
        drop(store);
        let store = open();
        assert_eq!(wait(kit::seen(&store)), seen, "seed {seed}");
        let backwards = wait(store.read_all(ReadAll::backwards().limit(1_000))).unwrap().events;
        assert!(backwards.iter().rev().eq(&seen.events), "seed {seed}");
        wait(store.close()).unwrap();
        drop(store);
        assert_eq!(kit::verify(&disk).unwrap().faults, [], "seed {seed}");
    }
}

#[test]
fn an_index_of_a_scavenged_segment_is_built_again_the_same() {
    let wanted = undisturbed(3);
    let disk = SimDisk::holding(wanted.files.clone());
    let store = open(&disk).unwrap();
    scavenge(&store).unwrap();
    wait(store.close()).unwrap();
    drop(store);
    let whole = disk.files();
    let mut files = whole.clone();
    files.retain(|name, _| !name.ends_with(".idx"));
    let disk = SimDisk::holding(files);
    let store = open(&disk).unwrap();
    assert_eq!(wait(kit::seen(&store)), wanted.after);
    wait(store.close()).unwrap();
    drop(store);
    for (name, bytes) in whole.iter().filter(|(name, _)| name.ends_with(".idx")) {
        assert!(disk.files()[name] == *bytes, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scavenge_gives_the_room_back_to_the_file_system_and_another_waits_for_none() {
    let directory = tempfile::tempdir().unwrap();
    let store = LogStore::open(directory.path(), LogOptions::default().segment_bytes(64 << 10)).unwrap();
    let mut random = Random::seeded(5);
    for round in 0..40 {
        let events = (0..20).map(|_| kit::event(&mut random)).collect();
        let name = stream(&format!("account-{}", round % 2));
        store.append(AppendRequest::to(name, ExpectedRevision::Any, events)).await.unwrap();
    }
    let room = || {
        let files = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap());
        let logs = files.filter(|file| file.file_name().to_string_lossy().ends_with(".log"));
        logs.map(|file| file.metadata().unwrap().len()).sum::<u64>()
    };
    store.delete_stream(&stream("account-0"), ExpectedRevision::Any, DeleteMode::Tombstone).await.unwrap();
    let before = room();
    let told = std::sync::Mutex::new(Vec::new());
    let report = store.scavenge(&|progress| told.lock().unwrap().push(progress)).await.unwrap();
    assert_eq!(report.events, 400);
    let saved = before - room();
    assert!(saved > before * 2 / 5, "{saved} of {before}");
    let told = told.into_inner().unwrap();
    assert!(told.is_sorted_by_key(|progress| progress.done), "{told:?}");
    assert!(told.last().is_some_and(|progress| progress.done == progress.total), "{told:?}");
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_closed_while_it_is_scavenged_is_whole() {
    for _ in 0..5 {
        let directory = tempfile::tempdir().unwrap();
        let open =
            || LogStore::open(directory.path(), LogOptions::default().segment_bytes(64 << 10)).unwrap();
        let store = open();
        let mut random = Random::seeded(6);
        for _ in 0..30 {
            let events = (0..30).map(|_| kit::event(&mut random)).collect();
            store
                .append(AppendRequest::to(stream("account-1"), ExpectedRevision::Any, events))
                .await
                .unwrap();
        }
        let limit = StreamMetadata { max_count: Some(3), ..StreamMetadata::default() };
        store.set_stream_metadata(&stream("account-1"), ExpectedRevision::Any, limit).await.unwrap();
        let scavenging = tokio::spawn({
            let store = store.clone();
            async move { store.scavenge(&|_| {}).await.map(drop) }
        });
        tokio::task::yield_now().await;
        store.close().await.unwrap();
        // It was done, or was given up.
        let _either = scavenging.await.unwrap();
        drop(store);
        let store = open();
        let page = store.read_stream(ReadStream::forwards(stream("account-1"))).await.unwrap();
        assert_eq!(page.events.iter().map(|event| event.revision.0).collect::<Vec<_>>(), [897, 898, 899]);
        assert_eq!(store.verify(&|_| {}).await.unwrap().faults, []);
        store.close().await.unwrap();
    }
}
