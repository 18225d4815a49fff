//! What an index does not know, told by one line of 64 bytes: 12 bits for each key, all of one key in one line.

use std::sync::OnceLock;

use super::{
    page::{PAYLOAD, PagedFile, Pages},
    table::Extent,
};
use crate::{error::Trouble, units::index};

/// The bytes of a line: what a processor fetches at once.
const LINE: usize = 64;

/// The bytes of a page that hold lines. No line straddles two pages.
pub(super) const LINES: usize = PAYLOAD / LINE * LINE;

const BITS_PER_KEY: u64 = 12;
const PROBES: u32 = 7;

/// What the keys of streams and of documents are told apart by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    Stream = 1,
    Document = 2,
}

/// The hash of a key. It stands on disk, and so must never change.
pub(crate) fn hash(of: Of, key: &[u8]) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = (key.len() as u64 ^ ((of as u64) << 56)).wrapping_mul(ODD);
    for chunk in key.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(ODD);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    hash ^ (hash >> 29)
}

/// The offset of the line of a key, and its bits in it.
fn place(hash: u64, lines: u64) -> (usize, impl Iterator<Item = usize>) {
    let line = ((hash >> 32) * lines) >> 32;
    let bits = hash.wrapping_mul(0xA24B_AED4_963E_E407);
    (index(line) * LINE, (0..PROBES).map(move |probe| index(bits >> (probe * 9) & 511)))
}

/// The lines while keys are added to them.
#[derive(Debug)]
pub(crate) struct Lines(Vec<u8>);

impl Lines {
    /// Empty lines for so many keys.
    pub(crate) fn for_keys(keys: u64) -> Self {
        Lines(vec![0; index((keys * BITS_PER_KEY).div_ceil(LINE as u64 * 8)) * LINE])
    }

    pub(crate) fn add(&mut self, key: u64) {
        let (line, bits) = place(key, (self.0.len() / LINE) as u64);
        bits.for_each(|bit| self.0[line + bit / 8] |= 1 << (bit % 8));
    }

    /// Writes the lines; the length of the extent is in bytes.
    pub(crate) fn write(self, pages: &mut Pages<'_>) -> Extent {
        let first_page = pages.next();
        pages.push_all(&self.0, LINES);
        Extent { first_page, length: self.0.len() as u64 }
    }
}

/// Whether these are whole lines.
pub(super) fn fits(extent: &Extent) -> bool {
    extent.length.is_multiple_of(LINE as u64)
}

/// The lines of one index file: held in memory from the first question on, or read where memory is short.
#[derive(Debug)]
pub(crate) struct Bloom {
    extent: Extent,
    held: OnceLock<Option<Box<[u8]>>>,
}

impl Bloom {
    pub(crate) fn at(extent: Extent) -> Self {
        Bloom { extent, held: OnceLock::new() }
    }

    /// The lines, if there is room for them.
    fn held(&self, file: &PagedFile) -> Result<Option<&[u8]>, Trouble> {
        if let Some(held) = self.held.get() {
            return Ok(held.as_deref());
        }
        if !file.hold(self.extent.length) {
            return Ok(self.held.get_or_init(|| None).as_deref());
        }
        let pages = self.extent.length.div_ceil(LINES as u64);
        let read = file.all(self.extent.first_page, pages * PAYLOAD as u64).map(|bytes| {
            let lines = bytes.chunks(PAYLOAD).flat_map(|page| &page[..LINES]).copied();
            lines.take(index(self.extent.length)).collect()
        });
        // Damaged lines take no room, nor does what somebody else has read meanwhile.
        let kept = read.map(|lines| self.held.set(Some(lines)));
        if !matches!(kept, Ok(Ok(()))) {
            file.let_go(self.extent.length);
        }
        kept?.or(Ok(())).map(|()| self.held.get().and_then(Option::as_deref))
    }

    /// Whether the index may know a key.
    pub(crate) fn may_hold(&self, file: &PagedFile, hash: u64) -> Result<bool, Trouble> {
        if self.extent.length == 0 {
            return Ok(false);
        }
        let (line, bits) = place(hash, self.extent.length / LINE as u64);
        if let Some(held) = self.held(file)? {
            return Ok(is_set(&held[line..line + LINE], bits));
        }
        let page = file.page(self.extent.first_page + (line / LINES) as u64)?;
        let line = line % LINES;
        Ok(is_set(&page[line..line + LINE], bits))
    }
}

fn is_set(line: &[u8], mut bits: impl Iterator<Item = usize>) -> bool {
    bits.all(|bit| line[bit / 8] & (1 << (bit % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_keys_that_are_not_held_seem_to_be() {
        let key = |of, number: u64| hash(of, format!("account-{number}").as_bytes());
        let mut lines = Lines::for_keys(50_000);
        (0..50_000).for_each(|number| lines.add(key(Of::Stream, number)));
        let lines = lines.0;
        let set = |key: u64| {
            let (line, bits) = place(key, (lines.len() / LINE) as u64);
            is_set(&lines[line..line + LINE], bits)
        };
        assert!((0..50_000).all(|number| set(key(Of::Stream, number))));
        let streams = (50_000..100_000).filter(|number| set(key(Of::Stream, *number))).count();
        assert!(streams < 1_000, "{streams} of 50,000");
        let documents = (0..50_000).filter(|number| set(key(Of::Document, *number))).count();
        assert!(documents < 1_000, "{documents} of 50,000");
    }
}
