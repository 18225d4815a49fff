//! What can be read at one moment: the parts of the log, oldest first, and what is known of a stream.
//!
//! A view stays whole while the writer goes on: parts are never changed, but the last one grows at its end.

mod facts;
mod lookup;
mod run;

use std::sync::Arc;

use crate::{
    error::Trouble,
    index::{Index, Span, memory::MemoryIndex},
    segment::Segment,
};
use engine_store::{Document, StreamMetadata, concurrency::StreamState};
use engine_types::{CurrentRevision, Revision, StreamName};
use facts::{Fact, Facts};
pub(crate) use run::{Run, Step};

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
    /// Those that have merged indexes, oldest first.
    pub runs: Arc<Vec<Run>>,
    pub facts: Arc<Facts>,
}

/// Events of a stream that follow one another, as one index tells of them: that of a part, or a merged one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    /// The first and the last of the parts of which the index tells. What the stream has before stands in older ones.
    pub parts: (usize, usize),
    /// Whether a merged index told it.
    merged: bool,
    pub span: Span,
}

/// The newest events of a stream.
pub(crate) type Newest = Option<Stretch>;

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
    newest.map(|newest| Revision(newest.span.last())).into()
}

impl View {
    /// A view of these parts, of which at most so many streams are remembered.
    pub(crate) fn of(parts: Vec<Arc<Part>>, runs: Vec<Run>, remembered: usize) -> Self {
        let facts = Arc::new(Facts::new(remembered));
        View { parts: Arc::new(parts), runs: Arc::new(runs), facts }
    }

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
        View { parts: Arc::new(parts), runs: self.runs.clone(), facts: Arc::new(Facts::new(0)) }
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

    /// What is known of a stream.
    pub(crate) fn stream(&self, name: &StreamName) -> Result<StreamView, Trouble> {
        let metadata_stream = name.metadata_stream();
        let described = name.described_stream();
        let described = described.as_ref().map_or("", StreamName::as_str);
        let [newest, metadata, described] =
            self.newest([name.as_str(), metadata_stream.as_str(), described])?;
        let tombstoned = |newest: &Newest| newest.is_some_and(|newest| newest.span.tombstoned);
        Ok(StreamView {
            newest,
            tombstoned: tombstoned(&newest) || tombstoned(&described),
            metadata: match &metadata {
                Some(newest) => self.metadata(metadata_stream.as_str(), newest)?,
                None => StreamMetadata::default(),
            },
            metadata_revision: current(&metadata),
        })
    }

    /// Reads the newest event of a metadata stream.
    fn metadata(&self, name: &str, newest: &Stretch) -> Result<StreamMetadata, Trouble> {
        let last = newest.span.last();
        let places = self.places(name, newest, last..last + 1)?;
        let (part, offset) = places.first().ok_or_else(|| self.unknown(name, last))?;
        let part = &self.parts[*part];
        let (head, frame) = part.segment.frame(*offset, part.index.end(), part.typical_frame())?;
        if head.name(&frame) != name || head.revision != last {
            let fault = "the index points to another event";
            return Err(Trouble::damage(&part.segment.path, *offset, fault));
        }
        Ok(StreamMetadata::from_json(&frame[head.data()]))
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
