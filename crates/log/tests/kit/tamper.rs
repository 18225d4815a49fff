//! Somebody who can write the files, knows their format, and makes all checksums anew.

use std::collections::BTreeMap;

pub type Files = BTreeMap<String, Vec<u8>>;

/// Where a frame stands.
#[derive(Debug, Clone)]
pub struct Frame {
    pub file: String,
    pub offset: usize,
    /// Of an event its position; of a document none.
    pub position: Option<u64>,
    length: usize,
}

/// All frames in segments that are not compressed, in their order.
pub fn frames(files: &Files) -> Vec<Frame> {
    let mut found = Vec::new();
    for (name, bytes) in files.iter().filter(|(name, _)| name.contains("segment-") && !name.contains(".idx"))
    {
        let generation = number(bytes, 56, 4);
        let is_compressed = generation > 0 && number(bytes, 88, 8) > 0;
        let mut offset = if generation > 0 { 128 } else { 64 };
        while !is_compressed && offset + 64 <= bytes.len() {
            let length = usize::try_from(number(bytes, offset, 4)).unwrap();
            if length == 0 {
                break;
            }
            let position = (bytes[offset + 8] == 1).then(|| number(bytes, offset + 16, 8));
            found.push(Frame { file: name.clone(), offset, position, length });
            offset += length.next_multiple_of(8);
        }
    }
    found
}

fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Where the links begin, and where the frame's own does.
fn links(files: &Files, frame: &Frame) -> (usize, usize) {
    let flags = files[&frame.file][frame.offset + 9];
    let own = frame.length - if flags & 8 != 0 { 32 } else { 0 };
    (own - if flags & 16 != 0 { 32 } else { 0 }, own)
}

/// What of a frame is its data, and may be empty.
pub fn data(files: &Files, frame: &Frame) -> std::ops::Range<usize> {
    let bytes = &files[&frame.file][frame.offset..];
    let size = |at, size| usize::try_from(number(bytes, at, size)).unwrap();
    let begin = 64 + size(10, 2) + size(56, 2) + size(60, 4);
    frame.offset + begin..frame.offset + links(files, frame).0
}

/// Makes the link of a frame anew, behind another.
pub fn relink(files: &mut Files, frame: &Frame, follows: [u8; 32]) -> [u8; 32] {
    let (end, own) = links(files, frame);
    let bytes = &mut files.get_mut(&frame.file).unwrap()[frame.offset..];
    if own > end {
        bytes[end..own].copy_from_slice(&follows);
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(&follows).update(&[bytes[8], bytes[9] & 6]).update(&bytes[10..12]).update(&bytes[16..end]);
    let link = *hasher.finalize().as_bytes();
    bytes[own..own + 32].copy_from_slice(&link);
    link
}

/// The link of a frame.
pub fn link(files: &Files, frame: &Frame) -> [u8; 32] {
    let own = frame.offset + links(files, frame).1;
    files[&frame.file][own..own + 32].try_into().unwrap()
}

/// Makes the checksum of a frame fit again.
pub fn mend(files: &mut Files, frame: &Frame) {
    let file = files.get_mut(&frame.file).unwrap();
    let mut checksum = crc32c::crc32c(&file[16..40]);
    if number(file, 56, 4) > 0 {
        checksum = crc32c::crc32c_append(checksum, &file[56..60]);
    }
    checksum = crc32c::crc32c_append(checksum, &(frame.offset as u64).to_le_bytes());
    let bytes = &mut file[frame.offset..frame.offset + frame.length.next_multiple_of(8)];
    checksum = crc32c::crc32c_append(checksum, &bytes[..4]);
    checksum = crc32c::crc32c_append(checksum, &bytes[8..]);
    bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
}

/// Changes one byte of the data of an event, and everything that would tell. Answers whether there was data.
pub fn change_data(files: &mut Files, frame: &Frame, at: u64) -> bool {
    let data = data(files, frame);
    if data.is_empty() {
        return false;
    }
    let at = data.start + usize::try_from(at).unwrap() % data.len();
    files.get_mut(&frame.file).unwrap()[at] ^= 1;
    mend(files, frame);
    true
}
