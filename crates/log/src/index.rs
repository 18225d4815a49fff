//! The index of one part of the log: where the events of a stream, the event at a position, and the newest
//! version of a document stand.
//!
//! An index is a function of the frames it covers, and can be built from them again at any time.

mod bloom;
pub(crate) mod build;
pub(crate) mod dictionary;
pub(crate) mod disk;
pub(crate) mod file;
pub(crate) mod memory;
pub(crate) mod merged;
pub(crate) mod page;
mod table;

use std::ops::Range;

use engine_store::Direction;
use parking_lot::RwLock;

use crate::{error::Trouble, units::le};
use dictionary::Kinds;
use disk::DiskIndex;
use file::FileIndex;
use memory::MemoryIndex;

/// The index of one part.
#[derive(Debug)]
pub(crate) enum Index {
    /// Of what was written lately. Grows at its end while it is read.
    Memory(Box<RwLock<MemoryIndex>>),
    /// Of what is finished, in a file. Boxed, for it is much larger than the other.
    File(Box<FileIndex>),
}

/// The events of one stream in one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub first: u64,
    pub count: u64,
    pub tombstoned: bool,
    /// Whether it keeps only the number of an event that was removed. It is the only one then, and nothing of the
    /// stream is before it.
    pub removed: bool,
    /// Where their offsets stand in an index file. In a merged index, the only event of a stream stands at what would be
    /// there.
    pub postings: u64,
}

impl Span {
    pub(crate) const fn last(&self) -> u64 {
        self.first + self.count - 1
    }
}

/// The newest that a part knows of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DocumentEntry {
    pub version: u64,
    pub offset: u64,
    pub removed: bool,
}

/// A search for events of certain kinds.
#[derive(Debug, Clone)]
pub(crate) struct Search<'a> {
    pub kinds: &'a Kinds,
    /// The positions that are looked at.
    pub positions: Range<u64>,
    pub direction: Direction,
    /// How many are wanted.
    pub limit: usize,
}

/// What a search found, in its direction.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Positions and offsets.
    pub events: Vec<(u64, u64)>,
    /// How many positions were looked at.
    pub seen: u64,
}

impl Search<'_> {
    /// What was found; `all` says that all positions were looked at, and not only those up to the last that was found.
    fn found(&self, events: Vec<(u64, u64)>, all: bool) -> Found {
        let last = events.last().filter(|_| !all).map(|(position, _)| *position);
        let seen = match (last, self.direction) {
            (None, _) => self.positions.end.saturating_sub(self.positions.start),
            (Some(last), Direction::Forwards) => last + 1 - self.positions.start,
            (Some(last), Direction::Backwards) => self.positions.end - last,
        };
        Found { events, seen }
    }
}

/// The shortened ids of a run of positions, zero for those without an event.
fn by_position(positions: Range<u64>, ids: impl Iterator<Item = (u64, u64)>) -> Vec<u64> {
    let mut all = vec![0; crate::units::index(positions.end - positions.start)];
    for (position, id) in ids {
        if let Some(place) = all.get_mut(crate::units::index(position - positions.start)) {
            *place = id;
        }
    }
    all
}

impl Index {
    pub(crate) fn memory(index: MemoryIndex) -> Self {
        Index::Memory(Box::new(RwLock::new(index)))
    }

    /// Looks at the index in memory; does nothing for one in a file.
    pub(crate) fn with_memory<T>(&self, look: impl FnOnce(&MemoryIndex) -> T) -> Option<T> {
        match self {
            Index::Memory(memory) => Some(look(&memory.read())),
            Index::File(_) => None,
        }
    }

    fn ask<T>(
        &self,
        memory: impl FnOnce(&MemoryIndex) -> T,
        disk: impl FnOnce(&DiskIndex) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        match self {
            Index::Memory(index) => Ok(memory(&index.read())),
            Index::File(file) => file.ask(memory, disk),
        }
    }

    /// How many events there are.
    pub(crate) fn events(&self) -> u64 {
        match self {
            Index::Memory(memory) => memory.read().events(),
            Index::File(file) => file.disk.events,
        }
    }

    /// The position behind the last event that stands there, or ever stood there.
    pub(crate) fn next_position(&self) -> u64 {
        match self {
            Index::Memory(memory) => memory.read().next_position(),
            Index::File(file) => file.disk.next_position,
        }
    }

