//! What stands where in the file of a merged index, and what it is called.

use std::path::Path;

use uuid::Uuid;

use super::super::{bloom, page::PAYLOAD, table::Extent};
use crate::{
    error::Trouble,
    segment::{check_header, header, seal_header},
    units::le,
    view::Part,
};

pub(crate) const MAGIC: [u8; 8] = *b"cqrsMRG\n";

/// The version of merged indexes. Those of another one are made again.
pub(crate) const MERGED: u32 = 2;

/// Postings in one page. None straddles two pages.
pub(super) const POSTINGS: usize = PAYLOAD / 8;

/// The sizes of the values in the tables of streams and documents.
pub(super) const STREAM: usize = 25;
pub(super) const DOCUMENT: usize = 17;

/// No number in a name is larger, so that there is always a next one.
const MOST: u64 = 1 << 62;

/// The bytes that tell what one segment was.
const COVERED: usize = 28;

/// The name of a merged index: its segments, and a running number, so that a name never stands for two contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MergedName {
    /// The number of the first segment.
    pub first: u64,
    /// The number of the last one.
    pub last: u64,
    pub number: u64,
}

impl MergedName {
    /// How many segments there are.
    pub(crate) fn segments(&self) -> u64 {
        self.last - self.first + 1
    }

    pub(crate) fn file(&self) -> String {
        let MergedName { first, last, number } = self;
        format!("merged-{first:010}-{last:010}-{number}.idx")
    }

    /// Reads [`MergedName::file`].
    pub(crate) fn parse(file: &str) -> Option<Self> {
        let mut words = file.strip_prefix("merged-")?.strip_suffix(".idx")?.splitn(3, '-');
        let mut next = || words.next()?.parse().ok();
        let name = MergedName { first: next()?, last: next()?, number: next()? };
        let fits = name.first < name.last && name.last < MOST && name.number < MOST;
        (fits && name.file() == file).then_some(name)
    }

    /// What binds the pages of the file to it.
    pub(crate) fn salt(&self, store: Uuid) -> u32 {
        let mut salt = crc32c::crc32c_append(0x3D, store.as_bytes());
        for number in [self.first, self.last, self.number] {
            salt = crc32c::crc32c_append(salt, &number.to_le_bytes());
        }
        salt
    }
}

/// What a segment was when its index was merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Covered {
    generation: u32,
    events: u64,
    end: u64,
    /// The shortened id of its last event, and when it was written anew: by these it differs from another segment of
    /// the same length.
    mark: u64,
}

impl Covered {
    /// What the segment of a part is now.
    pub(crate) fn of(part: &Part) -> Result<Self, Trouble> {
        let generation = part.segment.header.generation;
        let last_id = part.index.newest_ids(1)?.first().copied().unwrap_or(0);
        let written_anew = part.segment.rewritten.map_or(0, |rewritten| rewritten.created.cast_unsigned());
        let mark = last_id ^ written_anew;
        Ok(Covered { generation, events: part.index.events(), end: part.index.end(), mark })
    }

    /// Whether the segment of a part is told from any other. One of documents alone is not: the same number of them
    /// may make another segment as long.
    pub(crate) fn tells_apart(part: &Part) -> bool {
        let is_empty = part.index.end() == part.begin;
        is_empty || part.index.events() > 0 || part.segment.rewritten.is_some()
    }

    pub(super) fn encode_all(all: &[Self]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(all.len() * COVERED);
        for covered in all {
            bytes.extend_from_slice(&covered.generation.to_le_bytes());
            bytes.extend_from_slice(&covered.events.to_le_bytes());
            bytes.extend_from_slice(&covered.end.to_le_bytes());
            bytes.extend_from_slice(&covered.mark.to_le_bytes());
        }
        bytes
    }

