//! The index of the frames that were written lately, in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::{Bound, Range},
};

use engine_store::Direction;
use engine_types::StreamName;
use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::{DocumentEntry, Found, Search, Shortener, Span, dictionary::Dictionary};
use crate::{
    frame::{Head, Kind, TOMBSTONE},
    units::{index, packed, unpacked},
};

/// The index of the frames from `begin` to `end` of a segment.
#[derive(Debug, Default)]
pub(crate) struct MemoryIndex {
    pub first_position: u64,
    end: u64,
    /// The offset of each event.
    pub(super) offsets: Vec<u32>,
    /// The kind of each event.
    pub(super) kinds: Vec<u16>,
    /// The shortened id of each event.
    pub(super) ids: Vec<u64>,
    pub(super) streams: HashMap<StreamName, Stream, RandomState>,
    pub(super) documents: BTreeMap<Box<str>, DocumentEntry>,
    pub dictionary: Dictionary,
    names: Mutex<Names>,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) first: u64,
    pub(super) offsets: Vec<u32>,
    pub(super) tombstoned: bool,
}

/// The names in order. They are sorted when somebody asks, for the writer has better things to do.
#[derive(Debug, Default)]
struct Names {
    fresh: Vec<StreamName>,
    sorted: BTreeSet<StreamName>,
}

/// Events of one stream that follow one another, as they are added to an index.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub stream: &'a StreamName,
    /// The revision of the first.
    pub first: u64,
    pub tombstone: bool,
    pub events: &'a [Entry],
}

/// What an index keeps of one event.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub offset: u64,
    /// The shortened id.
    pub id: u64,
    pub event_type: std::sync::Arc<str>,
}

impl MemoryIndex {
    /// The index of nothing yet, for frames from `begin` on.
    pub(crate) fn starting(first_position: u64, begin: u64) -> Self {
        MemoryIndex { first_position, end: begin, ..MemoryIndex::default() }
    }

    pub(crate) fn events(&self) -> u64 {
        self.offsets.len() as u64
    }

    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// How many streams and documents are named.
    pub(crate) fn names_held(&self) -> usize {
        self.streams.len() + self.documents.len()
    }

    /// Says that all frames up to `end` have been added.
    pub(crate) fn reach(&mut self, end: u64) {
        self.end = end;
    }

    /// Adds events at the end.
    pub(crate) fn add(&mut self, run: &Run<'_>) {
        if !self.streams.contains_key(run.stream) {
            self.names.get_mut().fresh.push(run.stream.clone());
            let fresh = Stream { first: run.first, offsets: Vec::new(), tombstoned: false };
            self.streams.insert(run.stream.clone(), fresh);
        }
        let Some(stream) = self.streams.get_mut(run.stream) else { return };
        stream.tombstoned |= run.tombstone;
        stream.offsets.extend(run.events.iter().map(|event| packed(event.offset)));
        self.offsets.extend(run.events.iter().map(|event| packed(event.offset)));
        self.ids.extend(run.events.iter().map(|event| event.id));
        for same in run.events.chunk_by(|left, right| left.event_type == right.event_type) {
            let kind = self.dictionary.count(run.stream.as_str(), &same[0].event_type, same.len() as u64);
            self.kinds.resize(self.kinds.len() + same.len(), kind);
        }
    }

    /// Adds the newest of a document.
    pub(crate) fn add_document(&mut self, key: &str, entry: DocumentEntry) {
        match self.documents.get_mut(key) {
            Some(known) => *known = entry,
            None => {
                self.documents.insert(key.into(), entry);
            }
        }
    }

