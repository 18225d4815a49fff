//! Reading a segment frame by frame, as recovery, indexing and verification do.

use bytes::Bytes;

use crate::{
    error::Trouble,
    frame::{Fault, HEADER, Head, MAX_FRAME},
    segment::Segment,
    units::{ALIGN, index},
};

/// How much is read at once.
const CHUNK: u64 = 1024 * 1024;

/// Where a scan ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scanned {
    /// The offset behind the last whole frame.
    pub end: u64,
    /// What stands there; absent at the end of the range.
    pub fault: Option<Fault>,
}

/// Calls `visit` with each frame of `from..to`, up to the first place where there is none.
pub(crate) fn frames(
    segment: &Segment,
    from: u64,
    to: u64,
    visit: impl FnMut(u64, &Head, &[u8]) -> Result<(), Trouble>,
) -> Result<Scanned, Trouble> {
    each_frame(segment, from, to, visit)
}

/// [`frames`] for a `visit` that fails in ways of its own.
pub(crate) fn each_frame<E: From<Trouble>>(
    segment: &Segment,
    from: u64,
    to: u64,
    mut visit: impl FnMut(u64, &Head, &[u8]) -> Result<(), E>,
) -> Result<Scanned, E> {
    let mut window = Window { segment, to, start: from, bytes: Bytes::new() };
    let mut offset = from;
    while offset < to {
        let head = match window.frame(offset)? {
            Ok(head) => head,
            Err(fault) => return Ok(Scanned { end: offset, fault: Some(fault) }),
        };
        visit(offset, &head, window.at(offset, head.size))?;
        offset += head.size;
    }
    Ok(Scanned { end: offset, fault: None })
}

/// Finds a whole frame in `from..to` that says that the segment had been on disk beyond `mark`.
///
/// After a place that cannot be read, such a frame is the proof that the place was not the torn end of the
/// log, but damage to what had been written.
pub(crate) fn proof_of_sync(
    segment: &Segment,
    from: u64,
    to: u64,
    mark: u64,
) -> Result<Option<u64>, Trouble> {
    find(segment, from, to, |head| head.synced > mark)
}

/// Finds the next whole frame in `from..to`.
pub(crate) fn next_frame(segment: &Segment, from: u64, to: u64) -> Result<Option<u64>, Trouble> {
    find(segment, from, to, |_| true)
}

fn find(
    segment: &Segment,
    from: u64,
    to: u64,
    wanted: impl Fn(&Head) -> bool,
) -> Result<Option<u64>, Trouble> {
    let mut window = Window { segment, to, start: from, bytes: Bytes::new() };
    let mut offset = from.next_multiple_of(ALIGN);
    while offset + HEADER as u64 <= to {
        window.hold(offset, HEADER as u64)?;
        let empty = window.at(offset, 4) == [0; 4];
        let plausible = !empty
            && Head::parse(window.at(offset, HEADER as u64))
                .is_ok_and(|head| wanted(&head) && head.synced <= offset && offset + head.size <= to);
        if plausible && window.frame(offset)?.is_ok() {
            return Ok(Some(offset));
        }
        offset += ALIGN;
    }
    Ok(None)
}

/// The part of a segment that was read last.
struct Window<'a> {
    segment: &'a Segment,
    to: u64,
    start: u64,
    bytes: Bytes,
}

impl Window<'_> {
    /// Makes sure that `offset..offset + size` is held, as far as the range goes.
    fn hold(&mut self, offset: u64, size: u64) -> Result<(), Trouble> {
        let held = self.start..self.start + self.bytes.len() as u64;
        let wanted_end = (offset + size).min(self.to);
        if offset < held.start || wanted_end > held.end {
            self.bytes = self.segment.read(offset, self.to.min(offset + size.max(CHUNK)))?;
            self.start = offset;
        }
        Ok(())
    }

    fn at(&self, offset: u64, size: u64) -> &[u8] {
        let from = index(offset - self.start).min(self.bytes.len());
        let to = index(offset - self.start + size).min(self.bytes.len());
        &self.bytes[from..to]
    }

    fn frame(&mut self, offset: u64) -> Result<Result<Head, Fault>, Trouble> {
        self.hold(offset, HEADER as u64)?;
        let head = match Head::parse(self.at(offset, HEADER as u64)) {
            Ok(head) => head,
            Err(fault) => return Ok(Err(fault)),
        };
        self.hold(offset, head.size.min(MAX_FRAME))?;
        Ok(Head::check(self.at(offset, head.size), self.segment.salt, offset))
    }
}
