//! What the tests of the log share: a random workload on a simulated disk, and what must be left of it.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test uses some of it, and all is for tests

pub mod files;
pub mod meddled;
pub mod place;
pub mod scavenged;
pub mod tamper;
pub mod watched;

use std::{
    collections::BTreeMap,
    io::BufReader,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use engine_log::{Compression, Expected, LogOptions, LogStore, OpenError, disk::sim::SimDisk, verify_on};
use engine_store::{
    AppendError, AppendRequest, ContentType, DeleteMode, DocumentKey, Durability, EventStore,
    ExpectedVersion, NewEvent, ReadAll, ReadStream, RecordedEvent, StreamAppend, StreamMetadata,
    VerifyReport, clock::ManualClock,
};
use engine_types::{ExpectedRevision, StreamName};
use uuid::Uuid;

/// Numbers that look random, the same for the same seed.
pub struct Random(u64);

impl Random {
    pub fn seeded(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % limit.max(1)
    }

    pub fn bytes(&mut self, limit: u64) -> Bytes {
        let (length, first) = (self.below(limit), self.below(256));
        (0..length).map(|at| u8::try_from((at + first) % 251).unwrap()).collect::<Vec<_>>().into()
    }
}

/// A number from the environment, for longer runs than usual.
pub fn how_many(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Waits for a future in the thread of the test.
pub fn wait<F: Future>(future: F) -> F::Output {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

/// Options that make everything happen often, and in the same order for the same calls.
pub fn options() -> LogOptions {
    let mut options = LogOptions::default().clock(Arc::new(ManualClock::default())).segment_bytes(64 << 10);
    options.reserve_bytes = 16 << 10;
    options.index_in_background = false;
    // Only what the calls ask for is synced, so that much can be lost.
    options.buffered_sync = Duration::from_secs(3_600);
    options
}

/// Who writes: the callers themselves where they may, or only the thread of the store; in turns from seed to seed.
pub fn led_by_seed(options: &LogOptions, seed: u64) -> LogOptions {
    let mut options = options.clone();
    options.lead_within = if seed.is_multiple_of(2) { Duration::MAX } else { Duration::ZERO };
    options
}

/// The same, with segments that are compressed when they are full, so many that their indexes are merged, and a hash
/// chain.
pub fn compressed_and_chained() -> LogOptions {
    let compression = Compression { block_bytes: 4 << 10, ..Compression::default() };
    let mut options = options().compression(compression).chained();
    options.segment_names = 10;
    options
}

pub fn open_with(disk: &SimDisk, options: &LogOptions) -> Result<LogStore, OpenError> {
    LogStore::open_on(Arc::new(disk.clone()), options.clone())
}

pub fn open(disk: &SimDisk) -> Result<LogStore, OpenError> {
    LogStore::open_on(Arc::new(disk.clone()), options())
}

/// Checks a closed store.
pub fn verify(disk: &SimDisk) -> Result<VerifyReport, OpenError> {
    verify_on(Arc::new(disk.clone()), &Expected::default(), &|_| {})
}

pub fn stream(name: &str) -> StreamName {
    StreamName::new(name).unwrap()
}

pub fn key(name: &str) -> DocumentKey {
    DocumentKey::new(name).unwrap()
}

/// All that can be seen of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    pub events: Vec<RecordedEvent>,
    pub documents: BTreeMap<String, (u64, Bytes)>,
}

pub async fn all_events(store: &LogStore) -> Vec<RecordedEvent> {
    let mut events = Vec::new();
    let mut next = ReadAll::forwards();
    loop {
        let page = store.read_all(next).await.unwrap();
        events.extend(page.events);
        if page.end {
            return events;
        }
        next = ReadAll::forwards().from(page.next.unwrap());
    }
}

pub async fn documents(store: &LogStore) -> BTreeMap<String, (u64, Bytes)> {
    let mut documents = BTreeMap::new();
    for key in store.documents("", None, usize::MAX).await.unwrap() {
        let document = store.load_document(&key).await.unwrap().unwrap();
        documents.insert(key.as_str().to_owned(), (document.version, document.content));
    }
    documents
}

pub async fn seen(store: &LogStore) -> Seen {
    Seen { events: all_events(store).await, documents: documents(store).await }
}

/// Every stream by itself tells the same as all streams together.
pub async fn check_streams(store: &LogStore, events: &[RecordedEvent]) {
    let mut streams: BTreeMap<&str, Vec<&RecordedEvent>> = BTreeMap::new();
    for (position, event) in events.iter().enumerate() {
        assert_eq!(event.position.0, position as u64, "positions have no gap");
        let of_stream = streams.entry(event.stream.as_str()).or_default();
        assert_eq!(event.revision.0, of_stream.len() as u64, "revisions have no gap");
        of_stream.push(event);
    }
    for (name, events) in streams {
        let last = events.last().unwrap();
        let request = ReadStream::backwards(stream(name)).limit(1_000);
        match store.read_stream(request).await {
            Ok(page) => {
                assert_eq!(page.last, last.revision);
                for (read, written) in page.events.iter().zip(events.iter().rev()) {
                    assert_eq!(read, *written);
                }
            }
            Err(
                engine_store::ReadError::StreamNotFound { .. }
                | engine_store::ReadError::StreamDeleted { .. },
            ) => {}
            Err(error) => panic!("stream {name}: {error}"),
        }
    }
}

/// One call of a random workload.
#[derive(Debug, Clone)]
pub enum Call {
    Append(AppendRequest),
    Delete(StreamName, DeleteMode),
    Describe(StreamName, StreamMetadata),
    Save(DocumentKey, Bytes),
    Remove(DocumentKey),
    Reopen,
}

impl Call {
    pub fn random(random: &mut Random) -> Self {
        let name = |random: &mut Random| stream(&format!("account-{}", random.below(12)));
        match random.below(40) {
            0 => Call::Delete(name(random), DeleteMode::Soft),
            1 => Call::Delete(stream(&format!("brief-{}", random.below(3))), DeleteMode::Tombstone),
            2 => {
                let metadata =
                    StreamMetadata { max_count: Some(1 + random.below(9)), ..StreamMetadata::default() };
                Call::Describe(name(random), metadata)
            }
            3..=5 => Call::Save(key(&format!("document-{}", random.below(5))), random.bytes(2_000)),
            6 => Call::Remove(key(&format!("document-{}", random.below(5)))),
            7 if random.below(4) == 0 => Call::Reopen,
            kind => {
                let first = random.below(12);
                let parts = if kind < 12 { 2 } else { 1 };
                let part = |ahead: u64, random: &mut Random| StreamAppend {
                    stream: stream(&format!("account-{}", (first + ahead) % 12)),
                    expected: ExpectedRevision::Any,
                    events: (0..=random.below(4)).map(|_| event(random)).collect(),
                };
                let mut request =
                    AppendRequest::to_many((0..parts).map(|ahead| part(ahead, random)).collect());
                if random.below(4) == 0 {
                    request.durability = Durability::Buffered;
                }
                Call::Append(request)
            }
        }
    }

    /// Whether what was answered must survive a power cut.
    pub fn is_durable(&self) -> bool {
        !matches!(self, Call::Append(request) if request.durability == Durability::Buffered)
    }

    pub async fn make(&self, store: &LogStore) -> Result<(), AppendError> {
        match self.clone() {
            Call::Append(request) => store.append(request).await.map(drop),
            Call::Delete(stream, mode) => store.delete_stream(&stream, ExpectedRevision::Any, mode).await,
            Call::Describe(stream, metadata) => {
                store.set_stream_metadata(&stream, ExpectedRevision::Any, metadata).await.map(drop)
            }
            Call::Save(key, content) => {
                store.save_document(&key, ExpectedVersion::Any, content).await.map(drop)
            }
            Call::Remove(key) => store.delete_document(&key).await,
            Call::Reopen => store.close().await,
        }
    }
}

pub fn event(random: &mut Random) -> NewEvent {
    let size = if random.below(10) == 0 { 9_000 } else { 600 };
    NewEvent {
        id: Uuid::from_u128((u128::from(random.below(u64::MAX)) << 64) | u128::from(random.below(u64::MAX))),
        event_type: ["Created", "Deposited", "Withdrawn"][usize::try_from(random.below(3)).unwrap()].into(),
        content_type: if random.below(5) == 0 { ContentType::Binary } else { ContentType::Json },
        data: random.bytes(size),
        metadata: random.bytes(40),
    }
}

/// Whether a file is of a kind.
pub fn is(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

/// The segment that is written, or was last.
pub fn last_segment(files: &tamper::Files) -> &String {
    files.keys().filter(|name| is(name, "log")).max().unwrap()
}

/// Starts the test `child` of the same program as a process of its own, which finds in this variable where its store is.
pub fn child(variable: &str, directory: &Path) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child", "--nocapture"])
        .env(variable, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}