    /// Adds what stands in a frame. Answers what contradicts the frames before it.
    pub(crate) fn add_frame(&mut self, offset: u64, head: &Head, frame: &[u8]) -> Result<(), &'static str> {
        let next = self.first_position + self.events();
        if head.position != next {
            return Err("the position does not follow the one before");
        }
        if head.kind != Kind::Event {
            let removed = head.kind == Kind::DocumentRemoval;
            self.add_document(head.name(frame), DocumentEntry { version: head.revision, offset, removed });
            return Ok(());
        }
        let stream = StreamName::new(head.name(frame)).map_err(|_| "the stream has a name that cannot be")?;
        if self
            .streams
            .get(&stream)
            .is_some_and(|known| known.first + known.offsets.len() as u64 != head.revision)
        {
            return Err("the revision does not follow the one before");
        }
        let entry = Entry {
            offset,
            id: Shortener::of(stream.as_str()).shorten(head.id),
            event_type: head.event_type(frame).into(),
        };
        let tombstone = head.is(TOMBSTONE);
        self.add(&Run { stream: &stream, first: head.revision, tombstone, events: &[entry] });
        Ok(())
    }

    pub(crate) fn stream(&self, name: &str) -> Option<Span> {
        let stream = self.streams.get(name)?;
        Some(Span {
            first: stream.first,
            count: stream.offsets.len() as u64,
            tombstoned: stream.tombstoned,
            last_offset: unpacked(*stream.offsets.last()?),
            postings: 0,
        })
    }

    pub(crate) fn stream_offsets(&self, name: &str, revisions: Range<u64>) -> Vec<u64> {
        let Some(stream) = self.streams.get(name) else { return Vec::new() };
        let from = index(revisions.start.saturating_sub(stream.first));
        let to = index(revisions.end.saturating_sub(stream.first)).min(stream.offsets.len());
        stream.offsets[from.min(to)..to].iter().map(|offset| unpacked(*offset)).collect()
    }

    pub(crate) fn offset(&self, position: u64) -> u64 {
        let place = index(position.saturating_sub(self.first_position));
        self.offsets.get(place).map_or(self.end, |offset| unpacked(*offset))
    }

    pub(crate) fn document(&self, key: &str) -> Option<DocumentEntry> {
        self.documents.get(key).copied()
    }

    pub(crate) fn search(&self, search: &Search<'_>) -> Found {
        let place = |position: u64| index(position.saturating_sub(self.first_position)).min(self.kinds.len());
        let places = place(search.positions.start)..place(search.positions.end);
        let mut found = Found::default();
        let mut look = |at: usize| {
            found.seen += 1;
            if search.kinds.may_pass(self.kinds[at]) {
                found.events.push((self.first_position + at as u64, unpacked(self.offsets[at])));
            }
            found.events.len() < search.limit
        };
        match search.direction {
            Direction::Forwards => places.into_iter().all(&mut look),
            Direction::Backwards => places.rev().all(&mut look),
        };
        found
    }

    pub(crate) fn names(&self, from: &str, behind: bool, limit: usize) -> Vec<(String, u64)> {
        let mut names = self.names.lock();
        let fresh = std::mem::take(&mut names.fresh);
        names.sorted.extend(fresh);
        let last = |name: &StreamName| {
            let span = self.stream(name.as_str())?;
            Some((name.as_str().to_owned(), span.last()))
        };
        names
            .sorted
            .range::<str, _>((bound(from, behind), Bound::Unbounded))
            .take(limit)
            .filter_map(last)
            .collect()
    }

    pub(crate) fn keys(&self, from: &str, behind: bool, limit: usize) -> Vec<(String, bool)> {
        let range = self.documents.range::<str, _>((bound(from, behind), Bound::Unbounded));
        range.take(limit).map(|(key, entry)| (key.to_string(), entry.removed)).collect()
    }

    pub(crate) fn newest_ids(&self, limit: usize) -> Vec<u64> {
        self.ids[self.ids.len().saturating_sub(limit)..].to_vec()
    }
}

fn bound(from: &str, behind: bool) -> Bound<&str> {
    if behind { Bound::Excluded(from) } else { Bound::Included(from) }
}
