//! What is committed together: frames that are encoded but not written, and what they will change.

use std::{collections::HashMap, ops::Range};

use engine_store::{ContentType, NewEvent, StreamMetadata, Timestamp, stream_metadata};
use engine_types::{CurrentRevision, Revision, StreamName};
use foldhash::fast::RandomState;
use uuid::Uuid;

use super::{answer::Answer, tail::Tail};
use crate::{
    chain::{LINK, Link},
    frame::{self, BINARY, Content, Kind, LAST, TOMBSTONE, Tie},
    index::{
        DocumentEntry, Shortener,
        memory::{Entry, MemoryIndex, Run},
    },
    segment::SEGMENT_HEADER,
};

/// Frames that are written and synced together.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The frames, as they will stand from `begin` on.
    pub frames: Vec<u8>,
    begin: u64,
    synced: u64,
    salt: u32,
    first_position: u64,
    /// The link of the last frame; none where the store has no chain.
    pub link: Option<Link>,
    /// Whether somebody waits until the disk has it.
    pub wants_sync: bool,
    pub answers: Vec<Answer>,
    /// One for each event.
    pub entries: Vec<Entry>,
    runs: Vec<PendingRun>,
    streams: HashMap<StreamName, PendingStream, RandomState>,
    documents: HashMap<String, DocumentEntry>,
}

#[derive(Debug)]
struct PendingRun {
    stream: StreamName,
    first: u64,
    tombstone: bool,
    entries: Range<usize>,
}

/// What a batch will change of a stream.
#[derive(Debug)]
pub(crate) struct PendingStream {
    /// The first revision that is new.
    pub first: u64,
    /// The ids and positions of the new events.
    pub events: Vec<(Uuid, u64)>,
    pub tombstoned: bool,
    /// What the newest event says, where this is a metadata stream.
    pub metadata: Option<StreamMetadata>,
}

impl PendingStream {
    pub(crate) fn current(&self) -> CurrentRevision {
        (self.first + self.events.len() as u64).checked_sub(1).map(Revision).into()
    }
}

/// Events for one stream, decided to be written.
#[derive(Debug)]
pub(crate) struct Write {
    pub stream: StreamName,
    /// The revision of the first event.
    pub first: Revision,
    pub events: Vec<NewEvent>,
    pub tombstone: bool,
}

impl Write {
    /// The bytes that the frames will take.
    pub(crate) fn size(&self) -> u64 {
        let name = self.stream.as_str().len();
        let of = |event: &NewEvent| {
            frame::size(name, event.event_type.len(), event.metadata.len(), event.data.len())
        };
        self.events.iter().map(of).sum()
    }
}

impl Batch {
    /// A batch that goes to the end of the log. `frames` is an empty buffer, used again and again.
    pub(crate) fn new(tail: &Tail, first_position: u64, frames: Vec<u8>) -> Self {
        Batch {
            frames,
            begin: tail.end,
            synced: tail.synced,
            salt: tail.segment.salt,
            first_position,
            link: tail.link,
            wants_sync: false,
            answers: Vec::new(),
            entries: Vec::new(),
            runs: Vec::new(),
            streams: HashMap::default(),
            documents: HashMap::new(),
        }
    }

    /// The offset behind the last frame.
    pub(crate) fn end(&self) -> u64 {
        self.begin + self.frames.len() as u64
    }

    pub(crate) fn next_position(&self) -> u64 {
        self.first_position + self.entries.len() as u64
    }

    pub(crate) fn stream(&self, name: &str) -> Option<&PendingStream> {
        self.streams.get(name)
    }

    pub(crate) fn document(&self, key: &str) -> Option<&DocumentEntry> {
        self.documents.get(key)
    }

    /// Adds the events of one append.
    pub(crate) fn write(&mut self, writes: Vec<Write>, now: Timestamp) {
        let last = writes.len().saturating_sub(1);
        for (number, write) in writes.into_iter().enumerate() {
            self.write_stream(write, number == last, now);
        }
    }

    fn write_stream(&mut self, write: Write, last: bool, now: Timestamp) {
        let Write { stream, first, events, tombstone } = write;
        let from = self.entries.len();
        let begin = self.next_position();
        let shortener = Shortener::of(stream.as_str());
        self.entries.reserve(events.len());
        for (number, event) in events.iter().enumerate() {
            let offset = self.end();
            let ends = last && number + 1 == events.len();
            let content = Content {
                kind: Kind::Event,
                flags: flag(ends, LAST)
                    | flag(tombstone, TOMBSTONE)
                    | flag(event.content_type == ContentType::Binary, BINARY),
                synced: self.synced,
                position: self.next_position(),
                revision: first.0 + number as u64,
                created: now.as_micros(),
                id: *event.id.as_bytes(),
                name: stream.as_str(),
                event_type: &event.event_type,
                metadata: &event.metadata,
                data: &event.data,
                tie: self.tie(),
            };
            self.link = content.encode(&mut self.frames, self.salt, offset);
            let id = shortener.shorten(*event.id.as_bytes());
            self.entries.push(Entry { offset, id, event_type: event.event_type.clone() });
        }
        let fresh =
            || PendingStream { first: first.0, events: Vec::new(), tombstoned: false, metadata: None };
        let pending = self.streams.entry(stream.clone()).or_insert_with(fresh);
        pending.events.extend(events.iter().map(|event| event.id).zip(begin..));
        pending.tombstoned |= tombstone;
        if stream.is_metadata() {
            pending.metadata = events.last().map(stream_metadata::of_event);
        }
        self.runs.push(PendingRun { stream, first: first.0, tombstone, entries: from..self.entries.len() });
    }

    /// How the next frame is tied into the chain.
    fn tie(&self) -> Tie {
        let first = self.end() == SEGMENT_HEADER;
        self.link.map_or(Tie::Untied, |follows| Tie::Next { follows, first })
    }

    /// The bytes that links add to so many frames.
    pub(crate) fn links(&self, frames: usize) -> u64 {
        if self.link.is_some() { (frames * LINK) as u64 } else { 0 }
    }

    /// Adds a new version of a document, or its removal.
    pub(crate) fn write_document(&mut self, key: &str, version: u64, content: Option<&[u8]>, now: Timestamp) {
        let offset = self.end();
        let frame = Content {
            kind: if content.is_some() { Kind::Document } else { Kind::DocumentRemoval },
            flags: LAST,
            synced: self.synced,
            position: self.next_position(),
            revision: version,
            created: now.as_micros(),
            id: [0; 16],
            name: key,
            event_type: "",
            metadata: &[],
            data: content.unwrap_or_default(),
            tie: self.tie(),
        };
        self.link = frame.encode(&mut self.frames, self.salt, offset);
        let entry = DocumentEntry { version, offset, removed: content.is_none() };
        self.documents.insert(key.to_owned(), entry);
    }

    /// Makes all of it visible.
    pub(crate) fn publish(&self, index: &mut MemoryIndex) {
        for run in &self.runs {
            let events = &self.entries[run.entries.clone()];
            index.add(&Run { stream: &run.stream, first: run.first, tombstone: run.tombstone, events });
        }
        for (key, entry) in &self.documents {
            index.add_document(key, *entry);
        }
        index.reach(self.end());
    }
}

fn flag(set: bool, flag: u8) -> u8 {
    if set { flag } else { 0 }
}
