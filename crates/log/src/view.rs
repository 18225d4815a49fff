//! What can be read at one moment: the parts of the log, oldest first, and what is known of a stream.
//!
//! A view stays whole while the writer goes on: parts are never changed, but the last one grows at its end.

use std::{ops::Range, sync::Arc};

use engine_store::{Document, StreamMetadata, concurrency::StreamState};
use engine_types::{CurrentRevision, Revision, StreamName};
use foldhash::fast::RandomState;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::{
    error::Trouble,
    index::{DocumentEntry, Index, Span, document_hash, memory::MemoryIndex, stream_hash},
    segment::Segment,
};

/// A run of frames in one segment, and its index.
#[derive(Debug)]
pub(crate) struct Part {
    pub segment: Arc<Segment>,
    pub first_position: u64,
    /// The offset of the first frame.
    pub begin: u64,
    pub index: Index,
}

impl Part {
    /// All frames of a segment.
    pub(crate) fn of(segment: Arc<Segment>, index: Index) -> Self {
        Part { first_position: segment.header.first_position, begin: segment.begin(), segment, index }
    }

    /// The position behind the last event.
    pub(crate) fn next_position(&self) -> u64 {
        self.index.next_position()
    }

    /// How long a frame of this part typically is.
    pub(crate) fn typical_frame(&self) -> u64 {
        (self.index.end() / self.index.events().max(1)).clamp(256, 64 << 10)
    }
}

/// All parts, oldest first. The last is the one that is written; its index is in memory.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub parts: Arc<Vec<Arc<Part>>>,
    /// What was found out about these parts. Parts may be added, but not exchanged.
    pub facts: Arc<Facts>,
}

/// That so many parts do not know a stream is found out faster than it is remembered.
const FEW: usize = 64;

/// Where the newest events of streams are in the parts that are not written any more: bounded in memory.
#[derive(Debug)]
pub(crate) struct Facts(Cache<Box<str>, Fact, UnitWeighter, RandomState>);

/// What was found in the first `parts` parts.
#[derive(Debug, Clone, Copy)]
struct Fact {
    parts: usize,
    newest: Newest,
}

impl Facts {
    pub(crate) fn new(streams: usize) -> Self {
        let count = streams.max(16);
        let random = RandomState::default();
        Facts(Cache::with(count, count as u64, UnitWeighter, random, DefaultLifecycle::default()))
    }
}

/// The newest events of a stream: in which part, and which.
pub(crate) type Newest = Option<(usize, Span)>;

/// What is known of a stream, all of it at one moment.
#[derive(Debug)]
pub(crate) struct StreamView {
    pub newest: Newest,
    pub tombstoned: bool,
    /// What its metadata stream says.
    pub metadata: StreamMetadata,
    pub metadata_revision: CurrentRevision,
}

impl StreamView {
    pub(crate) fn current(&self) -> CurrentRevision {
        current(&self.newest)
    }

    pub(crate) fn state(&self) -> StreamState {
        StreamState {
            current: self.current(),
            tombstoned: self.tombstoned,
            deleted: self.metadata.is_deleted(),
        }
    }
}

pub(crate) fn current(newest: &Newest) -> CurrentRevision {
    newest.map(|(_, span)| Revision(span.last())).into()
}

impl View {
    /// The same without the part that is written: all of it is on disk, and stays as it is.
    pub(crate) fn finished(&self) -> View {
        let (written, finished) = self.parts.split_last().expect("a store has at least one segment");
        let nothing = MemoryIndex::starting(written.first_position, written.begin);
        let nothing = Part {
            segment: written.segment.clone(),
            first_position: written.first_position,
            begin: written.begin,
            index: Index::memory(nothing),
        };
        let parts = finished.iter().cloned().chain([Arc::new(nothing)]).collect();
        View { parts: Arc::new(parts), facts: Arc::new(Facts::new(0)) }
    }

    /// The segments, each with the offset behind its last frame. A segment may have several parts.
    pub(crate) fn segments(&self) -> Vec<(Arc<Segment>, u64)> {
        let same =
            |one: &Arc<Part>, next: &Arc<Part>| one.segment.header.number == next.segment.header.number;
        let last = self.parts.chunk_by(same).filter_map(|parts| parts.last());
        last.map(|part| (part.segment.clone(), part.index.end())).collect()
    }

    /// The segment with a number, with the offset behind its last frame.
    pub(crate) fn segment(&self, number: u64) -> Option<(Arc<Segment>, u64)> {
        self.segments().into_iter().find(|(segment, _)| segment.header.number == number)
    }

    /// The part that is written.
    pub(crate) fn written(&self) -> &Arc<Part> {
        self.parts.last().expect("a store has at least one segment")
    }

    /// The position behind the last event.
    pub(crate) fn next_position(&self) -> u64 {
        self.written().next_position()
    }

    /// The part that holds the event at a position, or would.
    pub(crate) fn part_of(&self, position: u64) -> usize {
        self.parts.partition_point(|part| part.first_position <= position).saturating_sub(1)
    }

