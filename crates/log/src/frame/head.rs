//! Reading a frame: its header is believed only behind its checksum.

use super::{FOLLOWING, HEADER, Kind, LINKED, MAX_FRAME, checksum, tie::links};
use crate::units::{aligned, index, le, unpacked};

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The length is zero: nothing was written here.
    Nothing,
    /// The frame is longer than what is there.
    Cut,
    /// The numbers of the header contradict each other.
    Shape,
    Checksum,
}

impl Fault {
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Fault::Nothing => "there is no frame where one should begin",
            Fault::Cut => "the frame ends before its length",
            Fault::Shape => "the header of the frame makes no sense",
            Fault::Checksum => "the checksum does not fit",
        }
    }
}

/// The header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub kind: Kind,
    pub flags: u8,
    pub synced: u64,
    pub position: u64,
    pub revision: u64,
    pub created: i64,
    pub id: [u8; 16],
    /// The bytes of the frame, with the padding.
    pub size: u64,
    /// The bytes of the frame, without the padding.
    pub(super) length: usize,
    name: usize,
    event_type: usize,
    metadata: usize,
}

impl Head {
    /// Reads the header at the beginning of `bytes`, without believing it: the checksum is not checked.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        if bytes.len() < 4 {
            return Err(Fault::Cut);
        }
        let length = le!(u32, bytes, 0) as usize;
        if length == 0 {
            return Err(Fault::Nothing);
        }
        if bytes.len() < HEADER {
            return Err(Fault::Cut);
        }
        let kind = match bytes[8] {
            1 => Kind::Event,
            2 => Kind::Document,
            3 => Kind::DocumentRemoval,
            4 => Kind::Removed,
            _ => return Err(Fault::Shape),
        };
        let head = Head {
            kind,
            flags: bytes[9],
            synced: unpacked(le!(u32, bytes, 12)),
            position: le!(u64, bytes, 16),
            revision: le!(u64, bytes, 24),
            created: le!(i64, bytes, 32),
            id: le!(u128, bytes, 40).to_le_bytes(),
            size: aligned(length as u64),
            length,
            name: le!(u16, bytes, 10) as usize,
            event_type: le!(u16, bytes, 56) as usize,
            metadata: le!(u32, bytes, 60) as usize,
        };
        let least = HEADER + head.name + head.event_type + head.metadata + links(head.flags);
        let fits = least <= length && head.flags & (LINKED | FOLLOWING) != FOLLOWING;
        if fits && head.size <= MAX_FRAME { Ok(head) } else { Err(Fault::Shape) }
    }

    /// Reads and checks the frame at the beginning of `bytes`, which stands at `offset` of its segment.
    pub(crate) fn check(bytes: &[u8], salt: u32, offset: u64) -> Result<Self, Fault> {
        let head = Head::parse(bytes)?;
        let frame = bytes.get(..index(head.size)).ok_or(Fault::Cut)?;
        if checksum(frame, salt, offset) == le!(u32, frame, 4) { Ok(head) } else { Err(Fault::Checksum) }
    }

    pub(crate) const fn is(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The name of the stream, or the key of the document.
    pub(crate) fn name<'a>(&self, frame: &'a [u8]) -> &'a str {
        text(&frame[HEADER..HEADER + self.name])
    }

    pub(crate) fn event_type<'a>(&self, frame: &'a [u8]) -> &'a str {
        let start = HEADER + self.name;
        text(&frame[start..start + self.event_type])
    }

    /// Where the metadata stands in the frame.
    pub(crate) const fn metadata(&self) -> std::ops::Range<usize> {
        let start = HEADER + self.name + self.event_type;
        start..start + self.metadata
    }

    /// Where the data, or the content of the document, stands in the frame.
    pub(crate) const fn data(&self) -> std::ops::Range<usize> {
        self.metadata().end..self.length - links(self.flags)
    }
}

/// Names were text when they were written, and the checksum says that they are what was written.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}