    /// Where the last event stands, if there is any.
    pub(crate) fn last_offset(&self) -> Result<Option<u64>, Trouble> {
        self.ask(MemoryIndex::last_offset, DiskIndex::last_offset)
    }

    /// The offset behind the last frame.
    pub(crate) fn end(&self) -> u64 {
        match self {
            Index::Memory(memory) => memory.read().end(),
            Index::File(file) => file.disk.end,
        }
    }

    /// The events of a stream, whose [`stream_hash`] is `hash`.
    pub(crate) fn stream(&self, name: &str, hash: u64) -> Result<Option<Span>, Trouble> {
        self.ask(|memory| memory.stream(name), |disk| disk.stream(name, hash))
    }

    /// The offsets of a stream's events. The revisions are within its span.
    pub(crate) fn stream_offsets(
        &self,
        name: &str,
        span: &Span,
        revisions: Range<u64>,
    ) -> Result<Vec<u64>, Trouble> {
        let in_memory = |memory: &MemoryIndex| memory.stream_offsets(name, revisions.clone());
        self.ask(in_memory, |disk| disk.stream_offsets(span, revisions.clone()))
    }

    /// The offset of the event at a position, and where the part ends for an event that is not there.
    pub(crate) fn offset(&self, position: u64) -> Result<u64, Trouble> {
        self.ask(|memory| memory.offset(position), |disk| disk.offset(position))
    }

    /// The newest of a document, whose [`document_hash`] is `hash`.
    pub(crate) fn document(&self, key: &str, hash: u64) -> Result<Option<DocumentEntry>, Trouble> {
        self.ask(|memory| memory.document(key), |disk| disk.document(key, hash))
    }

    /// Which kinds of events may pass a filter.
    pub(crate) fn kinds(&self, filter: &engine_store::Filter) -> Kinds {
        match self {
            Index::Memory(memory) => memory.read().dictionary.kinds(filter),
            Index::File(file) => file.disk.dictionary.kinds(filter),
        }
    }

    /// Finds events by position and kind.
    pub(crate) fn search(&self, search: &Search<'_>) -> Result<Found, Trouble> {
        self.ask(|memory| memory.search(search), |disk| disk.search(search))
    }

    /// Names of streams and their last revisions, in order, from `from` on (or behind it), at most `limit`.
    pub(crate) fn names(
        &self,
        from: &str,
        behind: bool,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, Trouble> {
        self.ask(|memory| memory.names(from, behind, limit), |disk| disk.names(from, behind, limit))
    }

    /// Keys of documents, in order, from `from` on (or behind it), at most `limit`, and whether removed.
    pub(crate) fn keys(
        &self,
        from: &str,
        behind: bool,
        limit: usize,
    ) -> Result<Vec<(String, bool)>, Trouble> {
        self.ask(|memory| memory.keys(from, behind, limit), |disk| disk.keys(from, behind, limit))
    }

    /// How often each kind occurs; absent where there are more kinds than are told apart.
    pub(crate) fn counts(&self) -> Option<Vec<dictionary::Count>> {
        match self {
            Index::Memory(memory) => memory.read().dictionary.counts(),
            Index::File(file) => file.disk.dictionary.counts(),
        }
    }

    /// The shortened ids of the newest positions, oldest first, at most `limit`; zero for those without an event.
    pub(crate) fn newest_ids(&self, limit: usize) -> Result<Vec<u64>, Trouble> {
        self.ask(|memory| memory.newest_ids(limit), |disk| disk.newest_ids(limit))
    }
}

/// The hash of the name of a stream, as the filters of all indexes know it.
pub(crate) fn stream_hash(name: &str) -> u64 {
    bloom::hash(bloom::Of::Stream, name.as_bytes())
}

/// The hash of the key of a document.
pub(crate) fn document_hash(key: &str) -> u64 {
    bloom::hash(bloom::Of::Document, key.as_bytes())
}

/// Shortens event ids to what an index keeps of them: the same id in another stream is another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shortener(u64);

impl Shortener {
    /// Shortens ids of events in this stream.
    pub(crate) fn of(stream: &str) -> Self {
        Shortener(u64::from(crc32c::crc32c(stream.as_bytes())) << 16)
    }

    pub(crate) fn shorten(self, id: [u8; 16]) -> u64 {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let (low, high) = (le!(u64, id, 0), le!(u64, id, 8));
        let mixed = (low.wrapping_mul(ODD).rotate_left(32) ^ high ^ self.0).wrapping_mul(ODD);
        mixed ^ (mixed >> 32)
    }
}
