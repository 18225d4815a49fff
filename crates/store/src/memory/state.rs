//! What the in-memory store holds, and how it is written. How it is read is in `reading`.

use std::collections::{BTreeMap, HashMap, HashSet};

use engine_types::{CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
use foldhash::fast::RandomState;
use smallvec::SmallVec;
use uuid::Uuid;

use super::chunks::Chunks;
use crate::{
    AppendError, AppendRequest, Appended, DeleteMode, Document, DocumentKey, NewEvent, RecordedEvent,
    StreamAppend, StreamAppended, StreamMetadata, Timestamp,
    concurrency::{self, StreamState, Verdict},
    stream_metadata,
};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) all: Chunks<RecordedEvent>,
    pub(super) streams: HashMap<StreamName, Stream, RandomState>,
    pub(super) documents: BTreeMap<DocumentKey, Document>,
    /// The places in `all` of what was scavenged.
    pub(super) removed: HashSet<u64, RandomState>,
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    /// The place in `all` of each revision.
    pub(super) positions: Vec<u64>,
    /// Where each event id was first written. By stream: the same id elsewhere is another event.
    ///
    /// Behind the stream's end, until somebody asks: a writer that says where it expects the stream never does.
    ids: HashMap<Uuid, Revision, RandomState>,
    /// How many events were looked at for `ids`.
    noted: usize,
    pub(super) tombstoned: bool,
    pub(super) metadata: StreamMetadata,
    /// The first revision that was not scavenged.
    pub(super) kept_from: u64,
    /// The last event, where it was scavenged and is known only by its id.
    pub(super) numbered_by: Option<Revision>,
}

impl Stream {
    pub(super) fn current(&self) -> CurrentRevision {
        Some(self.positions.len() as u64).and_then(|count| count.checked_sub(1)).map(Revision).into()
    }

    /// Brings `ids` up to the stream's end.
    fn note_ids(&mut self, all: &Chunks<RecordedEvent>) {
        let fresh = self.noted.max(index(self.kept_from));
        for (revision, position) in (0..).map(Revision).zip(&self.positions).skip(fresh) {
            self.ids.entry(all[index(*position)].id).or_insert(revision);
        }
        self.noted = self.positions.len();
    }

    /// Forgets what is before this revision.
    pub(super) fn keep_from(&mut self, first: Revision) {
        self.kept_from = first.0;
        self.ids.retain(|_, revision| *revision >= first);
        // The same id may stand behind too.
        self.noted = 0;
    }

    /// Whether the id of the event at a revision is known.
    fn knows(&self, revision: Revision) -> bool {
        revision.0 >= self.kept_from || Some(revision) == self.numbered_by
    }
}

impl State {
    pub(super) fn head(&self) -> Option<Position> {
        Position(self.all.len() as u64).previous()
    }

    pub(super) fn stream_state(&self, name: &StreamName) -> StreamState {
        self.state_of(name, self.streams.get(name))
    }

    /// The state of a stream that was looked up already.
    fn state_of(&self, name: &StreamName, stream: Option<&Stream>) -> StreamState {
        let described = name.described_stream().and_then(|described| self.streams.get(&described));
        let tombstoned_with = described.is_some_and(|described| described.tombstoned);
        stream.map_or(StreamState { tombstoned: tombstoned_with, ..StreamState::default() }, |stream| {
            StreamState {
                current: stream.current(),
                tombstoned: stream.tombstoned || tombstoned_with,
                deleted: stream.metadata.is_deleted(),
            }
        })
    }

    pub(super) fn append(&mut self, request: AppendRequest, now: Timestamp) -> Result<Appended, AppendError> {
        let verdicts: SmallVec<[_; 1]> = request.streams.iter().map(|append| self.verdict(append)).collect();
        match concurrency::refused(&request.streams, &verdicts) {
            None => Ok(self.carry_out(request, &verdicts, now)),
            Some((part, Verdict::Deleted)) => Err(AppendError::StreamDeleted { stream: part.stream.clone() }),
            Some((part, _)) => Err(AppendError::Conflict {
                stream: part.stream.clone(),
                expected: part.expected,
                actual: self.stream_state(&part.stream).current,
            }),
        }
    }

