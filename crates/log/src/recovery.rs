//! Finding the end of the log after a crash.
//!
//! Only the last segment can have a torn end, and only behind what had been synced. Every frame tells up to
//! where the segment was on disk when it was written: where a frame behind a bad place says that the place
//! had been on disk, the place is damage, and nothing is cut.

use tracing::warn;

use crate::{
    disk,
    error::{OpenError, Trouble},
    frame::{Fault, Head, LAST},
    index::memory::MemoryIndex,
    scan::{self, Scanned},
    segment::Segment,
    store_file::CleanMark,
};

/// So many bytes are written again at once.
const CHUNK: u64 = 1024 * 1024;

/// What a look through the frames of a segment found.
struct Looked {
    index: MemoryIndex,
    scanned: Scanned,
    /// The offset behind the last append that is complete.
    complete: u64,
    /// Up to where the segment was surely on disk when its newest frame was written.
    synced: u64,
}

/// Indexes the frames of a segment from the end of `index` on, up to the first that is bad.
fn look(segment: &Segment, mut index: MemoryIndex, to: u64) -> Result<Looked, Trouble> {
    let from = index.end();
    let (mut complete, mut synced) = (from, from);
    let scanned = scan::frames(segment, from, to, |offset, head: &Head, frame| {
        index
            .add_frame(offset, head, frame)
            .map_err(|fault| Trouble::damage(&segment.path, offset, fault))?;
        synced = synced.max(head.synced);
        if head.is(LAST) {
            complete = offset + head.size;
        }
        Ok(())
    })?;
    index.reach(scanned.end);
    Ok(Looked { index, scanned, complete, synced })
}

/// Indexes a segment that is known to be whole up to `length`.
pub(crate) fn index_whole(
    segment: &Segment,
    index: MemoryIndex,
    length: u64,
) -> Result<MemoryIndex, Trouble> {
    let looked = look(segment, index, length)?;
    if let Some(fault) = looked.scanned.fault {
        return Err(segment.damage(looked.scanned.end, &fault));
    }
    if looked.complete != looked.scanned.end {
        return Err(Trouble::damage(&segment.path, looked.complete, "the end of the last append is missing"));
    }
    Ok(looked.index)
}

/// Checks that the segment ends where it ended when the store was closed.
pub(crate) fn check_mark(segment: &Segment, mark: &CleanMark) -> Result<(), OpenError> {
    let length = segment.len()?;
    if segment.header.number == mark.segment && length == mark.length {
        return Ok(());
    }
    let fault = format!(
        "the store was closed in order at offset {} of segment {}, and ends elsewhere now",
        mark.length, mark.segment
    );
    Err(OpenError::Corrupt { file: segment.path.clone(), offset: length.min(mark.length), fault })
}

/// Checks that the segment is as long as its index file says: that was written when all of it was on disk.
pub(crate) fn check_covered(segment: &Segment, covered: u64) -> Result<(), Trouble> {
    let length = segment.len()?;
    if covered <= length {
        return Ok(());
    }
    let fault = format!("the segment is cut off here, its index tells that it went on to offset {covered}");
    Err(Trouble::damage(&segment.path, length, fault))
}

/// Finds the end of the last segment, cuts what was half written, and makes the rest durable.
pub(crate) fn recover(segment: &Segment, index: MemoryIndex) -> Result<MemoryIndex, OpenError> {
    let (first_position, begin) = (index.first_position, index.end());
    let length = segment.len()?;
    let looked = look(segment, index, length)?;
    let Looked { complete, scanned, synced, .. } = &looked;
    refuse_damage(segment, *complete, scanned, length)?;
    if *complete < scanned.end || !matches!(scanned.fault, None | Some(Fault::Nothing)) {
        warn!(segment = segment.header.number, offset = complete, "an unfinished append was cut off");
    }
    settle(segment, *synced, *complete, length).map_err(|error| OpenError::io(&segment.path, error))?;
    if *complete == scanned.end {
        return Ok(looked.index);
    }
    Ok(index_whole(segment, MemoryIndex::starting(first_position, begin), *complete)?)
}

/// Looks behind the end for proof that the end had been on disk.
fn refuse_damage(segment: &Segment, complete: u64, scanned: &Scanned, length: u64) -> Result<(), Trouble> {
    let Some(proof) = scan::proof_of_sync(segment, scanned.end, length, complete)? else { return Ok(()) };
    let fault = scanned.fault.as_ref().map_or("the append is not complete", Fault::as_str);
    let fault = format!("{fault}, and the frame at {proof} shows that it had been on disk");
    Err(Trouble::damage(&segment.path, scanned.end, fault))
}

/// Cuts the segment, and writes again what may be known to the system only, not to the disk: after a failed
/// sync the system may hold frames that the disk never got, and would not tell.
fn settle(segment: &Segment, synced: u64, end: u64, length: u64) -> std::io::Result<()> {
    let file = &*segment.file;
    if length > end {
        file.set_len(end)?;
    }
    let mut from = synced;
    while from < end {
        let to = end.min(from + CHUNK);
        let mut bytes = vec![0; crate::units::index(to - from)];
        disk::read_full(file, &mut bytes, from)?;
        disk::write_full(file, &bytes, from)?;
        from = to;
    }
    file.sync()
}
