//! How the in-memory store is read: pages of events, and what is in it.

use std::collections::BTreeMap;

use engine_types::{CurrentRevision, Position, Revision, StreamName};

use super::state::{State, Stream, index};
use crate::{
    AllPage, Direction, EventTypeCount, ReadAll, ReadError, ReadFrom, ReadStream, RecordedEvent, StreamInfo,
    StreamMetadata, StreamPage, StreamQuery, StreamsPage, Timestamp, read::check_limit, stream_metadata,
};

/// How many events a page of all streams looks at, at most.
const MAX_SCAN: u64 = 10_000;

/// How many events a page looks at where fewer are asked for. Writers wait meanwhile, so that it is few.
const MIN_SCAN: u64 = 250;

impl State {
    pub(super) fn stream_metadata(
        &self,
        name: &StreamName,
    ) -> Result<(StreamMetadata, CurrentRevision), ReadError> {
        if self.stream_state(name).tombstoned {
            return Err(ReadError::StreamDeleted { stream: name.clone() });
        }
        Ok((self.metadata_of(name), self.stream_state(&name.metadata_stream()).current))
    }

    pub(super) fn metadata_of(&self, name: &StreamName) -> StreamMetadata {
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
        let first = metadata.first_readable(last).max(Revision(stream.kept_from));
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
        let scanned = (request.limit as u64).clamp(MIN_SCAN, MAX_SCAN);
        match request.direction {
            Direction::Forwards => {
                let start = match request.from {
                    ReadFrom::Start => 0,
                    ReadFrom::At(position) => position.0,
                    ReadFrom::End => end,
                };
                let scan = start..end.min(start.saturating_add(scanned));
                let (events, seen) = self.scan(scan, request);
                let next = start + seen;
                Ok(AllPage { events, next: Some(Position(next)), end: next >= end })
            }
            Direction::Backwards => {
                let start = match request.from {
                    ReadFrom::Start => end.min(1),
                    ReadFrom::At(position) => position.0.saturating_add(1).min(end),
                    ReadFrom::End => end,
                };
                let scan = (start.saturating_sub(scanned)..start).rev();
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
            if request.filter.matches(event) && !self.removed.contains(&position) {
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
        for event in self.all.iter().filter(|event| !self.removed.contains(&event.position.0)) {
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
