//! What is to be written for one job, decided on what is published and what the batch already holds.

use std::cell::Cell;

use engine_store::{
    AppendError, AppendRequest, Appended, DeleteMode, NewEvent, StreamAppend, StreamAppended, StreamMetadata,
    concurrency::{self, StreamState, Verdict},
    stream_metadata,
};
use engine_types::{CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
use uuid::Uuid;

use super::{
    batch::{Batch, Write},
    recent::RecentIds,
};
use crate::{
    error::Trouble,
    frame::{Head, Kind},
    index::Shortener,
    view::{Newest, View},
};

/// All that decisions depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub view: &'a View,
    pub batch: &'a Batch,
    pub recent: &'a RecentIds,
}

/// An append that is to be carried out.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub writes: Vec<Write>,
    /// Where each stream of the request will end.
    ends: Vec<StreamAppended>,
    /// How many events are to be written.
    events: u64,
    /// How many of them were asked for, and stand before those that only follow from them.
    asked_for: u64,
    /// The position of the newest event that had been written before.
    written: Option<Position>,
}

impl Plan {
    pub(crate) fn size(&self) -> u64 {
        self.writes.iter().map(Write::size).sum()
    }

    /// Adds events behind `current`, and answers where the stream will end.
    fn write(
        &mut self,
        stream: StreamName,
        current: CurrentRevision,
        events: Vec<NewEvent>,
    ) -> CurrentRevision {
        let write = Write { stream, first: current.next(), events, tombstone: false };
        let end = end_of(&write);
        self.events += write.events.len() as u64;
        self.writes.push(write);
        end
    }

    /// The answer, when the first event is written at `first`.
    pub(crate) fn answer(self, first: u64) -> Appended {
        let last = (self.asked_for > 0).then(|| Position(first + self.asked_for - 1));
        let position = last.max(self.written);
        Appended { streams: self.ends, position, deduplicated: self.written.is_some() }
    }
}

/// What is known of one stream.
struct Stream {
    state: StreamState,
    metadata: StreamMetadata,
    newest: Newest,
}

