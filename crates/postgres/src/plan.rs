//! What is to be written for a group of appends and deletions, decided on facts and on what the group already holds.
//! Pure: what must be known and is not is answered as wanted.

use std::{cell::RefCell, collections::HashMap};

use engine_store::{
    AppendError, AppendRequest, Appended, DeleteMode, NewEvent, StreamAppend, StreamAppended, StreamMetadata,
    Timestamp,
    concurrency::{self, StreamState, Verdict},
    stream_metadata,
};
use engine_types::{CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
use uuid::Uuid;

use crate::facts::{Facts, Unknown, Wanted};

/// What is asked for.
#[derive(Debug)]
pub(crate) enum Job {
    Append(AppendRequest),
    Delete(Deletion),
}

/// A deletion. Its event has its identity from the beginning, so that another try finds what the first one wrote.
#[derive(Debug)]
pub(crate) struct Deletion {
    pub(crate) stream: StreamName,
    pub(crate) expected: ExpectedRevision,
    pub(crate) mode: DeleteMode,
    pub(crate) event: NewEvent,
}

impl Deletion {
    pub(crate) fn new(stream: StreamName, expected: ExpectedRevision, mode: DeleteMode) -> Self {
        let event = match mode {
            DeleteMode::Soft => stream_metadata::event(&StreamMetadata::deleted()),
            DeleteMode::Tombstone => stream_metadata::tombstone(),
        };
        Deletion { stream, expected, mode, event }
    }

    /// Where the event goes.
    fn target(&self) -> StreamName {
        match self.mode {
            DeleteMode::Soft => self.stream.metadata_stream(),
            DeleteMode::Tombstone => self.stream.clone(),
        }
    }
}

/// An event that is to be written.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) stream: StreamName,
    pub(crate) revision: Revision,
    pub(crate) event: NewEvent,
    pub(crate) created: Timestamp,
}

/// A row of a stream that is to be changed.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) metadata: bytes::Bytes,
    pub(crate) is_deleted: bool,
    pub(crate) is_closed: bool,
}

/// What will be answered, once the position of the first event is known.
#[derive(Debug)]
pub(crate) struct Answer {
    ends: Vec<StreamAppended>,
    /// The number of the last event in the group that was asked for.
    last: Option<u64>,
    /// The position of the newest event that had been written before this group.
    written: Option<Position>,
    deduplicated: bool,
}

impl Answer {
    pub(crate) fn at(self, first: u64) -> Appended {
        let last = self.last.map(|number| Position(first + number));
        Appended { streams: self.ends, position: last.max(self.written), deduplicated: self.deduplicated }
    }
}

/// What a group of jobs comes to.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) writes: Vec<Write>,
    pub(crate) rows: HashMap<StreamName, Row>,
    pub(crate) answers: Vec<Result<Answer, AppendError>>,
    streams: HashMap<StreamName, Pending>,
}

/// A stream as it will be after what the group holds so far.
#[derive(Debug, Clone)]
struct Pending {
    current: CurrentRevision,
    is_closed: bool,
    metadata: StreamMetadata,
    /// The events of the group, with their numbers in it; the first of them has the revision `first`.
    events: Vec<(Uuid, u64)>,
    first: Revision,
}

/// Decides about a group of jobs in their order. `is_repeated` tells which may have been carried out before, by a try
/// whose answer was lost.
///
/// # Errors
/// What must be known first.
pub(crate) fn decide(jobs: &[(&Job, bool)], facts: &Facts, now: Timestamp) -> Result<Plan, Wanted> {
    let wanted = RefCell::default();
    let mut plan = Plan::default();
    for (job, is_repeated) in jobs {
        let mut planner = Planner { facts, wanted: &wanted, plan: &mut plan };
        let answer = match job {
            Job::Append(request) => planner.append(request, now, *is_repeated),
            Job::Delete(deletion) => planner.delete(deletion, now, *is_repeated),
        };
        // The others are gone through all the same, so that all that is wanted is looked for at once.
        if let Ok(answer) = answer {
            plan.answers.push(answer);
        }
    }
    let wanted = wanted.into_inner();
    if wanted.is_nothing() { Ok(plan) } else { Err(wanted) }
}

struct Planner<'a> {
    facts: &'a Facts,
    wanted: &'a RefCell<Wanted>,
    plan: &'a mut Plan,
}

type Decided = Result<Result<Answer, AppendError>, Unknown>;