    pub(super) fn decode_all(bytes: &[u8]) -> Vec<Self> {
        let decode = |bytes: &[u8]| Covered {
            generation: le!(u32, bytes, 0),
            events: le!(u64, bytes, 4),
            end: le!(u64, bytes, 12),
            mark: le!(u64, bytes, 20),
        };
        bytes.chunks_exact(COVERED).map(decode).collect()
    }
}

/// The parts of the file, in their order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Layout {
    pub covered: Extent,
    pub postings: Extent,
    pub streams: Extent,
    pub documents: Extent,
    pub stream_fences: Extent,
    pub document_fences: Extent,
    pub bloom: Extent,
}

impl Layout {
    fn extents(&mut self) -> [&mut Extent; 7] {
        [
            &mut self.covered,
            &mut self.postings,
            &mut self.streams,
            &mut self.documents,
            &mut self.stream_fences,
            &mut self.document_fences,
            &mut self.bloom,
        ]
    }

    /// Whether all parts are there, in a file of so many pages.
    pub(super) fn fits(&self, segments: u64, pages: u64) -> bool {
        let by_page = [&self.postings, &self.streams, &self.documents];
        let by_byte = [&self.covered, &self.stream_fences, &self.document_fences];
        segments.checked_mul(COVERED as u64) == Some(self.covered.length)
            && by_page.into_iter().all(|extent| extent.is_within(1, pages))
            && by_byte.into_iter().all(|extent| extent.is_within(PAYLOAD, pages))
            && bloom::fits(&self.bloom)
            && self.bloom.is_within(bloom::LINES, pages)
    }

    /// The first page: the header of the file, and where its parts stand.
    pub(super) fn first_page(mut self, name: &MergedName, store: Uuid) -> Vec<u8> {
        let mut bytes = header(MAGIC, MERGED);
        bytes[16..32].copy_from_slice(store.as_bytes());
        bytes[32..40].copy_from_slice(&name.first.to_le_bytes());
        bytes[40..48].copy_from_slice(&name.last.to_le_bytes());
        bytes[48..56].copy_from_slice(&name.number.to_le_bytes());
        let mut page = seal_header(bytes).to_vec();
        for extent in self.extents() {
            page.extend_from_slice(&extent.first_page.to_le_bytes());
            page.extend_from_slice(&extent.length.to_le_bytes());
        }
        page
    }
}

/// Checks the first page and reads from it where all parts stand.
pub(super) fn read_first_page(
    first: &[u8],
    name: &MergedName,
    store: Uuid,
    path: &Path,
) -> Result<Layout, String> {
    check_header(first, MAGIC, MERGED, path).map_err(|error| error.to_string())?;
    if le!(u32, first, 8) != MERGED {
        return Err("it is of an earlier version".to_owned());
    }
    let found =
        MergedName { first: le!(u64, first, 32), last: le!(u64, first, 40), number: le!(u64, first, 48) };
    if first[16..32] != *store.as_bytes() || found != *name {
        return Err("the file belongs to another store, or had another name".to_owned());
    }
    let mut layout = Layout::default();
    for (number, extent) in layout.extents().into_iter().enumerate() {
        let at = 64 + number * 16;
        *extent = Extent { first_page: le!(u64, first, at), length: le!(u64, first, at + 8) };
    }
    Ok(layout)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_merged_index_of_another_version_is_not_read() {
        let name = MergedName { first: 0, last: 3, number: 1 };
        let (store, path) = (Uuid::from_u128(1), Path::new("merged"));
        let of_version = |version: u32| {
            let mut page = Layout::default().first_page(&name, store);
            page[8..12].copy_from_slice(&version.to_le_bytes());
            let mut header = [0; 64];
            header.copy_from_slice(&page[..64]);
            page[..64].copy_from_slice(&seal_header(header));
            read_first_page(&page, &name, store, path)
        };
        of_version(MERGED).unwrap();
        for version in [0, MERGED - 1, MERGED + 1] {
            of_version(version).unwrap_err();
        }
    }
}
