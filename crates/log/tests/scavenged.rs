//! A store that was scavenged or compressed reads as before, and damage to it is found.

#![allow(clippy::case_sensitive_file_extension_comparisons)] // the names are the log's own
#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::sync::Arc;

use engine_log::{Compression, LogStore, OpenError, disk::sim::SimDisk};
use engine_store::{EventStore, ReadAll, ReadError, StreamMetadata};
use engine_types::ExpectedRevision;
use kit::{
    Random, how_many, open,
    scavenged::{read_streams, scavenge, undisturbed},
    stream, wait,
};

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
