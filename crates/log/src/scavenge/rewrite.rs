//! Writing a segment anew: what is left of it, beside the old one, and then in its place.

use std::{io, sync::Arc};

use engine_store::{MaintenanceError, ReadError};

use super::{rules::Fate, survey};
use crate::{
    chain::Link,
    disk::{self, File, Mode, UNFINISHED},
    error::Trouble,
    frame::{BINARY, Content, Head, Kind, LAST, TOMBSTONE, Tie},
    index::{Index, build, file::FileIndex, memory::MemoryIndex},
    scan,
    segment::{
        Segment, SegmentHeader,
        blocks::{BlockWriter, Layout},
        name::SegmentName,
        rewritten::{BEGIN, Rewritten},
    },
    shared::Shared,
    view::{Part, View},
};

/// So many bytes are written at once.
const CHUNK: usize = 1 << 20;

/// Says what becomes of the frame at an offset.
pub(super) type Decide<'a> = dyn Fn(u64, &Head, &[u8]) -> Result<Fate, Trouble> + 'a;

/// What writes one segment anew.
pub(super) struct Rewriting<'a> {
    pub shared: &'a Shared,
    pub view: &'a View,
    pub old: &'a Arc<Segment>,
    /// The offset behind its last frame.
    pub end: u64,
    /// The bytes of the frames that are left.
    pub left: u64,
    /// Whether all of them are left.
    pub whole: bool,
    /// What becomes of a frame.
    pub fate: &'a Decide<'a>,
    /// Says now and then whether the work is to go on.
    pub goes_on: &'a dyn Fn() -> Result<(), MaintenanceError>,
}

/// Why a segment was not written anew. The old one stands where it stood.
enum Failure {
    Disk(io::Error),
    Trouble(Trouble),
    GivenUp(MaintenanceError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Disk(error)
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Failure::Trouble(trouble)
    }
}

impl Rewriting<'_> {
    /// Writes the segment anew, and puts it in the place of the old one.
    pub(super) fn run(&self) -> Result<(), MaintenanceError> {
        let header = SegmentHeader { generation: self.old.header.generation + 1, ..self.old.header };
        let log = SegmentName::of(&header).log();
        self.write(header).map_err(|failure| {
            let unfinished = format!("{log}{UNFINISHED}");
            // What stays is removed when the store is opened the next time.
            let _stays = self.shared.disk.remove(&unfinished);
            match failure {
                Failure::Disk(error) if error.kind() == io::ErrorKind::StorageFull => {
                    let what = format!("writing segment {} anew", header.number);
                    MaintenanceError::NoRoom { what, needed_bytes: BEGIN + self.left }
                }
                Failure::Disk(error) => {
                    ReadError::from(Trouble::io(&self.shared.disk.place().join(log), error)).into()
                }
                Failure::Trouble(trouble) => ReadError::from(trouble).into(),
                Failure::GivenUp(error) => error,
            }
        })
    }

    fn write(&self, header: SegmentHeader) -> Result<(), Failure> {
        let disk = &self.shared.disk;
        let name = SegmentName::of(&header);
        let file = disk.open(&format!("{}{UNFINISHED}", name.log()), Mode::Create)?;
        let length = BEGIN + self.left;
        let compression = self.shared.options.compression.as_ref();
        let mut out = compression.map_or(Out::Plain, |it| Out::Compressed(BlockWriter::new(it)));
        if compression.is_none() {
            file.allocate(0, length)?;
        }
        let mut rewritten = Rewritten {
            next_position: self.next_position(),
            original_length: self.old.original_len()?,
            length,
            layout: Layout::default(),
            created: self.shared.options.clock.now().as_micros(),
            whole: self.whole && !self.old.was_scavenged(),
        };
        let segment = Segment::with(header, Some(rewritten), disk.place().join(name.log()), file.clone());
        let mut index = MemoryIndex::of(&segment);
        self.copy(&segment, &mut index, &mut out)?;
        if let Out::Compressed(blocks) = out {
            rewritten.layout = blocks.finish(&*file)?;
        }
        let mut headers = header.encode().to_vec();
        headers.extend_from_slice(&rewritten.encode(segment.salt));
        disk::write_full(&*file, &headers, 0)?;
        file.sync()?;
        disk::write_whole(&**disk, &name.idx(), &build::encode(&segment, &index))?;
        let mut segment = Segment::with(header, Some(rewritten), segment.path.clone(), file);
        segment.find_blocks()?;
        segment.take_name(&**disk)?;
        self.switch(segment, index);
        Ok(())
    }

    /// The position behind the last event that ever stood in the segment.
    fn next_position(&self) -> u64 {
        let number = self.old.header.number;
        let part = self.view.parts.iter().rev().find(|part| part.segment.header.number == number);
        part.map_or(self.old.header.first_position, |part| part.next_position())
    }

    /// Copies the frames that are left.
    fn copy(&self, segment: &Segment, index: &mut MemoryIndex, to: &mut Out) -> Result<(), Failure> {
        let mut out = Vec::with_capacity(CHUNK);
        let mut begin = BEGIN;
        let (mut gap, mut before) = (false, None);
        let scanned = scan::each_frame(self.old, self.old.begin(), self.end, |offset, head, frame| {
            let fate = (self.fate)(offset, head, frame)?;
            if fate != Fate::Goes {
                let start = out.len();
                let place = begin + start as u64;
                let tie = tie(fate, head, frame, gap, before);
                encode(&mut out, segment, place, fate, head, frame, tie);
                let head = Head::parse(&out[start..]).map_err(|fault| self.old.damage(offset, &fault))?;
                index
                    .add_frame(place, &head, &out[start..])
                    .map_err(|fault| Trouble::damage(&self.old.path, offset, fault))?;
            }
            (gap, before) = (fate == Fate::Goes, head.link(frame));
            if out.len() >= CHUNK {
                (self.goes_on)().map_err(Failure::GivenUp)?;
                to.write(&*segment.file, &out, begin)?;
                begin += out.len() as u64;
                out.clear();
            }
            Ok::<_, Failure>(())
        })?;
        if let Some(fault) = scanned.fault {
            return Err(self.old.damage(scanned.end, &fault).into());
        }
        (self.goes_on)().map_err(Failure::GivenUp)?;
        to.write(&*segment.file, &out, begin)?;
        let end = begin + out.len() as u64;
        if end != segment.len()? {
            return Err(Trouble::damage(&self.old.path, 0, "the segment reads differently each time").into());
        }
        index.reach(end);
        Ok(())
    }

    /// From here on everybody reads the new segment, but for those who are at it.
    fn switch(&self, segment: Segment, index: MemoryIndex) {
        // Where it cannot be opened again, the file stays open.
        let segment = Arc::new(segment.to_be_read(&self.shared.pages).unwrap_or(segment));
        let index = match FileIndex::open(&self.shared.disk, &segment, &self.shared.pages) {
            Ok(Some(file)) => Index::File(Box::new(file)),
            Ok(None) | Err(_) => Index::memory(index),
        };
        self.shared.exchange_parts(Part::of(segment, index));
        self.old.supersede(&self.shared.disk);
    }
}

