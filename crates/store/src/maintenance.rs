//! Looking after a store: checking that all that it holds is whole, and giving back the room of what can no longer
//! be read.

use std::collections::HashMap;

use engine_types::{Position, Revision, StreamName};

use crate::{
    AppendError, BoxError, EventStore, ReadAll, ReadError,
    read::DEFAULT_PAGE_EVENTS,
    stream_metadata::{DELETED, TOMBSTONE_EVENT_TYPE},
};

/// Where KurrentDB says that the event stands which closes a stream for ever.
const CLOSED: Revision = Revision(DELETED);

/// How far a check has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VerifyProgress {
    /// The work done, in the store's own unit: bytes, or events.
    pub done: u64,
    /// All the work, in the same unit.
    pub total: u64,
}

/// How far any other work on a store has come.
pub type Progress = VerifyProgress;

/// Why work on a store was not done, sorted by what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// The store does not offer this.
    #[error("{0}")]
    Unsupported(String),
    /// Somebody else is at it: wait until that is done.
    #[error("this store is already being {0}: wait until that is done")]
    Busy(&'static str),
    /// The disk has no room for the work. The store is whole and goes on: make room, then begin again.
    #[error("the disk is full: {what} needs {needed_bytes} bytes of free room; make room, then begin again")]
    NoRoom {
        /// What needs the room.
        what: String,
        /// How much it needs.
        needed_bytes: u64,
    },
    /// The directory that a backup goes to or comes from cannot be used. The cause says what to do.
    #[error("{0}")]
    Place(#[source] BoxError),
    /// Somebody else is at the directory that a backup goes to or comes from, and has locked it. The cause says which
    /// directory, who, and what to do.
    #[error("{0}")]
    Locked(#[source] BoxError),
    /// The store cannot be read. The cause says what to do.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written. The cause says what to do.
    #[error(transparent)]
    Write(#[from] AppendError),
}

/// What a scavenge gave back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct ScavengeReport {
    /// How many segments (files) were looked at; 0 where a store has none.
    pub segments: u64,
    /// How many of them were written anew.
    pub rewritten: u64,
    /// How many events were removed.
    pub events: u64,
    /// How many old versions of documents were removed; 0 where a store keeps none.
    pub documents: u64,
    /// How many bytes were given back; 0 where a store does not count them.
    pub bytes: u64,
}

/// What a backup copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct BackupReport {
    /// How many segments (files) the store has.
    pub segments: u64,
    /// How many of them were copied: the others were there already.
    pub copied: u64,
    /// How many bytes were copied.
    pub bytes: u64,
    /// The position behind the newest event that is in the backup; 0 where it is not known.
    pub next_position: u64,
}

/// What could be removed of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Reclaimable {
    /// How many events.
    pub events: u64,
    /// How many old versions of documents, and removals of documents.
    pub documents: u64,
    /// How many bytes.
    pub bytes: u64,
}

impl std::ops::AddAssign for Reclaimable {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.documents += other.documents;
        self.bytes += other.bytes;
    }
}

/// How large a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct StoreStats {
    /// How many segments (files) hold events.
    pub segments: u64,
    /// How many of them were written anew.
    pub rewritten_segments: u64,
    /// How many events are there, those that can no longer be read too.
    pub events: u64,
    /// The position behind the newest event.
    pub next_position: u64,
    /// How many streams of users have events.
    pub streams: u64,
    /// How many streams of the system have events, such as metadata.
    pub system_streams: u64,
    /// How many documents are there.
    pub documents: u64,
    /// The bytes of the segments on the disk.
    pub segment_bytes: u64,
    /// The bytes of the same before compression.
    pub frame_bytes: u64,
    /// The bytes of the indexes on the disk.
    pub index_bytes: u64,
    /// The bytes of indexes that are held in memory now.
    pub index_memory_bytes: u64,
    /// How many files of finished segments are open now.
    pub open_files: u64,
    /// What a scavenge would remove.
    pub reclaimable: Reclaimable,
}

