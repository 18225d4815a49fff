//! The end of the log: the one place where bytes are written.

use std::{io, sync::Arc};

use crate::{
    chain::Link,
    disk::{self, Disk},
    segment::{SEGMENT_HEADER, Segment, SegmentHeader},
};

/// The end of the segment that is written.
#[derive(Debug)]
pub(crate) struct Tail {
    pub disk: Arc<dyn Disk>,
    pub segment: Arc<Segment>,
    /// The offset behind the last frame.
    pub end: u64,
    /// Up to where the frames are surely on disk.
    pub synced: u64,
    /// Up to where room is reserved.
    pub reserved: u64,
    /// Room is reserved in steps of so many bytes.
    pub step: u64,
    /// The link of the last frame, which the next one follows; none where the store has no chain.
    pub link: Option<Link>,
}

/// How a write failed.
#[derive(Debug)]
pub(crate) enum WriteFailure {
    /// The file is as it was before: nothing was written.
    Undone(io::Error),
    /// What the file holds is not known.
    Unknown(io::Error),
}

impl Tail {
    /// Whether something was written and not synced.
    pub(crate) fn is_dirty(&self) -> bool {
        self.end > self.synced
    }

    /// Writes frames at the end, the last of which has this link.
    pub(crate) fn write(&mut self, frames: &[u8], link: Option<Link>) -> Result<(), WriteFailure> {
        let end = self.end + frames.len() as u64;
        self.reserve(end).map_err(WriteFailure::Undone)?;
        match disk::write_full(&*self.segment.file, frames, self.end) {
            Ok(()) => {
                self.end = end;
                self.link = link;
                Ok(())
            }
            Err(error) => Err(match self.cut() {
                Ok(()) => WriteFailure::Undone(error),
                Err(_) => WriteFailure::Unknown(error),
            }),
        }
    }

    /// Makes sure that there is room up to `end`: by a step ahead, or where the disk is almost full, just so.
    fn reserve(&mut self, end: u64) -> io::Result<()> {
        if end <= self.reserved {
            return Ok(());
        }
        let ahead = end.next_multiple_of(self.step);
        let file = &self.segment.file;
        self.reserved = match file.allocate(self.reserved, ahead) {
            Ok(()) => ahead,
            Err(_) => file.allocate(self.reserved, end).map(|()| end)?,
        };
        Ok(())
    }

    /// Cuts the file behind the last frame, durably: what was half written must not come back after a crash.
    pub(crate) fn cut(&mut self) -> io::Result<()> {
        self.segment.file.set_len(self.end)?;
        self.reserved = self.end;
        self.sync()
    }

    /// Makes all that was written durable.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.segment.file.sync()?;
        self.synced = self.end;
        Ok(())
    }

    /// Goes on in a new segment. The old one has been cut.
    pub(crate) fn begin_segment(&mut self, first_position: u64) -> Result<(), WriteFailure> {
        let old = &self.segment.header;
        let header = SegmentHeader {
            store: old.store,
            number: old.number + 1,
            first_position,
            previous_length: self.end,
            generation: 0,
            chained: self.link.is_some(),
        };
        let segment = Segment::prepare(&*self.disk, header).map_err(WriteFailure::Undone)?;
        segment.take_name(&*self.disk).map_err(WriteFailure::Unknown)?;
        self.segment = Arc::new(segment);
        (self.end, self.synced, self.reserved) = (SEGMENT_HEADER, SEGMENT_HEADER, SEGMENT_HEADER);
        Ok(())
    }
}
