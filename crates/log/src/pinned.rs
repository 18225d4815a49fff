//! A store as it stands at one moment, seen without its lock, while another process may have it open.
//!
//! Nothing is written into its directory, and the process that has it open does not know. The format makes it sound:
//!
//! 1. A name never stands for two contents, and a file gets its name when it is whole. All segments are opened, and the
//!    directory is listed again: if none was exchanged meanwhile, all of them stood there at one moment, and stay as
//!    they are for whoever has them open, even if a scavenge takes their names. Otherwise one looks again.
//! 2. Of these only the last is written, at its end. Its frames are checked; behind the last append that is whole
//!    begins what is half written. An answered append had been written before, and so stands in front of that.
//! 3. A frame tells up to where the segment was on disk when it was written. Where one behind a bad place says so of
//!    that place, the place is read once more: if it is still bad, it is damage, and no end.
//! 4. A writer whose write fails takes the end back that was seen, and writes something else there. So damage counts
//!    that is found twice, the second time from the beginning of the segment on.
//!
//! Whether the last batch is on disk yet cannot be seen: what is seen may be ahead of what was answered by one batch,
//! and by one that is taken back, should its write fail.

use std::{collections::BTreeMap, io, sync::Arc};

use uuid::Uuid;

use crate::{
    disk::{self, Disk, Mode},
    error::{OpenError, Trouble},
    frame::{Kind, LAST},
    index::build,
    opening::{self, Ending, Found},
    scan,
    segment::Segment,
    store_file::CleanMark,
};

/// So many times the directory is looked at again, where segments are exchanged meanwhile.
const LOOKS: usize = 1_000;

/// So many times the end is looked for again, where it is taken back meanwhile.
pub(crate) const TRIES: usize = 10;

/// A store as it stands at one moment.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub store: Uuid,
    /// The segments, each with the offset behind its last frame. They are open, and so stay.
    pub segments: Vec<(Arc<Segment>, u64)>,
    /// The position behind the last event.
    pub next_position: u64,
    /// Up to where the last segment was on disk for certain: what stands in front of that is never taken back.
    pub synced: u64,
    /// What is wrong at the end of the last segment, beyond what is half written.
    pub damage: Option<Trouble>,
}

/// Looks what a store is now. All that was answered before is in it.
///
/// # Errors
/// Those of opening; but damage at the end of the log is told apart.
pub(crate) fn pin(disk: &dyn Disk) -> Result<Pinned, OpenError> {
    let (store, found, held) = hold(disk)?;
    let mut segments = Vec::with_capacity(held.len());
    let mut previous: Option<&Segment> = None;
    for segment in &held {
        opening::check_follows(segment, segments.len() as u64, previous)?;
        segments.push((segment.clone(), segment.len()?));
        previous = Some(segment);
    }
    let Some((last, end)) = segments.last_mut() else { return Err(opening::without_segments(disk)) };
    // Read before the end is looked for, which then cannot be in front of what they tell.
    let (mark, covered) = (mark(disk, &found, store)?, covered(disk, last));
    let Tail { end: found, next_position, synced, damage } = Tail::of(last)?;
    *end = found;
    let damage = damage.or_else(|| missing(last, found, mark, covered));
    Ok(Pinned { store, segments, next_position, synced, damage })
}

/// Opens all segments, so that all of them stood there at one moment.
fn hold(disk: &dyn Disk) -> Result<(Uuid, Found, Vec<Arc<Segment>>), OpenError> {
    let mut found = Found::store(disk)?;
    let store = opening::read_store(disk)?;
    let mut held: BTreeMap<String, Arc<Segment>> = BTreeMap::new();
    for _ in 0..LOOKS {
        held.retain(|name, _| found.segments.binary_search(name).is_ok());
        for name in &found.segments {
            if !held.contains_key(name)
                && let Some(segment) = open(disk, name, store)?
            {
                held.insert(name.clone(), Arc::new(segment));
            }
        }
        let again = Found::store(disk)?;
        // There may be new ones, behind those.
        if held.len() == found.segments.len() && again.segments.starts_with(&found.segments) {
            return Ok((store, again, held.into_values().collect()));
        }
        found = again;
    }
    Err(OpenError::Unsettled { directory: disk.place().to_owned() })
}

/// Opens a segment, unless another stands in its place by now.
fn open(disk: &dyn Disk, name: &str, store: Uuid) -> Result<Option<Segment>, OpenError> {
    match Segment::open(disk, name, Mode::Read, store) {
        Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => opened.map(Some),
    }
}

