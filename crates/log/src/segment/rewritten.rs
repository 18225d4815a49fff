//! The second header, of a segment that was written anew: what stood there before, and how it stands there now.

use super::blocks::Layout;
use crate::units::le;

/// The offset of the first frame in a segment that was written anew.
pub(crate) const BEGIN: u64 = 128;

/// What a segment that was written anew says of itself, behind its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewritten {
    /// The position behind the last event that ever stood in the segment.
    pub next_position: u64,
    /// The length of the segment as it was written first.
    pub original_length: u64,
    /// The offset behind the last frame.
    pub length: u64,
    /// How the frames are compressed, if they are.
    pub layout: Layout,
    /// When it was written anew, in microseconds since 1970.
    pub created: i64,
    /// Whether all is left that ever stood in the segment: it was compressed, and nothing else.
    pub whole: bool,
}

impl Rewritten {
    pub(crate) fn encode(&self, salt: u32) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes[..8].copy_from_slice(&self.next_position.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.original_length.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.length.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.layout.table.to_le_bytes());
        bytes[32..36].copy_from_slice(&self.layout.blocks.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.layout.block_bytes.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.created.to_le_bytes());
        bytes[48] = u8::from(self.whole);
        let checksum = crc32c::crc32c_append(salt, &bytes[..60]);
        bytes[60..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8], salt: u32) -> Result<Self, &'static str> {
        if bytes.len() < 64 {
            return Err("the second header is cut off");
        }
        if crc32c::crc32c_append(salt, &bytes[..60]) != le!(u32, bytes, 60) {
            return Err("the checksum of the second header does not fit");
        }
        Ok(Rewritten {
            next_position: le!(u64, bytes, 0),
            original_length: le!(u64, bytes, 8),
            length: le!(u64, bytes, 16),
            layout: Layout {
                table: le!(u64, bytes, 24),
                blocks: le!(u32, bytes, 32),
                block_bytes: le!(u32, bytes, 36),
            },
            created: le!(i64, bytes, 40),
            whole: bytes[48] == 1,
        })
    }

    /// The length of the file.
    pub(crate) const fn file_len(&self) -> u64 {
        if self.is_compressed() { self.layout.file_len() } else { self.length }
    }

    /// Whether the frames stand in compressed blocks.
    pub(crate) const fn is_compressed(&self) -> bool {
        self.layout.table > 0
    }

    /// Checks what is told of the positions in the segment, the first of which is given.
    pub(crate) fn check_positions(&self, first: u64) -> Result<(), &'static str> {
        let count = self.next_position.checked_sub(first);
        if count.is_some_and(|count| u32::try_from(count).is_ok()) {
            Ok(())
        } else {
            Err("the second header makes no sense")
        }
    }

    /// Checks the length of the file.
    pub(crate) fn check_file(&self, length: u64) -> Result<(), &'static str> {
        if length == self.file_len() { Ok(()) } else { Err("the segment has not the length that it had") }
    }
}
