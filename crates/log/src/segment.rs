//! Segments: the files that hold the frames, one after the other in the order in which they were written.

use std::{io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use uuid::Uuid;

use crate::{
    disk::{self, Disk, File, Mode, UNFINISHED},
    error::{OpenError, Trouble},
    frame::{Fault, HEADER, Head},
    units::{index, le},
};

/// The version of all files of this format.
pub(crate) const VERSION: u32 = 1;

/// The bytes before the first frame.
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
    /// The length of the segment before it, so that a cut of that one is found.
    pub previous_length: u64,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; 64] {
        let mut bytes = header(MAGIC);
        bytes[16..32].copy_from_slice(self.store.as_bytes());
        bytes[32..40].copy_from_slice(&self.number.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first_position.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.previous_length.to_le_bytes());
        seal_header(bytes)
    }

    fn decode(bytes: &[u8], file: &std::path::Path) -> Result<Self, OpenError> {
        check_header(bytes, MAGIC, file)?;
        Ok(SegmentHeader {
            store: Uuid::from_slice(&bytes[16..32]).unwrap_or_default(),
            number: le!(u64, bytes, 32),
            first_position: le!(u64, bytes, 40),
            previous_length: le!(u64, bytes, 48),
        })
    }
}

/// A header of 64 bytes, as every file of the store begins with: the magic word, the version, content, and
/// a checksum. Word, version and checksum stay where they are in every version to come.
pub(crate) fn header(magic: [u8; 8]) -> [u8; 64] {
    let mut bytes = [0; 64];
    bytes[..8].copy_from_slice(&magic);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes
}

/// Writes the checksum into a header.
pub(crate) fn seal_header(mut bytes: [u8; 64]) -> [u8; 64] {
    let checksum = crc32c::crc32c(&bytes[..60]);
    bytes[60..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Checks a header, in the order in which the answers help: is it ours, is it whole, can we read it.
pub(crate) fn check_header(bytes: &[u8], magic: [u8; 8], file: &std::path::Path) -> Result<(), OpenError> {
    let corrupt =
        |fault: &str| Err(OpenError::Corrupt { file: file.to_owned(), offset: 0, fault: fault.to_owned() });
    if bytes.len() < 64 {
        return corrupt("the header is cut off");
    }
    if crc32c::crc32c(&bytes[..60]) != le!(u32, bytes, 60) {
        return corrupt("the checksum of the header does not fit");
    }
    if bytes[..8] != magic {
        return corrupt("this is a file of another kind");
    }
    match le!(u32, bytes, 8) {
        VERSION => Ok(()),
        found => Err(OpenError::WrongVersion { file: file.to_owned(), found, supported: VERSION }),
    }
}

/// A segment that is open. What is published of it never changes.
#[derive(Debug)]
pub(crate) struct Segment {
    pub header: SegmentHeader,
    /// What binds the checksums of its frames to it.
    pub salt: u32,
    /// For messages.
    pub path: PathBuf,
    pub file: Arc<dyn File>,
}

impl Segment {
    /// The name of a segment file: its number, so that names sort, and its first position, for people.
    pub(crate) fn name(number: u64, first_position: u64) -> String {
        format!("segment-{number:010}-{first_position:020}.log")
    }

    /// The number and the first position in the name of a segment file.
    pub(crate) fn parse_name(name: &str) -> Option<(u64, u64)> {
        let (number, position) = name.strip_prefix("segment-")?.strip_suffix(".log")?.split_once('-')?;
        Some((number.parse().ok()?, position.parse().ok()?))
    }

    /// Creates a segment under the name of what is unfinished.
    pub(crate) fn prepare(disk: &dyn Disk, header: SegmentHeader) -> io::Result<Self> {
        let name = Segment::name(header.number, header.first_position);
        let file = disk.open(&format!("{name}{UNFINISHED}"), Mode::Create)?;
        disk::write_full(&*file, &header.encode(), 0)?;
        file.sync()?;
        Ok(Segment::with(header, disk.place().join(&name), file))
    }

    /// Gives a segment that was prepared its name, durably. After a crash it is there whole, or not at all.
    pub(crate) fn take_name(&self, disk: &dyn Disk) -> io::Result<()> {
        let name = Segment::name(self.header.number, self.header.first_position);
        disk.rename(&format!("{name}{UNFINISHED}"), &name)?;
        disk.sync()
    }

    /// Opens a segment and checks its header.
    pub(crate) fn open(disk: &dyn Disk, name: &str, mode: Mode, store: Uuid) -> Result<Self, OpenError> {
        let path = disk.place().join(name);
        let io = |error| OpenError::io(&path, error);
        let file = disk.open(name, mode).map_err(io)?;
        let mut bytes = [0; 64];
        let count = disk::read_full(&*file, &mut bytes, 0).map_err(io)?;
        let header = SegmentHeader::decode(&bytes[..count], &path)?;
        let named = Segment::parse_name(name);
        if header.store != store || named != Some((header.number, header.first_position)) {
            let fault = "the file belongs to another store, or had another name".to_owned();
            return Err(OpenError::Corrupt { file: path, offset: 0, fault });
        }
        Ok(Segment::with(header, path, file))
    }

    fn with(header: SegmentHeader, path: PathBuf, file: Arc<dyn File>) -> Self {
        let salt =
            crc32c::crc32c_append(crc32c::crc32c(header.store.as_bytes()), &header.number.to_le_bytes());
        Segment { header, salt, path, file }
    }

    pub(crate) fn len(&self) -> Result<u64, Trouble> {
        self.file.len().map_err(|error| Trouble::io(&self.path, error))
    }

    /// Reads `from..to`, or less where the file ends before.
    pub(crate) fn read(&self, from: u64, to: u64) -> Result<Bytes, Trouble> {
        let mut bytes = vec![0; index(to.saturating_sub(from))];
        let count =
            disk::read_full(&*self.file, &mut bytes, from).map_err(|error| Trouble::io(&self.path, error))?;
        bytes.truncate(count);
        Ok(bytes.into())
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