/// How frames are written.
enum Out {
    Plain,
    Compressed(BlockWriter),
}

impl Out {
    fn write(&mut self, file: &dyn File, frames: &[u8], offset: u64) -> io::Result<()> {
        match self {
            Out::Plain => disk::write_full(file, frames, offset),
            Out::Compressed(blocks) => blocks.write(file, frames),
        }
    }
}

/// A frame keeps its link. Where the one before it goes, it says which link it follows.
fn tie(fate: Fate, head: &Head, frame: &[u8], gap: bool, before: Option<Link>) -> Tie {
    let Some(own) = head.link(frame) else { return Tie::Untied };
    let says = fate == Fate::Stays && survey::says_what_it_follows(head, gap);
    // Only in a store that somebody changed is there nothing before, which `verify` tells.
    let follows = says.then(|| head.follows(frame).or(before).unwrap_or(own));
    Tie::Kept { own, follows }
}

/// Writes what is left of a frame as it stands in its new place. Each frame is complete by itself: the append that
/// it was a part of is on disk.
fn encode(
    out: &mut Vec<u8>,
    segment: &Segment,
    offset: u64,
    fate: Fate,
    head: &Head,
    frame: &[u8],
    tie: Tie,
) {
    let stays = fate == Fate::Stays;
    let content = Content {
        kind: if stays { head.kind } else { Kind::Removed },
        flags: LAST | if stays { head.flags & (BINARY | TOMBSTONE) } else { 0 },
        synced: BEGIN,
        position: head.position,
        revision: head.revision,
        created: head.created,
        id: head.id,
        name: head.name(frame),
        event_type: if stays { head.event_type(frame) } else { "" },
        metadata: if stays { &frame[head.metadata()] } else { &[] },
        data: if stays { &frame[head.data()] } else { &[] },
        tie,
    };
    content.encode(out, segment.salt, offset);
}