    /// Whether there is an event at a position. One that cannot be read is there.
    pub(crate) fn holds(&self, position: u64) -> bool {
        let part = &self.parts[self.part_of(position)];
        part.index.offset(position).map_or(true, |offset| offset < part.index.end())
    }

    /// The newest events of streams, all at one moment.
    pub(crate) fn newest<const N: usize>(&self, names: [&str; N]) -> Result<[Newest; N], Trouble> {
        let last = self.parts.len() - 1;
        let mut newest: [Newest; N] = [None; N];
        self.written().index.with_memory(|memory| {
            for (newest, name) in newest.iter_mut().zip(names) {
                *newest = memory.stream(name).map(|span| (last, span));
            }
        });
        for (newest, name) in newest.iter_mut().zip(names) {
            if newest.is_none() && !name.is_empty() {
                *newest = self.newest_finished(name)?;
            }
        }
        Ok(newest)
    }

    /// The newest events of a stream in all parts but the last, which are remembered.
    fn newest_finished(&self, name: &str) -> Result<Newest, Trouble> {
        let finished = self.parts.len() - 1;
        if finished == 0 {
            return Ok(None);
        }
        // A later view may have found out more, which is not to be seen in this one.
        let known = self.facts.0.get(name).filter(|known| known.parts <= finished);
        if let Some(known) = known.filter(|known| known.parts == finished) {
            return Ok(known.newest);
        }
        let unknown = known.map_or(0, |known| known.parts)..finished;
        let newest = match self.newest_in(unknown, name)? {
            Some(found) => Some(found),
            None => known.and_then(|known| known.newest),
        };
        if newest.is_some() || finished > FEW {
            self.facts.0.insert(name.into(), Fact { parts: finished, newest });
        }
        Ok(newest)
    }

    /// The newest events of a stream in some parts.
    fn newest_in(&self, parts: Range<usize>, name: &str) -> Result<Newest, Trouble> {
        let hash = stream_hash(name);
        for part in parts.rev() {
            if let Some(span) = self.parts[part].index.stream(name, hash)? {
                return Ok(Some((part, span)));
            }
        }
        Ok(None)
    }

    /// Where the revisions from `first` on stand, oldest first: for each part the events of the stream in it.
    pub(crate) fn spans(
        &self,
        name: &str,
        newest: (usize, Span),
        first: u64,
    ) -> Result<Vec<(usize, Span)>, Trouble> {
        let mut spans = vec![newest];
        let (mut part, mut span) = newest;
        while span.first > first {
            let Some(older) = self.newest_in(0..part, name)? else { break };
            (part, span) = older;
            spans.push(older);
        }
        spans.reverse();
        Ok(spans)
    }

    /// What is known of a stream.
    pub(crate) fn stream(&self, name: &StreamName) -> Result<StreamView, Trouble> {
        let metadata_stream = name.metadata_stream();
        let described = name.described_stream();
        let described = described.as_ref().map_or("", StreamName::as_str);
        let [newest, metadata, described] =
            self.newest([name.as_str(), metadata_stream.as_str(), described])?;
        let tombstoned = |newest: &Newest| newest.is_some_and(|(_, span)| span.tombstoned);
        Ok(StreamView {
            newest,
            tombstoned: tombstoned(&newest) || tombstoned(&described),
            metadata: metadata
                .map_or_else(|| Ok(StreamMetadata::default()), |(part, span)| self.metadata(part, &span))?,
            metadata_revision: current(&metadata),
        })
    }

    /// Reads the newest event of a metadata stream.
    fn metadata(&self, part: usize, span: &Span) -> Result<StreamMetadata, Trouble> {
        let part = &self.parts[part];
        let (head, frame) = part.segment.frame(span.last_offset, part.index.end(), part.typical_frame())?;
        Ok(StreamMetadata::from_json(&frame[head.data()]))
    }

    /// The newest of a document, and the part where it stands.
    pub(crate) fn document_entry(&self, key: &str) -> Result<Option<(usize, DocumentEntry)>, Trouble> {
        Ok(self.newest_of_document(key, self.parts.len())?.filter(|(_, entry)| !entry.removed))
    }

    /// The newest of a document in the first so many parts, its removal too, and the part where it stands.
    pub(crate) fn newest_of_document(
        &self,
        key: &str,
        parts: usize,
    ) -> Result<Option<(usize, DocumentEntry)>, Trouble> {
        let hash = document_hash(key);
        for (number, part) in self.parts[..parts].iter().enumerate().rev() {
            if let Some(entry) = part.index.document(key, hash)? {
                return Ok(Some((number, entry)));
            }
        }
        Ok(None)
    }

    pub(crate) fn document(&self, key: &str) -> Result<Option<Document>, Trouble> {
        let Some((part, entry)) = self.document_entry(key)? else { return Ok(None) };
        let part = &self.parts[part];
        let (head, frame) = part.segment.frame(entry.offset, part.index.end(), part.typical_frame())?;
        if head.name(&frame) != key || head.revision != entry.version {
            return Err(Trouble::damage(
                &part.segment.path,
                entry.offset,
                "the index points to another document",
            ));
        }
        Ok(Some(Document { version: entry.version, content: frame.slice(head.data()) }))
    }
}
