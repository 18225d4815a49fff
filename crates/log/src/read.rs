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
    error::Trouble,
    fetch::Fetch,
    options::LogOptions,
    view::{Stretch, View},
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
    let last = Revision(newest.span.last());
    let metadata = if name.is_metadata() { StreamMetadata::of_metadata_streams() } else { stream.metadata };
    let mut first = metadata.first_readable(last);
    let mut wanted = stream_metadata::revisions(request, first, last);
    let stretches =
        if wanted.is_empty() { Vec::new() } else { view.stretches(name.as_str(), newest, wanted.start)? };
    if let Some(left) = first_left(view, name, &stretches, wanted.start)? {
        first = Revision(left);
        wanted = stream_metadata::revisions(request, first, last);
    }
    let (mut events, read) = revisions(view, options, name, &stretches, wanted.clone(), request.direction)?;
    let next = match request.direction {
        Direction::Forwards => Some(read.end).filter(|next| *next <= last.0),
        Direction::Backwards => {
            read.start.checked_sub(1).filter(|next| *next >= first.0 && !wanted.is_empty())
        }
    };
    events.retain(|event| !metadata.is_expired(event.created, now));
    Ok(StreamPage { events, next: next.map(Revision), last })
}

/// The first revision that is left of a stream, if it is behind the first one that is wanted and what was before it may
/// have been scavenged.
fn first_left(
    view: &View,
    name: &StreamName,
    stretches: &[Stretch],
    wanted: u64,
) -> Result<Option<u64>, Trouble> {
    let Some(oldest) = stretches.first() else { return Ok(None) };
    let first = oldest.span.first;
    let left = if oldest.span.removed { first + 1 } else { first };
    if left <= wanted {
        return Ok(None);
    }
    let places = view.places(name.as_str(), oldest, first..first + 1)?;
    let (part, _) = places.first().ok_or_else(|| view.unknown(name.as_str(), first))?;
    let was_scavenged = view.parts[..=*part].iter().any(|part| part.segment.was_scavenged());
    Ok(was_scavenged.then_some(left))
}

/// Reads revisions of a stream, and answers which of them: the page may be full before.
fn revisions(
    view: &View,
    options: &LogOptions,
    name: &StreamName,
    stretches: &[Stretch],
    wanted: Range<u64>,
    direction: Direction,
) -> Result<(Vec<RecordedEvent>, Range<u64>), Trouble> {
    let mut fetch = Fetch::new(options);
    let mut left = wanted.clone();
    while !left.is_empty() && fetch.budget > 0 {
        let places = places(view, name, stretches, next_of(&left, direction, CHUNK))?;
        fetch.read(
            &places,
            |part| &view.parts[*part],
            direction,
            |events| {
                let revisions = next_of(&left, direction, events.len() as u64);
                check_revisions(name, revisions, direction, events)?;
                pass(&mut left, direction, events.len() as u64);
                Ok(())
            },
        )?;
    }
    let read = match direction {
        Direction::Forwards => wanted.start..left.start,
        Direction::Backwards => left.end..wanted.end,
    };
    Ok((fetch.events, read))
}

/// In which parts and at which offsets these revisions stand.
fn places(
    view: &View,
    name: &StreamName,
    stretches: &[Stretch],
    mut wanted: Range<u64>,
) -> Result<Vec<(usize, u64)>, Trouble> {
    let mut places = Vec::new();
    for stretch in stretches {
        let here = stretch.span.first.max(wanted.start)..wanted.end.min(stretch.span.last() + 1);
        if here.is_empty() || here.start > wanted.start {
            continue;
        }
        let found = view.places(name.as_str(), stretch, here.clone())?;
        if found.len() as u64 != here.end - here.start {
            break;
        }
        places.extend(found);
        wanted.start = here.end;
    }
    if wanted.is_empty() { Ok(places) } else { Err(view.unknown(name.as_str(), wanted.start)) }
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
