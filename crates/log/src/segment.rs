//! Segments: the files that hold the frames, one after the other in the order in which they were written.

pub(crate) mod blocks;
mod heading;
pub(crate) mod name;
pub(crate) mod rewritten;

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use uuid::Uuid;

use crate::{
    disk::{self, Disk, File, Mode, UNFINISHED},
    error::{OpenError, Trouble},
    frame::{Fault, HEADER, Head},
    index::page::PageCache,
    units::{index, le},
};
use blocks::Blocks;
pub(crate) use heading::{check_header, header, seal_header};
use name::SegmentName;
use rewritten::Rewritten;

/// The version of all files of this format as they are written first.
pub(crate) const VERSION: u32 = 1;

/// The version of segments that were written anew, and of their indexes.
pub(crate) const REWRITTEN: u32 = 2;

/// The version of segments whose frames are tied into the hash chain, those that were written anew too.
pub(crate) const CHAINED: u32 = 3;

/// The bytes before the first frame of a segment that was not written anew.
pub(crate) const SEGMENT_HEADER: u64 = 64;

const MAGIC: [u8; 8] = *b"cqrsSEG\n";

/// What is written at the beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub store: Uuid,
    /// 0, 1, 2 …
    pub number: u64,
    /// The position of the first event in it.
    pub first_position: u64,
    /// The length of the segment before it as that was written first, so that a cut of that one is found.
    pub previous_length: u64,
    /// How often the segment was written anew.
    pub generation: u32,
    /// Whether its frames are tied into the hash chain.
    pub chained: bool,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; 64] {
        let version = match self.generation {
            _ if self.chained => CHAINED,
            0 => VERSION,
            _ => REWRITTEN,
        };
        let mut bytes = header(MAGIC, version);
        bytes[16..32].copy_from_slice(self.store.as_bytes());
        bytes[32..40].copy_from_slice(&self.number.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first_position.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.previous_length.to_le_bytes());
        bytes[56..60].copy_from_slice(&self.generation.to_le_bytes());
        seal_header(bytes)
    }

    pub(crate) fn decode(bytes: &[u8], file: &Path) -> Result<Self, OpenError> {
        check_header(bytes, MAGIC, CHAINED, file)?;
        Ok(SegmentHeader {
            store: Uuid::from_slice(&bytes[16..32]).unwrap_or_default(),
            number: le!(u64, bytes, 32),
            first_position: le!(u64, bytes, 40),
            previous_length: le!(u64, bytes, 48),
            generation: le!(u32, bytes, 56),
            chained: le!(u32, bytes, 8) == CHAINED,
        })
    }
}

impl SegmentHeader {
    /// What binds the checksums of the frames to their segment.
    pub(crate) fn salt(&self) -> u32 {
        let salt = crc32c::crc32c_append(crc32c::crc32c(self.store.as_bytes()), &self.number.to_le_bytes());
        match self.generation {
            0 => salt,
            generation => crc32c::crc32c_append(salt, &generation.to_le_bytes()),
        }
    }
}

/// A segment that is open. What is published of it never changes.
#[derive(Debug)]
pub(crate) struct Segment {
    pub header: SegmentHeader,
    /// How it was written anew, if it was.
    pub rewritten: Option<Rewritten>,
    /// What binds the checksums of its frames to it.
    pub salt: u32,
    /// For messages.
    pub path: PathBuf,
    pub file: Arc<dyn File>,
    /// Where the frames stand, if they are compressed.
    blocks: Option<Blocks>,
    /// Where its files are removed when nobody reads them any more.
    superseded: OnceLock<Arc<dyn Disk>>,
}

impl Drop for Segment {
    fn drop(&mut self) {
        if let Some(disk) = self.superseded.get() {
            let name = self.name();
            // What stays is removed when the store is opened the next time.
            let _stays = disk.remove(&name.log()).and_then(|()| disk.remove(&name.idx()));
        }
    }
}

impl Segment {
    pub(crate) fn name(&self) -> SegmentName {
        SegmentName::of(&self.header)
    }

    /// Creates a segment under the name of what is unfinished.
    pub(crate) fn prepare(disk: &dyn Disk, header: SegmentHeader) -> io::Result<Self> {
        let name = SegmentName::of(&header).log();
        let file = disk.open(&format!("{name}{UNFINISHED}"), Mode::Create)?;
        disk::write_full(&*file, &header.encode(), 0)?;
        file.sync()?;
        Ok(Segment::with(header, None, disk.place().join(&name), file))
    }

    /// Gives a segment that was prepared its name, durably. After a crash it is there whole, or not at all.
    pub(crate) fn take_name(&self, disk: &dyn Disk) -> io::Result<()> {
        let name = self.name().log();
        disk.rename(&format!("{name}{UNFINISHED}"), &name)?;
        disk.sync()
    }

