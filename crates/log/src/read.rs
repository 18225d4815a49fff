//! Reading pages of a stream. `all` reads pages of all streams together.
//!
//! A page is read with plain reads of the files, outside of all locks. Every frame is checked.

mod all;

use std::ops::Range;

pub(crate) use all::all_page;
use engine_store::{
    Direction, ReadError, ReadStream, RecordedEvent, StreamMetadata, StreamPage, Timestamp,
    read::check_limit, stream_metadata,
};
use engine_types::{Revision, StreamName};

use crate::{
    decode::{self, Decoder},
    error::Trouble,
    index::Span,
    options::LogOptions,
    view::View,
};

/// So many events are looked up at once.
const CHUNK: u64 = 512;

/// Reads one page of a stream.
pub(crate) fn stream_page(
    view: &View,
    options: &LogOptions,
    request: &ReadStream,
    now: Timestamp,
) -> Result<StreamPage, ReadError> {
    check_limit(request.limit)?;
    let name = &request.stream;
    let stream = view.stream(name)?;
    if stream.tombstoned {
        return Err(ReadError::StreamDeleted { stream: name.clone() });
    }
    let not_found = || ReadError::StreamNotFound { stream: name.clone() };
    let newest = stream.newest.filter(|_| !stream.metadata.is_deleted()).ok_or_else(not_found)?;
    let last = Revision(newest.1.last());
    let metadata = if name.is_metadata() { StreamMetadata::of_metadata_streams() } else { stream.metadata };
    let mut first = metadata.first_readable(last);
    let mut wanted = stream_metadata::revisions(request, first, last);
    let spans = if wanted.is_empty() { Vec::new() } else { view.spans(name.as_str(), newest, wanted.start)? };
    if let Some(left) = first_left(view, &spans).filter(|left| *left > wanted.start) {
        first = Revision(left);
        wanted = stream_metadata::revisions(request, first, last);
    }
    let (mut events, read) = revisions(view, options, name, &spans, wanted.clone(), request.direction)?;
    let next = match request.direction {
        Direction::Forwards => Some(read.end).filter(|next| *next <= last.0),
        Direction::Backwards => {
            read.start.checked_sub(1).filter(|next| *next >= first.0 && !wanted.is_empty())
        }
    };
    events.retain(|event| !metadata.is_expired(event.created, now));
    Ok(StreamPage { events, next: next.map(Revision), last })
}

/// The first revision that is left in the oldest of these spans, if what was before it may have been scavenged.
fn first_left(view: &View, spans: &[(usize, Span)]) -> Option<u64> {
    let (part, oldest) = spans.first()?;
    let was_scavenged = view.parts[..=*part].iter().any(|part| part.segment.was_scavenged());
    was_scavenged.then_some(if oldest.removed { oldest.first + 1 } else { oldest.first })
}

/// Reads revisions of a stream, and answers which of them: the page may be full before.
fn revisions(
    view: &View,
    options: &LogOptions,
    name: &StreamName,
    spans: &[(usize, Span)],
    wanted: Range<u64>,
    direction: Direction,
) -> Result<(Vec<RecordedEvent>, Range<u64>), Trouble> {
    let mut events = Vec::new();
    let mut left = wanted.clone();
    let mut budget = options.page_bytes;
    let mut decoder = Decoder::default();
    while !left.is_empty() && budget > 0 {
        let at = nearest(&left, direction);
        let (part, span) = find(view, name, spans, at)?;
        let part = &view.parts[part];
        let here = left.start.max(span.first)..left.end.min(span.last() + 1);
        let chunk = next_of(&here, direction, CHUNK);
        let offsets = part.index.stream_offsets(name.as_str(), &span, chunk.clone())?;
        let before = events.len();
        let read = decode::events(part, &offsets, direction, &mut budget, &mut decoder, &mut events)? as u64;
        let read = next_of(&chunk, direction, read);
        check_revisions(name, read.clone(), direction, &events[before..]).map_err(|fault| {
            Trouble::damage(&part.segment.path, offsets.first().copied().unwrap_or(0), fault)
        })?;
        pass(&mut left, direction, read.end - read.start);
    }
    let read = match direction {
        Direction::Forwards => wanted.start..left.start,
        Direction::Backwards => left.end..wanted.end,
    };
    Ok((events, read))
}

fn find(
    view: &View,
    name: &StreamName,
    spans: &[(usize, Span)],
    revision: u64,
) -> Result<(usize, Span), Trouble> {
    let holding = spans.iter().find(|(_, span)| (span.first..=span.last()).contains(&revision));
    holding.copied().ok_or_else(|| {
        let fault = format!("no index knows revision {revision} of stream `{name}`");
        Trouble::damage(&view.written().segment.path, 0, fault)
    })
}

/// The number of a range that is read next.
fn nearest(left: &Range<u64>, direction: Direction) -> u64 {
    match direction {
        Direction::Forwards => left.start,
        Direction::Backwards => left.end.saturating_sub(1),
    }
}

/// The next so many numbers of a range.
fn next_of(left: &Range<u64>, direction: Direction, count: u64) -> Range<u64> {
    match direction {
        Direction::Forwards => left.start..left.end.min(left.start.saturating_add(count)),
        Direction::Backwards => left.start.max(left.end.saturating_sub(count))..left.end,
    }
}

/// Takes the next so many numbers off a range.
fn pass(left: &mut Range<u64>, direction: Direction, count: u64) {
    match direction {
        Direction::Forwards => left.start += count,
        Direction::Backwards => left.end -= count,
    }
}

/// An index that leads to other events is damaged.
fn check_revisions(
    name: &StreamName,
    revisions: Range<u64>,
    direction: Direction,
    events: &[RecordedEvent],
) -> Result<(), &'static str> {
    let is = |(event, revision): (&RecordedEvent, u64)| event.revision.0 == revision && event.stream == *name;
    let right = match direction {
        Direction::Forwards => events.iter().zip(revisions.clone()).all(is),
        Direction::Backwards => events.iter().zip(revisions.clone().rev()).all(is),
    };
    let complete = events.len() as u64 == revisions.end - revisions.start && !revisions.is_empty();
    if right && complete { Ok(()) } else { Err("the index leads to events of another stream or revision") }
}