/// A segment: a file that holds a run of all events.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct SegmentReport {
    /// The name of the file.
    pub name: String,
    /// The position of the first event that was ever in it.
    pub first_position: u64,
    /// How many events are in it.
    pub events: u64,
    /// Its bytes on the disk.
    pub bytes: u64,
    /// The same before compression.
    pub frame_bytes: u64,
    /// The bytes of its index on the disk.
    pub index_bytes: u64,
    /// How often it was written anew.
    pub rewritten: u32,
    /// Whether nothing is appended to it any more.
    pub finished: bool,
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct VerifyReport {
    /// How many segments (files) were checked; 0 where a store has none.
    pub segments: u64,
    /// How many events were checked.
    pub events: u64,
    /// How many documents were checked.
    pub documents: u64,
    /// How many bytes were checked; 0 where a store does not count them.
    pub bytes: u64,
    /// What is damaged. Empty means that the store is whole.
    pub faults: Vec<Fault>,
    /// The hash chain over what was written; none where a store has none.
    pub chain: Option<ChainReport>,
}

/// The hash chain of a store, as far as it was followed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ChainReport {
    /// The position of the first event that it covers.
    pub from: u64,
    /// The position behind the last event that it covers.
    pub next_position: u64,
    /// Its last link, as 64 digits. Noted where nobody can change it, it tells later whether what was written until now
    /// is still the same.
    pub link: String,
}

/// A damaged place.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Fault {
    /// Where: a file and an offset, or a stream and a revision.
    pub place: String,
    /// What is wrong there and what to do.
    pub fault: String,
}

/// Checks a store by reading all of it: positions rise, and every stream's revisions follow one another.
///
/// What a store can do that knows nothing of its own bytes. Takes memory for each stream.
///
/// # Errors
/// The failures of the store.
pub async fn verify_by_reading<S: EventStore + ?Sized>(
    store: &S,
    progress: &(dyn Fn(VerifyProgress) + Send + Sync),
) -> Result<VerifyReport, ReadError> {
    let mut report = VerifyReport::default();
    let mut last: HashMap<StreamName, Revision> = HashMap::new();
    let mut previous: Option<Position> = None;
    let total = store.head().await?.map_or(0, |head| head.next().0);
    let mut next = Position::FIRST;
    loop {
        let page = store.read_all(ReadAll::forwards().from(next)).await?;
        for event in &page.events {
            report.events += 1;
            if previous.is_some_and(|previous| previous >= event.position) {
                report.faults.push(Fault {
                    place: format!("position {}", event.position),
                    fault: "comes after a position that is not smaller".to_owned(),
                });
            }
            previous = Some(event.position);
            // A stream that is closed for ever ends at the largest revision, in stores that know no other for it.
            if event.revision == CLOSED && *event.event_type == *TOMBSTONE_EVENT_TYPE {
                continue;
            }
            let before = last.insert(event.stream.clone(), event.revision);
            if before.is_some_and(|before| before.next() != event.revision) {
                report.faults.push(Fault {
                    place: format!("stream `{}` revision {}", event.stream, event.revision),
                    fault: "does not follow the revision before it".to_owned(),
                });
            }
        }
        progress(VerifyProgress { done: page.next.map_or(total, |next| next.0), total });
        match page.next {
            Some(following) if !page.end => next = following,
            _ => break,
        }
    }
    report.documents = count_documents(store).await?;
    Ok(report)
}

async fn count_documents<S: EventStore + ?Sized>(store: &S) -> Result<u64, ReadError> {
    let mut count = 0;
    let mut after = None;
    loop {
        let keys = store.documents("", after.as_ref(), DEFAULT_PAGE_EVENTS).await?;
        count += keys.len() as u64;
        match keys.into_iter().last() {
            Some(last) => after = Some(last),
            None => return Ok(count),
        }
    }
}
