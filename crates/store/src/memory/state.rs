//! What the in-memory store holds, and how it answers.

use std::collections::{BTreeMap, HashMap};

use engine_types::{CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
use uuid::Uuid;

use crate::{
    AllPage, AppendError, AppendRequest, Appended, DeleteMode, Direction, Document, DocumentKey,
    EventTypeCount, NewEvent, ReadAll, ReadError, ReadFrom, ReadStream, RecordedEvent, StreamAppend,
    StreamAppended, StreamInfo, StreamMetadata, StreamPage, StreamQuery, StreamsPage, Timestamp,
    concurrency::{self, StreamState, Verdict},
    read::check_limit,
    stream_metadata,
};

/// How many events a filtered page of all streams looks at, at most.
const MAX_SCAN: u64 = 10_000;

#[derive(Debug, Default)]
pub(super) struct State {
    all: Vec<RecordedEvent>,
    streams: HashMap<StreamName, Stream>,
    /// Where each event id was last written.
    ids: HashMap<Uuid, Position>,
    pub(super) documents: BTreeMap<DocumentKey, Document>,
}

#[derive(Debug, Default)]
struct Stream {
    /// The place in `all` of each revision.
    positions: Vec<u64>,
    tombstoned: bool,
    metadata: StreamMetadata,
}

impl Stream {
    fn current(&self) -> CurrentRevision {
        Some(self.positions.len() as u64).and_then(|count| count.checked_sub(1)).map(Revision).into()
    }
}

impl State {
    pub(super) fn head(&self) -> Option<Position> {
        Position(self.all.len() as u64).previous()
    }

    pub(super) fn stream_state(&self, name: &StreamName) -> StreamState {
        let described = name.described_stream().and_then(|described| self.streams.get(&described));
        let tombstoned_with = described.is_some_and(|described| described.tombstoned);
        self.streams.get(name).map_or(
            StreamState { tombstoned: tombstoned_with, ..StreamState::default() },
            |stream| StreamState {
                current: stream.current(),
                tombstoned: stream.tombstoned || tombstoned_with,
                deleted: stream.metadata.is_deleted(),
            },
        )
    }

    pub(super) fn append(&mut self, request: AppendRequest, now: Timestamp) -> Result<Appended, AppendError> {
        let verdicts: Vec<_> = request.streams.iter().map(|append| self.verdict(append)).collect();
        let writes = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Write { .. }));
        for (append, verdict) in request.streams.iter().zip(&verdicts) {
            let partly_written = writes && matches!(verdict, Verdict::Written(_));
            if partly_written || *verdict == Verdict::Conflict {
                return Err(AppendError::Conflict {
                    stream: append.stream.clone(),
                    expected: append.expected,
                    actual: self.stream_state(&append.stream).current,
                });
            }
            if *verdict == Verdict::Deleted {
                return Err(AppendError::StreamDeleted { stream: append.stream.clone() });
            }
        }
        Ok(self.carry_out(request, &verdicts, now))
    }

    fn carry_out(&mut self, request: AppendRequest, verdicts: &[Verdict], now: Timestamp) -> Appended {
        let mut appended = Appended { streams: Vec::new(), position: None, deduplicated: false };
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
                    appended.position = Some(self.write(&stream, events, now));
                    self.stream_state(&stream).current
                }
                Verdict::Nothing | Verdict::Conflict | Verdict::Deleted => self.stream_state(&stream).current,
            };
            appended.streams.push(StreamAppended { stream, revision });
        }
        appended
    }

    fn verdict(&self, append: &StreamAppend) -> Verdict {
        let ids: Vec<_> = append.events.iter().map(|event| event.id).collect();
        let positions = self.streams.get(&append.stream).map_or(&[][..], |stream| &stream.positions);
        let id_at = |revision: Revision| {
            positions.get(index(revision.0)).map(|position| self.all[index(*position)].id)
        };
        let find = |id: Uuid| {
            let event = &self.all[index(self.ids.get(&id)?.0)];
            (event.stream == append.stream).then_some(event.revision)
        };
        concurrency::decide(self.stream_state(&append.stream), append.expected, &ids, id_at, find)
    }

    /// Adds events to the end of a stream; answers the position of the last.
    fn write(&mut self, name: &StreamName, events: Vec<NewEvent>, now: Timestamp) -> Position {
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
            self.ids.insert(event.id, Position(position));
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
        Position((self.all.len() as u64).saturating_sub(1))
    }

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

    pub(super) fn stream_metadata(
        &self,
        name: &StreamName,
    ) -> Result<(StreamMetadata, CurrentRevision), ReadError> {
        if self.stream_state(name).tombstoned {
            return Err(ReadError::StreamDeleted { stream: name.clone() });
        }
        Ok((self.metadata_of(name), self.stream_state(&name.metadata_stream()).current))
    }

    fn metadata_of(&self, name: &StreamName) -> StreamMetadata {
        if name.is_metadata() {
            return StreamMetadata::of_metadata_streams();
        }
        self.streams.get(name).map(|stream| stream.metadata.clone()).unwrap_or_default()
    }

    pub(super) fn stream_page(&self, request: &ReadStream, now: Timestamp) -> Result<StreamPage, ReadError> {
        check_limit(request.limit)?;
        let name = &request.stream;
        let state = self.stream_state(name);
        if state.tombstoned {
            return Err(ReadError::StreamDeleted { stream: name.clone() });
        }
        let not_found = || ReadError::StreamNotFound { stream: name.clone() };
        let stream = self.streams.get(name).ok_or_else(not_found)?;
        let last = stream.current().revision().filter(|_| !state.deleted).ok_or_else(not_found)?;
        let metadata = self.metadata_of(name);
        let first = metadata.first_readable(last);
        let wanted = stream_metadata::revisions(request, first, last);
        let next = match request.direction {
            Direction::Forwards => Some(wanted.end).filter(|next| *next <= last.0),
            Direction::Backwards => {
                wanted.start.checked_sub(1).filter(|next| *next >= first.0 && !wanted.is_empty())
            }
        };
        let readable = stream.positions[index(wanted.start)..index(wanted.end)]
            .iter()
            .map(|position| &self.all[index(*position)])
            .filter(|event| !metadata.is_expired(event.created, now));
        let events = match request.direction {
            Direction::Forwards => readable.cloned().collect(),
            Direction::Backwards => readable.rev().cloned().collect(),
        };
        Ok(StreamPage { events, next: next.map(Revision), last })
    }

    pub(super) fn all_page(&self, request: &ReadAll) -> Result<AllPage, ReadError> {
        check_limit(request.limit)?;
        let end = self.all.len() as u64;
        match request.direction {
            Direction::Forwards => {
                let start = match request.from {
                    ReadFrom::Start => 0,
                    ReadFrom::At(position) => position.0.min(end),
                    ReadFrom::End => end,
                };
                let scan = start..end.min(start.saturating_add(MAX_SCAN));
                let (events, seen) = self.scan(scan, request);
                let next = start + seen;
                Ok(AllPage { events, next: Some(Position(next)), end: next == end })
            }
            Direction::Backwards => {
                let start = match request.from {
                    ReadFrom::Start => end.min(1),
                    ReadFrom::At(position) => position.0.saturating_add(1).min(end),
                    ReadFrom::End => end,
                };
                let scan = (start.saturating_sub(MAX_SCAN)..start).rev();
                let (events, seen) = self.scan(scan, request);
                let next = Position(start - seen).previous();
                Ok(AllPage { events, next, end: next.is_none() })
            }
        }
    }

    /// Collects the events that pass, and tells how many were looked at.
    fn scan(&self, positions: impl Iterator<Item = u64>, request: &ReadAll) -> (Vec<RecordedEvent>, u64) {
        let mut events = Vec::new();
        let mut seen = 0;
        for position in positions {
            if events.len() == request.limit {
                break;
            }
            seen += 1;
            let event = &self.all[index(position)];
            if request.filter.matches(event) {
                events.push(event.clone());
            }
        }
        (events, seen)
    }

    pub(super) fn streams(&self, query: &StreamQuery) -> StreamsPage {
        let listed = |(name, stream): (&StreamName, &Stream)| {
            let gone = stream.tombstoned || stream.metadata.is_deleted() || !query.matches(name);
            let last = stream.current().revision().filter(|_| !gone)?;
            Some(StreamInfo { stream: name.clone(), last })
        };
        let mut streams: Vec<_> = self.streams.iter().filter_map(listed).collect();
        streams.sort_by(|left, right| left.stream.cmp(&right.stream));
        let more = streams.len() > query.effective_limit();
        streams.truncate(query.effective_limit());
        StreamsPage { streams, more }
    }

    pub(super) fn event_types(&self) -> Vec<EventTypeCount> {
        let mut counts: BTreeMap<(Option<&str>, &str), u64> = BTreeMap::new();
        for event in &self.all {
            *counts.entry((event.stream.category(), &event.event_type)).or_default() += 1;
        }
        counts
            .into_iter()
            .map(|((category, event_type), count)| EventTypeCount {
                category: category.map(str::to_owned),
                event_type: event_type.to_owned(),
                count: Some(count),
            })
            .collect()
    }
}

/// A place in memory. What is in memory can be counted in `usize`.
fn index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
