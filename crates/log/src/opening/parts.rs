//! The parts of the log, from the index files where they are whole, from the segments where not.

use std::{collections::VecDeque, sync::Arc};

use tracing::warn;

use crate::{
    disk::Disk,
    error::{OpenError, Trouble},
    index::{Index, build, file::FileIndex, memory::MemoryIndex, page::PageCache},
    opening::Ending,
    recovery, sealing,
    segment::{SEGMENT_HEADER, Segment},
    view::Part,
};

/// What the parts of all segments are made from.
struct Opening<'a> {
    disk: &'a Arc<dyn Disk>,
    pages: &'a Arc<PageCache>,
    parts: Vec<Arc<Part>>,
}

/// Opens the parts of all segments. The last segment may end in what was half written.
pub(super) fn open(
    disk: &Arc<dyn Disk>,
    mut segments: VecDeque<Segment>,
    ending: &Ending,
    pages: &Arc<PageCache>,
) -> Result<Vec<Arc<Part>>, OpenError> {
    let mut opening = Opening { disk, pages, parts: Vec::new() };
    while let Some(segment) = segments.pop_front() {
        let next_position = opening.next_position();
        if segment.header.first_position != next_position {
            let fault = format!("events from position {next_position} on are missing before this segment");
            return Err(OpenError::Corrupt { file: segment.path.clone(), offset: 0, fault });
        }
        if segments.is_empty() {
            opening.add_last(&Arc::new(segment), ending)?;
        } else {
            opening.add_finished(&Arc::new(segment.to_be_read(pages)?))?;
        }
    }
    let last = opening.parts.last().expect("there is at least one segment");
    match ending {
        Ending::Marked(mark) if mark.next_position != opening.next_position() => {
            let fault = format!("the next event was {} when the store was closed", mark.next_position);
            Err(OpenError::Corrupt { file: last.segment.path.clone(), offset: mark.length, fault })
        }
        _ => Ok(opening.parts),
    }
}

impl Opening<'_> {
    fn next_position(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.next_position())
    }

    fn add(&mut self, segment: &Arc<Segment>, begin: u64, index: Index) {
        let first_position = self.next_position();
        let segment = segment.clone();
        self.parts.push(Arc::new(Part { segment, first_position, begin, index }));
    }

    /// The index file of a segment, if it can be used.
    fn index_file(&self, segment: &Arc<Segment>, fits: impl Fn(u64) -> bool) -> Option<FileIndex> {
        match FileIndex::open(self.disk, segment, self.pages) {
            Ok(index) => index.filter(|index| fits(index.disk.end)),
            Err(why) => {
                warn!("the index of segment {} is built again: {why}", segment.header.number);
                None
            }
        }
    }

    fn add_finished(&mut self, segment: &Arc<Segment>) -> Result<(), Trouble> {
        let length = segment.len()?;
        if let Some(index) = self.index_file(segment, |end| end == length) {
            self.add(segment, segment.begin(), Index::File(Box::new(index)));
            return Ok(());
        }
        let memory = recovery::index_whole(segment, MemoryIndex::of(segment), length)?;
        let written = sealing::write(self.disk, segment, &build::encode(segment, &memory), self.pages);
        let index = written.map_or_else(|| Index::memory(memory), |index| Index::File(Box::new(index)));
        self.add(segment, segment.begin(), index);
        Ok(())
    }

    fn add_last(&mut self, segment: &Arc<Segment>, ending: &Ending) -> Result<(), OpenError> {
        if let Ending::Marked(mark) = ending {
            recovery::check_mark(segment, mark)?;
        }
        let length = segment.len()?;
        let fits = |end| !matches!(ending, Ending::Marked(mark) if mark.length != end);
        let mut begin = SEGMENT_HEADER;
        if let Some(index) = self.index_file(segment, fits) {
            begin = index.disk.end;
            recovery::check_covered(segment, begin)?;
            self.add(segment, SEGMENT_HEADER, Index::File(Box::new(index)));
        }
        let rest = self.empty(begin);
        let rest = match ending {
            Ending::Marked(_) | Ending::Unmarked { .. } => recovery::index_whole(segment, rest, length)?,
            Ending::MayBeTorn => recovery::recover(segment, rest)?,
        };
        self.add(segment, begin, Index::memory(rest));
        Ok(())
    }

    fn empty(&self, begin: u64) -> MemoryIndex {
        MemoryIndex::starting(self.next_position(), begin)
    }
}