    fn carry_out(&mut self, request: AppendRequest, verdicts: &[Verdict], now: Timestamp) -> Appended {
        let streams = Vec::with_capacity(request.streams.len());
        let mut appended = Appended { streams, position: None, deduplicated: false };
        for (append, verdict) in request.streams.into_iter().zip(verdicts) {
            let StreamAppend { stream, events, .. } = append;
            let revision = match *verdict {
                Verdict::Written(last) => {
                    appended.deduplicated = true;
                    let position = self.streams.get(&stream).map(|known| known.positions[index(last.0)]);
                    appended.position = appended.position.max(position.map(Position));
                    CurrentRevision::At(last)
                }
                Verdict::Write { revive } => {
                    if revive {
                        self.revive(&stream, now);
                    }
                    let described = stream.described_stream();
                    let deleted = described.filter(|described| self.stream_state(described).deleted);
                    let current = self.write(&stream, events, now);
                    appended.position = self.head();
                    let brings_back = |name: &StreamName| {
                        self.metadata_of(name).brings_back(self.stream_state(name).current)
                    };
                    if let Some(described) = deleted.filter(brings_back) {
                        self.revive(&described, now);
                    }
                    current
                }
                Verdict::Nothing | Verdict::Conflict | Verdict::Deleted => self.stream_state(&stream).current,
            };
            appended.streams.push(StreamAppended { stream, revision });
        }
        appended
    }

    fn verdict(&mut self, append: &StreamAppend) -> Verdict {
        if matches!(append.expected, ExpectedRevision::Any | ExpectedRevision::StreamExists)
            && let Some(stream) = self.streams.get_mut(&append.stream)
        {
            stream.note_ids(&self.all);
        }
        let ids: SmallVec<[_; 4]> = append.events.iter().map(|event| event.id).collect();
        let stream = self.streams.get(&append.stream);
        let id_at = |revision: Revision| {
            let position =
                stream.filter(|stream| stream.knows(revision))?.positions.get(index(revision.0))?;
            Some(self.all[index(*position)].id)
        };
        let find = |id: Uuid| {
            let stream = stream?;
            debug_assert_eq!(stream.noted, stream.positions.len(), "{:?} looks for ids", append.expected);
            stream.ids.get(&id).copied()
        };
        concurrency::decide(self.state_of(&append.stream, stream), append.expected, &ids, id_at, find)
    }

    /// Adds events to the end of a stream; answers where it ends then.
    fn write(&mut self, name: &StreamName, events: Vec<NewEvent>, now: Timestamp) -> CurrentRevision {
        if name.is_metadata()
            && let Some(newest) = events.last()
            && let Some(described) = name.described_stream()
        {
            self.streams.entry(described).or_default().metadata = stream_metadata::of_event(newest);
        }
        let stream = match self.streams.get_mut(name) {
            Some(stream) => stream,
            None => self.streams.entry(name.clone()).or_default(),
        };
        for event in events {
            let position = self.all.len() as u64;
            let revision = Revision(stream.positions.len() as u64);
            stream.positions.push(position);
            self.all.push(RecordedEvent {
                stream: name.clone(),
                revision,
                position: Position(position),
                id: event.id,
                event_type: event.event_type,
                content_type: event.content_type,
                data: event.data,
                metadata: event.metadata,
                created: now,
            });
        }
        stream.current()
    }

    /// Lets a softly deleted stream live again, behind its old events.
    fn revive(&mut self, name: &StreamName, now: Timestamp) {
        let Some(stream) = self.streams.get(name) else { return };
        let metadata = stream.metadata.clone().revived(stream.current());
        self.write(&name.metadata_stream(), vec![stream_metadata::event(&metadata)], now);
    }

    pub(super) fn delete_stream(
        &mut self,
        name: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
        now: Timestamp,
    ) -> Result<(), AppendError> {
        stream_metadata::check_not_metadata(name)?;
        let state = self.stream_state(name);
        match concurrency::decide_delete(state, expected, mode) {
            Verdict::Deleted => Err(AppendError::StreamDeleted { stream: name.clone() }),
            Verdict::Conflict => {
                Err(AppendError::Conflict { stream: name.clone(), expected, actual: state.current })
            }
            Verdict::Nothing | Verdict::Written(_) => Ok(()),
            Verdict::Write { .. } => {
                match mode {
                    DeleteMode::Soft => {
                        let deleted = stream_metadata::event(&StreamMetadata::deleted());
                        self.write(&name.metadata_stream(), vec![deleted], now);
                    }
                    DeleteMode::Tombstone => {
                        self.write(name, vec![stream_metadata::tombstone()], now);
                        self.streams.entry(name.clone()).or_default().tombstoned = true;
                    }
                }
                Ok(())
            }
        }
    }
}

/// A place in memory. What is in memory can be counted in `usize`.
pub(super) fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