/// Where the log ended when the store was closed, if it is closed.
fn mark(disk: &dyn Disk, found: &Found, store: Uuid) -> Result<Option<CleanMark>, OpenError> {
    match opening::read_ending(disk, found, store) {
        Ok(Ending::Marked(mark)) => Ok(Some(mark)),
        Ok(Ending::MayBeTorn | Ending::Unmarked { .. }) => Ok(None),
        // It was opened since.
        Err(OpenError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Up to where a segment was on disk when its index was written, if it has one.
fn covered(disk: &dyn Disk, segment: &Segment) -> Option<u64> {
    // Without an index there is nothing to compare with; whatever keeps it from being read does not concern the segment.
    let bytes = disk::read_small(disk, &segment.name().idx()).ok()?;
    build::covered(&bytes, segment)
}

/// What shows that more of a segment was there.
fn missing(last: &Segment, end: u64, mark: Option<CleanMark>, covered: Option<u64>) -> Option<Trouble> {
    if let Some(covered) = covered.filter(|covered| *covered > end) {
        let fault =
            format!("the segment is cut off here, its index tells that it went on to offset {covered}");
        return Some(Trouble::damage(&last.path, end, fault));
    }
    let CleanMark { segment, length, .. } = mark?;
    // Behind the mark there may be more: what was written since it was read.
    let number = last.header.number;
    (segment < number || (segment == number && end < length)).then(|| {
        let fault = format!("the store was closed in order at offset {length} of segment {segment}");
        Trouble::damage(&last.path, end, fault)
    })
}

/// The end of a segment that may be written meanwhile.
#[derive(Debug)]
pub(crate) struct Tail {
    /// The offset behind the last append that is whole.
    pub end: u64,
    /// The position behind the last event in front of that.
    pub next_position: u64,
    /// Up to where the segment was on disk when its newest frame was written.
    pub synced: u64,
    /// What stands behind the end, where it is not something half written.
    pub damage: Option<Trouble>,
}

impl Tail {
    /// Finds the end of a segment.
    pub(crate) fn of(segment: &Segment) -> Result<Self, OpenError> {
        if let Some(rewritten) = &segment.rewritten {
            let (end, next_position) = (rewritten.length, rewritten.next_position);
            return Ok(Tail { end, next_position, synced: end, damage: None });
        }
        let mut before = None;
        for _ in 0..TRIES {
            let tail = Tail::look(segment)?;
            if tail.damage.is_none() || before == Some(tail.end) {
                return Ok(tail);
            }
            before = Some(tail.end);
        }
        Err(taken_back(segment))
    }

    fn look(segment: &Segment) -> Result<Self, Trouble> {
        // What is written behind that from now on was not answered before.
        let length = segment.len()?;
        let (begin, next_position) = (segment.begin(), segment.header.first_position);
        let mut tail = Tail { end: begin, next_position, synced: begin, damage: None };
        let mut proven = None;
        loop {
            let scanned = tail.advance(segment, length)?;
            let Some(fault) = scanned.fault else { return Ok(tail) };
            // The frame that proves it was seen first, and then the place was read.
            if let Some((proof, at)) = proven
                && at == tail.end
            {
                let fault =
                    format!("{}, and the frame at {proof} shows that it had been on disk", fault.as_str());
                tail.damage = Some(Trouble::damage(&segment.path, scanned.end, fault));
                return Ok(tail);
            }
            let Some(proof) = scan::proof_of_sync(segment, scanned.end, length, tail.end)? else {
                return Ok(tail);
            };
            proven = Some((proof, tail.end));
        }
    }

    /// Goes on behind all appends that are whole.
    fn advance(&mut self, segment: &Segment, length: u64) -> Result<scan::Scanned, Trouble> {
        let from = self.end;
        scan::frames(segment, from, length, |offset, head, _| {
            self.synced = self.synced.max(head.synced);
            if head.is(LAST) {
                self.end = offset + head.size;
                self.next_position = head.position.saturating_add(u64::from(head.kind == Kind::Event));
            }
            Ok(())
        })
    }
}

/// Says that the end of a segment was taken back whenever it was looked at.
pub(crate) fn taken_back(segment: &Segment) -> OpenError {
    let directory = segment.path.parent().unwrap_or(&segment.path).to_owned();
    OpenError::TakenBack { directory }
}
