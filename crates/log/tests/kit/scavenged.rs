//! Stores with much that can no longer be read, and what a scavenge leaves of them.

use std::collections::BTreeMap;

use engine_log::{LogStore, disk::sim::SimDisk};
use engine_store::{
    DeleteMode, EventStore, MaintenanceError, ReadError, ReadStream, RecordedEvent, ScavengeReport,
    StreamMetadata,
};
use engine_types::ExpectedRevision;

use super::{Call, Random, Seen, open, seen, stream, wait};

pub const STREAMS: usize = 12;

/// What can be read, stream by stream.
pub type Streams = BTreeMap<String, Vec<RecordedEvent>>;

pub fn read_streams(store: &LogStore) -> Streams {
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

pub fn scavenge(store: &LogStore) -> Result<ScavengeReport, MaintenanceError> {
    wait(store.scavenge(&|_| {}))
}

/// A store with several segments and much that can no longer be read.
pub fn fill(disk: &SimDisk, seed: u64) -> LogStore {
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
pub struct Undisturbed {
    pub files: BTreeMap<String, Vec<u8>>,
    pub before: Seen,
    pub streams: Streams,
    pub after: Seen,
    pub operations: u64,
}

pub fn undisturbed(seed: u64) -> Undisturbed {
    let disk = SimDisk::new();
    let store = fill(&disk, seed);
    wait(store.close()).unwrap();
    let files = disk.files();
    let disk = SimDisk::holding(files.clone());
    let store = open(&disk).unwrap();
    let (before, streams) = (wait(seen(&store)), read_streams(&store));
    let begin = disk.operations();
    let report = scavenge(&store).unwrap();
    assert!(report.events > 20 && report.rewritten > 1, "seed {seed}: {report:?}");
    let operations = disk.operations() - begin;
    let after = wait(seen(&store));
    assert_eq!(read_streams(&store), streams);
    assert_eq!(after.documents, before.documents);
    assert_eq!(before.events.len() as u64 - report.events, after.events.len() as u64);
    Undisturbed { files, before, streams, after, operations }
}

/// Whether `few` are among `many`, in the same order.
pub fn among(few: &[RecordedEvent], many: &[RecordedEvent]) -> bool {
    let mut many = many.iter();
    few.iter().all(|event| many.any(|other| other == event))
}
