//! The index of the frames that were written lately, in memory.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::{Bound, Range},
};

use engine_store::Direction;
use engine_types::StreamName;
use foldhash::fast::RandomState;
use parking_lot::Mutex;

use super::{DocumentEntry, Found, Search, Shortener, Span, by_position, dictionary::Dictionary};
use crate::{
    frame::{Head, Kind, TOMBSTONE},
    segment::Segment,
    units::{index, packed, short, unpacked},
};

/// No position, revision or version is beyond this one.
const MOST: u64 = u64::MAX >> 1;

/// The index of the frames from `begin` to `end` of a segment.
#[derive(Debug, Default)]
pub(crate) struct MemoryIndex {
    pub first_position: u64,
    /// Which positions behind the first hold events, where not all do: the segment was written anew.
    pub(super) present: Option<Vec<u32>>,
    /// The position behind the last event that ever stood there, where not all are left.
    covered: u64,
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
    /// Whether what stands there keeps only the number of an event that was removed.
    pub(super) removed: bool,
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

    /// The index of nothing yet, for all frames of a segment.
    pub(crate) fn of(segment: &Segment) -> Self {
        let mut index = MemoryIndex::starting(segment.header.first_position, segment.begin());
        if let Some(rewritten) = &segment.rewritten {
            index.present = Some(Vec::new());
            index.covered = rewritten.next_position;
        }
        index
    }

    /// The position behind the last event that stands there, or ever stood there.
    pub(crate) fn next_position(&self) -> u64 {
        if self.present.is_some() { self.covered } else { self.first_position + self.events() }
    }

    /// How many events stand before a position.
    fn place_of(&self, position: u64) -> usize {
        let ahead = position.saturating_sub(self.first_position);
        match &self.present {
            None => index(ahead).min(self.offsets.len()),
            Some(present) => present.partition_point(|known| u64::from(*known) < ahead),
        }
    }

    fn position_at(&self, place: usize) -> u64 {
        self.first_position + self.present.as_ref().map_or(place as u64, |present| u64::from(present[place]))
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
            let fresh = Stream { first: run.first, offsets: Vec::new(), tombstoned: false, removed: false };
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
        if head.revision > MOST || head.position > MOST {
            return Err("the header of the frame makes no sense");
        }
        if !self.may_follow(head) {
            return Err("the position does not follow the one before");
        }
        if matches!(head.kind, Kind::Document | Kind::DocumentRemoval) {
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
        if head.kind == Kind::Removed {
            let removed = Stream {
                first: head.revision,
                offsets: vec![packed(offset)],
                tombstoned: false,
                removed: true,
            };
            self.names.get_mut().fresh.push(stream.clone());
            self.streams.insert(stream, removed);
            return Ok(());
        }
        if let Some(present) = &mut self.present {
            present.push(short(index(head.position - self.first_position)));
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

    /// Whether a frame may stand behind those that were added.
    fn may_follow(&self, head: &Head) -> bool {
        match &self.present {
            None => head.position == self.first_position + self.events(),
            Some(present) => {
                let next = present.last().map_or(0, |last| u64::from(*last) + 1) + self.first_position;
                let last = if head.kind == Kind::Event { head.position + 1 } else { head.position };
                (next..=self.covered).contains(&head.position) && last <= self.covered
            }
        }
    }

    pub(crate) fn stream(&self, name: &str) -> Option<Span> {
        let stream = self.streams.get(name)?;
        Some(Span {
            first: stream.first,
            count: stream.offsets.len() as u64,
            tombstoned: stream.tombstoned,
            removed: stream.removed,
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
        let place = self.place_of(position);
        let found = self.offsets.get(place).filter(|_| self.position_at(place) == position);
        found.map_or(self.end, |offset| unpacked(*offset))
    }

    pub(crate) fn last_offset(&self) -> Option<u64> {
        self.offsets.last().copied().map(unpacked)
    }

    pub(crate) fn document(&self, key: &str) -> Option<DocumentEntry> {
        self.documents.get(key).copied()
    }

    pub(crate) fn search(&self, search: &Search<'_>) -> Found {
        let places = self.place_of(search.positions.start)..self.place_of(search.positions.end);
        let mut events = Vec::new();
        let mut look = |at: usize| {
            if search.kinds.may_pass(self.kinds[at]) {
                events.push((self.position_at(at), unpacked(self.offsets[at])));
            }
            events.len() < search.limit
        };
        let all = match search.direction {
            Direction::Forwards => places.into_iter().all(&mut look),
            Direction::Backwards => places.rev().all(&mut look),
        };
        search.found(events, all)
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
        let from = self.next_position().saturating_sub(limit as u64).max(self.first_position);
        let place = self.place_of(from);
        let known = (place..self.ids.len()).map(|place| (self.position_at(place), self.ids[place]));
        by_position(from..self.next_position(), known)
    }
}

fn bound(from: &str, behind: bool) -> Bound<&str> {
    if behind { Bound::Excluded(from) } else { Bound::Included(from) }
}