impl Known<'_> {
    /// Decides about an append.
    pub(crate) fn append(&self, request: AppendRequest) -> Result<Plan, AppendError> {
        let mut decided = Vec::with_capacity(request.streams.len());
        for append in &request.streams {
            let stream = self.stream(&append.stream).map_err(broken)?;
            let verdict = self.verdict(append, &stream)?;
            decided.push((stream, verdict));
        }
        let verdicts: Vec<_> = decided.iter().map(|(_, verdict)| *verdict).collect();
        match concurrency::refused(&request.streams, &verdicts) {
            None => {}
            Some((part, Verdict::Deleted)) => {
                return Err(AppendError::StreamDeleted { stream: part.stream.clone() });
            }
            Some((part, _)) => {
                let actual = self.stream(&part.stream).map_err(broken)?.state.current;
                return Err(conflict(&part.stream, part.expected, actual));
            }
        }
        let mut plan = Plan::default();
        for (append, (stream, verdict)) in request.streams.into_iter().zip(decided) {
            self.add(&mut plan, append, &stream, verdict)?;
        }
        Ok(plan)
    }

    fn add(
        &self,
        plan: &mut Plan,
        append: StreamAppend,
        known: &Stream,
        verdict: Verdict,
    ) -> Result<(), AppendError> {
        let StreamAppend { stream, events, .. } = append;
        let revision = match verdict {
            Verdict::Written(last) => {
                let event = self.event_at(&stream, &known.newest, last).map_err(broken)?;
                plan.written = plan.written.max(event.map(|(_, position)| Position(position)));
                CurrentRevision::At(last)
            }
            Verdict::Write { revive } => {
                if revive {
                    self.revive(plan, &stream)?;
                }
                let current = planned_end(plan, &stream).unwrap_or(known.state.current);
                let end = plan.write(stream.clone(), current, events);
                plan.asked_for = plan.events;
                self.revive_described(plan, &stream)?;
                end
            }
            // An earlier part of the request may have written here, to revive the stream that this one describes.
            _ => planned_end(plan, &stream).unwrap_or(known.state.current),
        };
        plan.ends.push(StreamAppended { stream, revision });
        Ok(())
    }

    /// Lets a softly deleted stream live again, behind its old events.
    fn revive(&self, plan: &mut Plan, name: &StreamName) -> Result<(), AppendError> {
        let known = self.stream(name).map_err(broken)?;
        let metadata = newest_metadata(plan, name).unwrap_or(known.metadata);
        let written = plan.writes.iter().rev().find(|write| write.stream == *name);
        let current = written.map_or(known.state.current, end_of);
        let revived = stream_metadata::event(&metadata.revived(current));
        self.describe(plan, name, revived)
    }

    /// New metadata for a softly deleted stream revives it, but not its old events.
    fn revive_described(&self, plan: &mut Plan, name: &StreamName) -> Result<(), AppendError> {
        let Some(described) = name.described_stream() else { return Ok(()) };
        let deleted = self.stream(&described).map_err(broken)?.state.deleted;
        let still_deleted = newest_metadata(plan, &described).is_none_or(|metadata| metadata.is_deleted());
        if deleted && !still_deleted { self.revive(plan, &described) } else { Ok(()) }
    }

    /// Adds an event to the metadata of a stream.
    fn describe(&self, plan: &mut Plan, name: &StreamName, event: NewEvent) -> Result<(), AppendError> {
        let stream = name.metadata_stream();
        let current = match planned_end(plan, &stream) {
            Some(current) => current,
            None => self.stream(&stream).map_err(broken)?.state.current,
        };
        plan.write(stream, current, vec![event]);
        Ok(())
    }

    /// Decides about a deletion.
    pub(crate) fn delete(
        &self,
        name: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
    ) -> Result<Plan, AppendError> {
        stream_metadata::check_not_metadata(name)?;
        let state = self.stream(name).map_err(broken)?.state;
        let mut plan = Plan::default();
        match concurrency::decide_delete(state, expected, mode) {
            Verdict::Deleted => return Err(AppendError::StreamDeleted { stream: name.clone() }),
            Verdict::Conflict => return Err(conflict(name, expected, state.current)),
            Verdict::Nothing | Verdict::Written(_) => {}
            Verdict::Write { .. } if mode == DeleteMode::Soft => {
                let deleted = stream_metadata::event(&StreamMetadata::deleted());
                self.describe(&mut plan, name, deleted)?;
            }
            Verdict::Write { .. } => {
                let (first, events) = (state.current.next(), vec![stream_metadata::tombstone()]);
                plan.writes.push(Write { stream: name.clone(), first, events, tombstone: true });
            }
        }
        Ok(plan)
    }

    /// The version of a document; 0 where there is none.
    pub(crate) fn document_version(&self, key: &str) -> Result<u64, AppendError> {
        if let Some(entry) = self.batch.document(key) {
            return Ok(if entry.removed { 0 } else { entry.version });
        }
        let entry = self.view.document_entry(key).map_err(broken)?;
        Ok(entry.map_or(0, |(_, entry)| entry.version))
    }

    fn stream(&self, name: &StreamName) -> Result<Stream, Trouble> {
        let published = self.view.stream(name)?;
        let mut stream =
            Stream { state: published.state(), metadata: published.metadata, newest: published.newest };
        if let Some(pending) = self.batch.stream(name.as_str()) {
            stream.state.current = pending.current();
            stream.state.tombstoned |= pending.tombstoned;
        }
        if let Some(described) = name.described_stream().and_then(|name| self.batch.stream(name.as_str())) {
            stream.state.tombstoned |= described.tombstoned;
        }
        let pending = self.batch.stream(name.metadata_stream().as_str());
        if let Some(metadata) = pending.and_then(|pending| pending.metadata.as_ref()) {
            stream.metadata = metadata.clone();
            stream.state.deleted = metadata.is_deleted();
        }
        Ok(stream)
    }

    fn verdict(&self, append: &StreamAppend, stream: &Stream) -> Result<Verdict, AppendError> {
        let ids: Vec<_> = append.events.iter().map(|event| event.id).collect();
        let name = &append.stream;
        let trouble = Cell::new(None);
        let caught = |found: Result<Option<(Uuid, u64)>, Trouble>| {
            found.unwrap_or_else(|error| {
                trouble.set(Some(error));
                None
            })
        };
        let id_at = |revision| caught(self.event_at(name, &stream.newest, revision)).map(|(id, _)| id);
        let find = |id| {
            caught(self.find(name, id).map(|revision| Some((id, revision?.0))))
                .map(|(_, revision)| Revision(revision))
        };
        let verdict = concurrency::decide(stream.state, append.expected, &ids, id_at, find);
        trouble.take().map_or(Ok(verdict), |error| Err(broken(error)))
    }

    /// The id and the position of the event at a revision.
    fn event_at(
        &self,
        name: &StreamName,
        newest: &Newest,
        revision: Revision,
    ) -> Result<Option<(Uuid, u64)>, Trouble> {
        let pending = self.batch.stream(name.as_str()).filter(|pending| revision.0 >= pending.first);
        if let Some(pending) = pending {
            let ahead = crate::units::index(revision.0 - pending.first);
            return Ok(pending.events.get(ahead).copied());
        }
        let Some(newest) = newest.filter(|(_, span)| revision.0 <= span.last()) else { return Ok(None) };
        let spans = self.view.spans(name.as_str(), newest, revision.0)?;
        let Some((part, span)) = spans.first().filter(|(_, span)| span.first <= revision.0) else {
            return Ok(None);
        };
        let part = &self.view.parts[*part];
        let offsets = part.index.stream_offsets(name.as_str(), span, revision.0..revision.0 + 1)?;
        let Some(offset) = offsets.first() else { return Ok(None) };
        let (head, _) = part.segment.frame(*offset, part.index.end(), part.typical_frame() * 2)?;
        Ok(Some((Uuid::from_bytes(head.id), head.position)))
    }

    /// The first revision of an event of this id in this stream, among the newest events.
    fn find(&self, name: &StreamName, id: Uuid) -> Result<Option<Revision>, Trouble> {
        if let Some(revision) = self.find_published(name, id)? {
            return Ok(Some(revision));
        }
        let Some(pending) = self.batch.stream(name.as_str()) else { return Ok(None) };
        let ahead = pending.events.iter().position(|(known, _)| *known == id);
        Ok(ahead.map(|ahead| Revision(pending.first + ahead as u64)))
    }

    fn find_published(&self, name: &StreamName, id: Uuid) -> Result<Option<Revision>, Trouble> {
        let Some(position) = self.recent.position(Shortener::of(name.as_str()).shorten(*id.as_bytes()))
        else {
            return Ok(None);
        };
        let part = &self.view.parts[self.view.part_of(position)];
        let (end, offset) = (part.index.end(), part.index.offset(position)?);
        if position >= self.view.next_position() || offset >= end {
            return Ok(None);
        }
        let (head, frame) = part.segment.frame(offset, end, part.typical_frame() * 2)?;
        let is_it = |head: &Head| {
            head.kind == Kind::Event && head.id == *id.as_bytes() && head.name(&frame) == name.as_str()
        };
        Ok(is_it(&head).then_some(Revision(head.revision)))
    }
}

fn end_of(write: &Write) -> CurrentRevision {
    (write.first.0 + write.events.len() as u64).checked_sub(1).map(Revision).into()
}

/// Where a stream will end, if the plan has written to it. A request names no stream twice, so that can only be
/// a metadata stream, which is written to revive the stream that it describes.
fn planned_end(plan: &Plan, stream: &StreamName) -> Option<CurrentRevision> {
    let writes = || plan.writes.iter().rev();
    if stream.is_metadata() { writes().find(|write| write.stream == *stream).map(end_of) } else { None }
}

/// The metadata of a stream, if the plan sets it.
fn newest_metadata(plan: &Plan, stream: &StreamName) -> Option<StreamMetadata> {
    let metadata_stream = stream.metadata_stream();
    let write = plan.writes.iter().rev().find(|write| write.stream == metadata_stream)?;
    write.events.last().map(stream_metadata::of_event)
}

fn conflict(stream: &StreamName, expected: ExpectedRevision, actual: CurrentRevision) -> AppendError {
    AppendError::Conflict { stream: stream.clone(), expected, actual }
}

/// What it means for an append that the files cannot be read.
fn broken(trouble: Trouble) -> AppendError {
    engine_store::ReadError::from(trouble).into()
}
