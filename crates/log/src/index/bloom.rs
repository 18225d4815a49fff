//! What a part does not hold, told by one page: ten bits for each key, all of one key in the same page.

use super::{
    page::{PAYLOAD, PagedFile, Pages},
    table::Extent,
};
use crate::{error::Trouble, units::index};

const BITS: u64 = PAYLOAD as u64 * 8;
const BITS_PER_KEY: u64 = 10;
const PROBES: u64 = 7;

/// What the keys of streams and of documents are told apart by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    Stream = 1,
    Document = 2,
}

/// The hash of a key. It stands on disk, and so must never change.
pub(crate) fn hash(of: Of, key: &str) -> u64 {
    const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut hash = (key.len() as u64 ^ ((of as u64) << 56)).wrapping_mul(ODD);
    for chunk in key.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(word)).wrapping_mul(ODD);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xD6E8_FEB8_6659_FD93);
    hash ^ (hash >> 29)
}

/// Which page, and which bits in it.
fn places(hash: u64, pages: u64) -> (u64, impl Iterator<Item = u64>) {
    let page = ((hash >> 32) * pages) >> 32;
    let first = hash & 0xFFFF_FFFF;
    let step = (hash.rotate_left(17).wrapping_mul(0xA24B_AED4_963E_E407) >> 33) | 1;
    (page, (0..PROBES).map(move |probe| (first + probe * step) % BITS))
}

/// Writes the pages for these keys.
pub(crate) fn write(pages: &mut Pages, keys: &[u64]) -> Extent {
    let first_page = pages.next();
    let length = (keys.len() as u64 * BITS_PER_KEY).div_ceil(BITS);
    let mut all = vec![0_u8; index(length) * PAYLOAD];
    for key in keys {
        let (page, bits) = places(*key, length);
        for bit in bits {
            all[index(page) * PAYLOAD + index(bit / 8)] |= 1 << (bit % 8);
        }
    }
    pages.push_all(&all, PAYLOAD);
    Extent { first_page, length }
}

/// Whether the part may hold a key.
pub(crate) fn may_hold(file: &PagedFile, extent: Extent, hash: u64) -> Result<bool, Trouble> {
    if extent.length == 0 {
        return Ok(false);
    }
    let (page, mut bits) = places(hash, extent.length);
    let page = file.page(extent.first_page + page)?;
    Ok(bits.all(|bit| page[index(bit / 8)] & (1 << (bit % 8)) != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_keys_that_are_not_held_seem_to_be() {
        let keys: Vec<_> = (0..50_000).map(|number| hash(Of::Stream, &format!("account-{number}"))).collect();
        let mut pages = Pages::new(7);
        let extent = write(&mut pages, &keys);
        let set = |key: u64| {
            let (page, mut bits) = places(key, extent.length);
            let page = &pages.bytes[index(page) * super::super::page::PAGE..];
            bits.all(|bit| page[index(bit / 8)] & (1 << (bit % 8)) != 0)
        };
        assert!(keys.iter().all(|key| set(*key)));
        let wrong =
            (50_000..100_000).filter(|number| set(hash(Of::Stream, &format!("account-{number}")))).count();
        assert!(wrong < 1_000, "{wrong} of 50,000");
        let documents =
            (0..50_000).filter(|number| set(hash(Of::Document, &format!("account-{number}")))).count();
        assert!(documents < 1_000, "{documents} of 50,000");
    }
}