    /// Opens a segment and checks its header.
    pub(crate) fn open(disk: &dyn Disk, name: &str, mode: Mode, store: Uuid) -> Result<Self, OpenError> {
        let path = disk.place().join(name);
        let io = |error| OpenError::io(&path, error);
        let file = disk.open(name, mode).map_err(io)?;
        let mut bytes = [0; 128];
        let count = disk::read_full(&*file, &mut bytes, 0).map_err(io)?;
        let header = SegmentHeader::decode(&bytes[..count.min(64)], &path)?;
        if header.store != store || SegmentName::parse_log(name) != Some(SegmentName::of(&header)) {
            let fault = "the file belongs to another store, or had another name".to_owned();
            return Err(OpenError::Corrupt { file: path, offset: 0, fault });
        }
        let rewritten = if header.generation == 0 {
            None
        } else {
            let rewritten = Rewritten::decode(bytes.get(64..count).unwrap_or_default(), header.salt());
            let rewritten = rewritten.map_err(|fault| Trouble::damage(&path, 64, fault))?;
            rewritten
                .check_file(file.len().map_err(io)?)
                .and_then(|()| rewritten.check_positions(header.first_position))
                .map_err(|fault| Trouble::damage(&path, 64, fault))?;
            Some(rewritten)
        };
        let mut segment = Segment::with(header, rewritten, path, file);
        segment.find_blocks()?;
        Ok(segment)
    }

    /// Looks where the frames stand, if they are compressed.
    pub(crate) fn find_blocks(&mut self) -> Result<(), Trouble> {
        if let Some(rewritten) = self.rewritten.filter(Rewritten::is_compressed) {
            let name = (self.header.number, self.header.generation);
            let blocks = Blocks::open(&*self.file, &self.path, rewritten.layout, rewritten.length, name)?;
            self.blocks = Some(blocks);
        }
        Ok(())
    }

    pub(crate) fn with(
        header: SegmentHeader,
        rewritten: Option<Rewritten>,
        path: PathBuf,
        file: Arc<dyn File>,
    ) -> Self {
        let (salt, superseded) = (header.salt(), OnceLock::new());
        Segment { header, rewritten, salt, path, file, blocks: None, superseded }
    }

    /// Whether events may have been removed from it since it was written first.
    pub(crate) fn was_scavenged(&self) -> bool {
        self.rewritten.is_some_and(|rewritten| !rewritten.whole)
    }

    /// The offset of the first frame.
    pub(crate) fn begin(&self) -> u64 {
        if self.rewritten.is_some() { rewritten::BEGIN } else { SEGMENT_HEADER }
    }

    /// The offset behind the last frame there can be.
    pub(crate) fn len(&self) -> Result<u64, Trouble> {
        match &self.rewritten {
            Some(rewritten) => Ok(rewritten.length),
            None => self.file.len().map_err(|error| Trouble::io(&self.path, error)),
        }
    }

    /// The length of the file, where the frames end at `end`.
    pub(crate) fn file_len(&self, end: u64) -> u64 {
        self.rewritten.as_ref().map_or(end, Rewritten::file_len)
    }

    /// The length of the segment as it was written first, which the header of the next one tells.
    pub(crate) fn original_len(&self) -> Result<u64, Trouble> {
        match &self.rewritten {
            Some(rewritten) => Ok(rewritten.original_length),
            None => self.len(),
        }
    }

    /// The same, read by its name from now on: its file need not stay open.
    pub(crate) fn to_be_read(&self, pages: &PageCache) -> Result<Self, Trouble> {
        let file = pages.files.open(self.name().log()).map_err(|error| Trouble::io(&self.path, error))?;
        let mut segment = Segment::with(self.header, self.rewritten, self.path.clone(), file);
        segment.blocks = self.blocks.clone().map(|blocks| blocks.cached(&pages.blocks));
        Ok(segment)
    }

    /// Lets its files be removed when nobody reads them any more: another segment stands in its place.
    pub(crate) fn supersede(&self, disk: &Arc<dyn Disk>) {
        // Only the first call counts, and all are the same.
        let _again = self.superseded.set(disk.clone());
    }

    /// Reads `from..to`, or less where the file ends before.
    pub(crate) fn read(&self, from: u64, to: u64) -> Result<Bytes, Trouble> {
        if let Some(blocks) = &self.blocks {
            return blocks.read(&*self.file, &self.path, from, to);
        }
        let mut bytes = vec![0; index(to.saturating_sub(from))];
        let count =
            disk::read_full(&*self.file, &mut bytes, from).map_err(|error| Trouble::io(&self.path, error))?;
        bytes.truncate(count);
        Ok(bytes.into())
    }

    /// Tells the system that this will be read soon.
    pub(crate) fn will_read(&self, range: Range<u64>) {
        let on_disk = self.blocks.as_ref().map_or(range.clone(), |blocks| blocks.on_disk(range));
        self.file.will_read(on_disk);
    }

    /// Reads the one frame at `offset`. `guess` is how long it may be.
    pub(crate) fn frame(&self, offset: u64, end: u64, guess: u64) -> Result<(Head, Bytes), Trouble> {
        let bytes = self.read(offset, end.min(offset + guess.max(HEADER as u64)))?;
        let head = Head::parse(&bytes).map_err(|fault| self.damage(offset, &fault))?;
        let bytes =
            if head.size > bytes.len() as u64 { self.read(offset, offset + head.size)? } else { bytes };
        let head = Head::check(&bytes, self.salt, offset).map_err(|fault| self.damage(offset, &fault))?;
        Ok((head, bytes))
    }

    pub(crate) fn damage(&self, offset: u64, fault: &Fault) -> Trouble {
        Trouble::damage(&self.path, offset, fault.as_str())
    }
}
