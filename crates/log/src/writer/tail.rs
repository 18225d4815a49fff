//! The end of the log: the one place where frames are written.

use std::{io, sync::Arc};

use super::room::Room;
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
    /// What is behind `end`.
    pub room: Room,
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
    /// Whether so many bytes can be written and nothing else need be done.
    pub(crate) fn is_ready_for(&self, bytes: u64) -> bool {
        self.room.is_ready(&(self.end..self.end + bytes))
    }

    /// Whether something was written and not synced.
    pub(crate) fn is_dirty(&self) -> bool {
        self.end > self.synced
    }

    /// Writes frames at the end, the last of which has this link.
    pub(crate) fn write(&mut self, frames: &[u8], link: Option<Link>) -> Result<(), WriteFailure> {
        let end = self.end + frames.len() as u64;
        let file = &*self.segment.file;
        self.room.reserve(file, end).map_err(WriteFailure::Undone)?;
        match disk::write_full(file, frames, self.end) {
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

    /// Cuts the file behind the last frame, durably: what was half written must not come back after a crash.
    pub(crate) fn cut(&mut self) -> io::Result<()> {
        self.segment.file.set_len(self.end)?;
        self.room.cut(self.end);
        self.sync()
    }

    /// Fills room ahead for as many frames as wait to be synced. They come first, as the disk may be almost full; and where
    /// nobody waits for a sync, it need not be fast.
    pub(crate) fn fill_ahead(&mut self) {
        self.room.fill(&*self.segment.file, &(self.synced..self.end));
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
        (self.end, self.synced) = (SEGMENT_HEADER, SEGMENT_HEADER);
        self.room.cut(SEGMENT_HEADER);
        Ok(())
    }
}