impl Planner<'_> {
    fn append(&mut self, request: &AppendRequest, now: Timestamp, is_repeated: bool) -> Decided {
        let verdicts: Vec<_> = request.streams.iter().map(|append| self.verdict(append)).collect();
        let verdicts = verdicts.into_iter().collect::<Result<Vec<_>, Unknown>>()?;
        match concurrency::refused(&request.streams, &verdicts) {
            None => {}
            Some((part, Verdict::Deleted)) => {
                return Ok(Err(AppendError::StreamDeleted { stream: part.stream.clone() }));
            }
            Some((part, _)) => {
                let actual = self.stream(&part.stream)?.current;
                return Ok(Err(conflict(&part.stream, part.expected, actual)));
            }
        }
        let created = request.created.unwrap_or(now);
        let ends = Vec::with_capacity(request.streams.len());
        let mut answer = Answer { ends, last: None, written: None, deduplicated: false };
        for (append, verdict) in request.streams.iter().zip(verdicts) {
            let revision = match verdict {
                Verdict::Written(last) => {
                    answer.deduplicated |= !is_repeated;
                    self.note_written(&mut answer, &append.stream, last)?;
                    CurrentRevision::At(last)
                }
                Verdict::Write { revive } => {
                    if revive {
                        self.revive(&append.stream, created)?;
                    }
                    let described = self.deleted_described(&append.stream)?;
                    let end = self.write(&append.stream, &append.events, created)?;
                    answer.last = Some(self.plan.writes.len() as u64 - 1);
                    self.revive_described(described, created)?;
                    end
                }
                // An earlier part of the request may have written here, to revive the stream that this describes.
                _ => self.stream(&append.stream)?.current,
            };
            answer.ends.push(StreamAppended { stream: append.stream.clone(), revision });
        }
        Ok(Ok(answer))
    }

    /// Notes where an event stands that had been written before: in the store, or earlier in this group.
    fn note_written(&self, answer: &mut Answer, stream: &StreamName, last: Revision) -> Result<(), Unknown> {
        match self.in_group(stream, last) {
            Some((_, number)) => answer.last = answer.last.max(Some(number)),
            None => {
                answer.written = answer.written.max(self.place(stream, last)?.map(|(_, position)| position));
            }
        }
        Ok(())
    }

    fn verdict(&self, append: &StreamAppend) -> Result<Verdict, Unknown> {
        let ids: Vec<_> = append.events.iter().map(|event| event.id).collect();
        let name = &append.stream;
        let stream = self.stream(name)?;
        let state = StreamState {
            current: stream.current,
            tombstoned: stream.is_closed || self.is_closed_with(name)?,
            deleted: stream.metadata.is_deleted(),
        };
        let unknown = std::cell::Cell::new(false);
        let noted = |found: Result<Option<Uuid>, Unknown>| {
            found.unwrap_or_else(|Unknown| {
                unknown.set(true);
                None
            })
        };
        let id_at = |revision| {
            noted(match self.in_group(name, revision) {
                Some((id, _)) => Ok(Some(id)),
                None => self.place(name, revision).map(|event| event.map(|(id, _)| id)),
            })
        };
        let find = |id| {
            self.find(name, id).unwrap_or_else(|Unknown| {
                unknown.set(true);
                None
            })
        };
        let verdict = concurrency::decide(state, append.expected, &ids, id_at, find);
        if unknown.get() { Err(Unknown) } else { Ok(verdict) }
    }

    /// Whether a metadata stream is closed with the stream that it describes.
    fn is_closed_with(&self, name: &StreamName) -> Result<bool, Unknown> {
        name.described_stream().map_or(Ok(false), |described| Ok(self.stream(&described)?.is_closed))
    }

    fn stream(&self, name: &StreamName) -> Result<Pending, Unknown> {
        if let Some(pending) = self.plan.streams.get(name) {
            return Ok(pending.clone());
        }
        let Some(facts) = self.facts.stream(name) else {
            self.wanted.borrow_mut().streams.insert(name.clone());
            return Err(Unknown);
        };
        Ok(Pending {
            current: facts.current,
            is_closed: facts.is_closed,
            metadata: facts.metadata.clone(),
            events: Vec::new(),
            first: facts.current.next(),
        })
    }

    /// An event that the group holds, and its number.
    fn in_group(&self, name: &StreamName, revision: Revision) -> Option<(Uuid, u64)> {
        let pending = self.plan.streams.get(name)?;
        let index = usize::try_from(revision.0.checked_sub(pending.first.0)?).ok()?;
        pending.events.get(index).copied()
    }

    fn place(&self, name: &StreamName, revision: Revision) -> Result<Option<(Uuid, Position)>, Unknown> {
        let ends = self.facts.stream(name).map(|facts| facts.current);
        if ends.is_some_and(|ends| revision >= ends.next()) {
            return Ok(None);
        }
        self.facts.place(name, revision).inspect_err(|Unknown| {
            self.wanted.borrow_mut().places.insert((name.clone(), revision));
        })
    }

    /// Where an event stands first in a stream.
    fn find(&self, name: &StreamName, id: Uuid) -> Result<Option<Revision>, Unknown> {
        let is_new = self.facts.stream(name).is_some_and(|facts| facts.current == CurrentRevision::NoStream);
        let stored = match self.facts.found(name, id) {
            Ok(found) => found,
            Err(Unknown) if is_new => None,
            Err(Unknown) => {
                self.wanted.borrow_mut().ids.insert((name.clone(), id));
                return Err(Unknown);
            }
        };
        let in_group = || {
            let pending = self.plan.streams.get(name)?;
            let index = pending.events.iter().position(|(known, _)| *known == id)?;
            Some(Revision(pending.first.0 + index as u64))
        };
        Ok(stored.or_else(in_group))
    }

    /// Adds events to the end of a stream; answers where it ends then.
    fn write(
        &mut self,
        name: &StreamName,
        events: &[NewEvent],
        created: Timestamp,
    ) -> Result<CurrentRevision, Unknown> {
        let mut pending = self.stream(name)?;
        for event in events {
            let revision = pending.current.next();
            pending.events.push((event.id, self.plan.writes.len() as u64));
            pending.current = CurrentRevision::At(revision);
            let (stream, event) = (name.clone(), event.clone());
            self.plan.writes.push(Write { stream, revision, event, created });
        }
        let current = pending.current;
        self.plan.streams.insert(name.clone(), pending);
        if let (Some(described), Some(newest)) = (name.described_stream(), events.last()) {
            self.describe(described, newest)?;
        }
        Ok(current)
    }

    /// Notes what the newest event of a metadata stream says of the stream that it describes.
    fn describe(&mut self, name: StreamName, event: &NewEvent) -> Result<(), Unknown> {
        let mut pending = self.stream(&name)?;
        pending.metadata = stream_metadata::of_event(event);
        let (is_deleted, is_closed) = (pending.metadata.is_deleted(), pending.is_closed);
        self.plan.rows.insert(name.clone(), Row { metadata: event.data.clone(), is_deleted, is_closed });
        self.plan.streams.insert(name, pending);
        Ok(())
    }

    /// Lets a softly deleted stream live again, behind its old events.
    fn revive(&mut self, name: &StreamName, created: Timestamp) -> Result<(), Unknown> {
        let stream = self.stream(name)?;
        let revived = stream_metadata::event(&stream.metadata.revived(stream.current));
        self.write(&name.metadata_stream(), &[revived], created).map(drop)
    }

    /// The stream that a metadata stream describes, if it is softly deleted.
    fn deleted_described(&self, name: &StreamName) -> Result<Option<StreamName>, Unknown> {
        let Some(described) = name.described_stream() else { return Ok(None) };
        Ok(self.stream(&described)?.metadata.is_deleted().then_some(described))
    }

    /// New metadata for a softly deleted stream revives it, but not its old events.
    fn revive_described(&mut self, deleted: Option<StreamName>, created: Timestamp) -> Result<(), Unknown> {
        let Some(described) = deleted else { return Ok(()) };
        let stream = self.stream(&described)?;
        if stream.metadata.brings_back(stream.current) { self.revive(&described, created) } else { Ok(()) }
    }

    fn delete(&mut self, deletion: &Deletion, now: Timestamp, is_repeated: bool) -> Decided {
        let Deletion { stream: name, expected, mode, event } = deletion;
        let done = || Ok(Ok(Answer { ends: Vec::new(), last: None, written: None, deduplicated: false }));
        let target = deletion.target();
        let stream = self.stream(name)?;
        if is_repeated && self.find(&target, event.id)?.is_some() {
            return done();
        }
        let state = StreamState {
            current: stream.current,
            tombstoned: stream.is_closed,
            deleted: stream.metadata.is_deleted(),
        };
        match concurrency::decide_delete(state, *expected, *mode) {
            Verdict::Deleted => Ok(Err(AppendError::StreamDeleted { stream: name.clone() })),
            Verdict::Conflict => Ok(Err(conflict(name, *expected, state.current))),
            Verdict::Nothing | Verdict::Written(_) => done(),
            Verdict::Write { .. } => {
                self.write(&target, std::slice::from_ref(event), now)?;
                if *mode == DeleteMode::Tombstone {
                    self.close(name)?;
                }
                done()
            }
        }
    }

    fn close(&mut self, name: &StreamName) -> Result<(), Unknown> {
        let mut pending = self.stream(name)?;
        pending.is_closed = true;
        let metadata = if pending.metadata == StreamMetadata::default() {
            bytes::Bytes::new()
        } else {
            stream_metadata::event(&pending.metadata).data
        };
        let is_deleted = pending.metadata.is_deleted();
        self.plan.rows.insert(name.clone(), Row { metadata, is_deleted, is_closed: true });
        self.plan.streams.insert(name.clone(), pending);
        Ok(())
    }
}

fn conflict(stream: &StreamName, expected: ExpectedRevision, actual: CurrentRevision) -> AppendError {
    AppendError::Conflict { stream: stream.clone(), expected, actual }
}
