//! What is to be written for one job, decided on what is published and what the batch already holds.

use std::cell::Cell;

use engine_store::{
    AppendError, AppendRequest, Appended, DeleteMode, NewEvent, StreamAppend, StreamAppended, StreamMetadata,
    Timestamp,
    concurrency::{self, Verdict},
    stream_metadata,
};
use engine_types::{CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
use uuid::Uuid;

use super::{
    batch::Write,
    known::{Known, Stream},
};
use crate::error::Trouble;

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
    /// When the events were first accepted, where they come from another store.
    pub created: Option<Timestamp>,
}

impl Plan {
    pub(crate) fn size(&self) -> u64 {
        self.writes.iter().map(Write::size).sum()
    }

    /// How many events are to be written.
    pub(crate) fn events(&self) -> usize {
        self.writes.iter().map(|write| write.events.len()).sum()
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
        let mut plan = Plan { created: request.created, ..Plan::default() };
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
        let state = self.stream(&described).map_err(broken)?.state;
        let brings_back =
            newest_metadata(plan, &described).is_some_and(|metadata| metadata.brings_back(state.current));
        if state.deleted && brings_back { self.revive(plan, &described) } else { Ok(()) }
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
pub(super) fn broken(trouble: Trouble) -> AppendError {
    engine_store::ReadError::from(trouble).into()
}
