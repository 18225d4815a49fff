//! Making checksums fit whatever they cover.

use uuid::Uuid;

use crate::{
    index::{
        build,
        merged::layout::{self, MergedName},
        page,
    },
    segment::{
        SegmentHeader,
        blocks::Layout,
        name::SegmentName,
        rewritten::{BEGIN, Rewritten},
        seal_header,
    },
    units::{index, le},
};

/// Segments of more bytes than this are cut.
const LONGEST: usize = 1 << 16;

/// Makes the checksum of a frame fit.
pub(super) fn frame(bytes: &mut [u8], salt: u32, offset: u64) {
    let checksum = crate::frame::checksum(bytes, salt, offset);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
}

fn sealed(bytes: &[u8]) -> [u8; 64] {
    let mut header = [0; 64];
    header.copy_from_slice(&bytes[..64]);
    seal_header(header)
}

/// Makes bytes a segment of a store: its header, the second one, and every frame that has a length.
pub(super) fn segment(bytes: &[u8], store: Uuid) -> Option<Vec<u8>> {
    let mut bytes = bytes.get(..bytes.len().min(LONGEST)).filter(|bytes| bytes.len() >= 64)?.to_vec();
    bytes[..8].copy_from_slice(b"cqrsSEG\n");
    bytes[8] = bytes[8].clamp(1, 3);
    bytes[9..12].fill(0);
    bytes[16..32].copy_from_slice(store.as_bytes());
    // The number and the first position are small, as they are in all stores that there are.
    bytes[35..40].fill(0);
    bytes[45..48].fill(0);
    let header = sealed(&bytes);
    bytes[..64].copy_from_slice(&header);
    let header = SegmentHeader::decode(&bytes[..64], std::path::Path::new("segment")).ok()?;
    let mut offset = 64;
    if header.generation > 0 {
        offset = index(BEGIN);
        if bytes.len() < offset {
            return None;
        }
        if le!(u64, bytes, 88) == 0 {
            let length = bytes.len() as u64;
            bytes[80..88].copy_from_slice(&length.to_le_bytes());
        }
        let checksum = crc32c::crc32c_append(header.salt(), &bytes[64..124]);
        bytes[124..128].copy_from_slice(&checksum.to_le_bytes());
    }
    while offset + crate::frame::HEADER <= bytes.len() {
        let size = (le!(u32, bytes, offset) as usize).next_multiple_of(8);
        if size < crate::frame::HEADER || offset + size > bytes.len() {
            break;
        }
        frame(&mut bytes[offset..offset + size], header.salt(), offset as u64);
        offset += size;
    }
    Some(bytes)
}

/// The name of a segment that was mended.
pub(super) fn segment_name(bytes: &[u8]) -> SegmentName {
    SegmentName {
        number: le!(u64, bytes, 32),
        first_position: le!(u64, bytes, 40),
        generation: le!(u32, bytes, 56),
    }
}

/// Makes bytes the index of a segment: whole pages, with a header and checksums that fit.
pub(super) fn index_file(bytes: &[u8], segment: &SegmentHeader) -> Vec<u8> {
    let mut bytes = bytes[..bytes.len().min(1 << 17)].to_vec();
    bytes.resize(bytes.len().next_multiple_of(page::PAGE).max(page::PAGE), 0);
    bytes[..8].copy_from_slice(&build::MAGIC);
    bytes[8..16].copy_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0]);
    bytes[16..32].copy_from_slice(segment.store.as_bytes());
    bytes[32..40].copy_from_slice(&segment.number.to_le_bytes());
    bytes[56..60].copy_from_slice(&segment.generation.to_le_bytes());
    let header = sealed(&bytes);
    bytes[..64].copy_from_slice(&header);
    pages(&mut bytes, build::salt(segment));
    bytes
}

/// Makes the checksums of pages fit.
fn pages(bytes: &mut [u8], salt: u32) {
    for (number, whole) in bytes.chunks_mut(page::PAGE).enumerate() {
        let checksum = page::checksum(&whole[..page::PAYLOAD], salt, number as u64);
        whole[page::PAYLOAD..].copy_from_slice(&checksum.to_le_bytes());
    }
}

/// Makes bytes a merged index of this name.
pub(super) fn merged_file(bytes: &[u8], name: &MergedName, store: Uuid) -> Vec<u8> {
    let mut bytes = bytes[..bytes.len().min(1 << 17)].to_vec();
    bytes.resize(bytes.len().next_multiple_of(page::PAGE).max(page::PAGE), 0);
    bytes[..8].copy_from_slice(&layout::MAGIC);
    bytes[8..16].copy_from_slice(&u64::from(layout::MERGED).to_le_bytes());
    bytes[16..32].copy_from_slice(store.as_bytes());
    for (place, number) in [(32, name.first), (40, name.last), (48, name.number)] {
        bytes[place..place + 8].copy_from_slice(&number.to_le_bytes());
    }
    let header = sealed(&bytes);
    bytes[..64].copy_from_slice(&header);
    pages(&mut bytes, name.salt(store));
    bytes
}

/// What a segment says that was written anew, and once held so many events.
pub(super) fn rewritten(next_position: u64) -> Rewritten {
    Rewritten {
        next_position,
        original_length: 0,
        length: BEGIN,
        layout: Layout::default(),
        created: 0,
        whole: false,
    }
}
