//! From an index in memory to an index file.

use super::{
    bloom::{self, Of},
    memory::{MemoryIndex, Stream},
    page::{PAYLOAD, Pages},
    table::{Extent, TableWriter},
};
use crate::{
    segment::{REWRITTEN, Segment, SegmentHeader, VERSION, check_header, header, seal_header},
    units::{le, packed},
};

pub(crate) const MAGIC: [u8; 8] = *b"cqrsIDX\n";

/// Numbers in one page, by their size. None straddles two pages.
pub(super) const U16S: usize = PAYLOAD / 2;
pub(super) const U32S: usize = PAYLOAD / 4;
pub(super) const U64S: usize = PAYLOAD / 8;

/// The sizes of the values in the tables of streams and documents.
pub(super) const STREAM: usize = 17;
pub(super) const DOCUMENT: usize = 13;

/// The parts of an index file, in their order.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Layout {
    pub offsets: Extent,
    pub kinds: Extent,
    pub ids: Extent,
    pub postings: Extent,
    pub streams: Extent,
    pub documents: Extent,
    pub stream_fences: Extent,
    pub document_fences: Extent,
    pub bloom: Extent,
    pub dictionary: Extent,
    /// Absent where all positions hold events.
    pub positions: Option<Extent>,
}

impl Layout {
    pub(super) fn extents(&mut self) -> impl Iterator<Item = &mut Extent> {
        let always = [
            &mut self.offsets,
            &mut self.kinds,
            &mut self.ids,
            &mut self.postings,
            &mut self.streams,
            &mut self.documents,
            &mut self.stream_fences,
            &mut self.document_fences,
            &mut self.bloom,
            &mut self.dictionary,
        ];
        always.into_iter().chain(&mut self.positions)
    }

    /// Whether all parts are there, in a file of so many pages, and as long as so many events make them.
    pub(super) fn fits(&self, events: u64, pages: u64) -> bool {
        let runs = [(&self.offsets, U32S), (&self.kinds, U16S), (&self.ids, U64S)];
        let positions = self.positions.as_ref().map(|positions| (positions, U32S));
        let mut runs = runs.into_iter().chain(positions);
        let by_page = [&self.offsets, &self.kinds, &self.ids, &self.postings, &self.streams, &self.documents];
        let by_byte = [&self.stream_fences, &self.document_fences, &self.dictionary];
        runs.all(|(run, per_page)| run.length == events.div_ceil(per_page as u64) && run.is_within(1, pages))
            && by_page.into_iter().all(|extent| extent.is_within(1, pages))
            && by_byte.into_iter().all(|extent| extent.is_within(PAYLOAD, pages))
            && bloom::fits(&self.bloom)
            && self.bloom.is_within(bloom::LINES, pages)
    }
}

/// What binds the pages of an index file to it.
pub(crate) fn salt(segment: &SegmentHeader) -> u32 {
    let salt = crc32c::crc32c_append(0x1D, segment.store.as_bytes());
    let salt = crc32c::crc32c_append(salt, &segment.number.to_le_bytes());
    match segment.generation {
        0 => salt,
        generation => crc32c::crc32c_append(salt, &generation.to_le_bytes()),
    }
}

/// Whether the header of an index file is that of the index of a segment.
pub(super) fn fits(first: &[u8], segment: &SegmentHeader) -> bool {
    first[16..32] == *segment.store.as_bytes()
        && le!(u64, first, 32) == segment.number
        && le!(u32, first, 56) == segment.generation
}

/// Up to where an index file covers its segment, if it is the index of that one.
pub(crate) fn covered(bytes: &[u8], segment: &Segment) -> Option<u64> {
    check_header(bytes, MAGIC, REWRITTEN, std::path::Path::new("")).ok()?;
    fits(bytes, &segment.header).then(|| le!(u64, bytes, 40))
}

/// The bytes of the index file for a segment, of which `index` holds all frames. The same frames make the
/// same bytes.
pub(crate) fn encode(segment: &Segment, index: &MemoryIndex) -> Vec<u8> {
    let mut pages = Pages::new(salt(&segment.header));
    pages.push(&[]);
    let mut layout = Layout {
        offsets: numbers(&mut pages, index.offsets.iter().map(|number| number.to_le_bytes()), U32S),
        kinds: numbers(&mut pages, index.kinds.iter().map(|number| number.to_le_bytes()), U16S),
        ids: numbers(&mut pages, index.ids.iter().map(|number| number.to_le_bytes()), U64S),
        ..Layout::default()
    };
    let mut streams: Vec<_> = index.streams.iter().collect();
    streams.sort_unstable_by_key(|(name, _)| name.as_str());
    let postings = streams.iter().flat_map(|(_, stream)| &stream.offsets).map(|number| number.to_le_bytes());
    layout.postings = numbers(&mut pages, postings, U32S);
    let mut lines = bloom::Lines::for_keys(index.names_held() as u64);

    let mut table = TableWriter::new(&mut pages);
    let mut posting = 0;
    for (name, stream) in streams {
        lines.add(bloom::hash(Of::Stream, name.as_str().as_bytes()));
        let count = crate::units::short(stream.offsets.len());
        table.add(name.as_str().as_bytes(), &stream_value(stream, count, posting));
        posting += count;
    }
    let (streams, stream_fences) = table.finish();
    let mut table = TableWriter::new(&mut pages);
    for (key, entry) in &index.documents {
        lines.add(bloom::hash(Of::Document, key.as_bytes()));
        table.add(key.as_bytes(), &document_value(entry.version, packed(entry.offset), entry.removed));
    }
    let (documents, document_fences) = table.finish();
    (layout.streams, layout.documents) = (streams, documents);
    layout.stream_fences = bytes(&mut pages, &stream_fences);
    layout.document_fences = bytes(&mut pages, &document_fences);
    layout.bloom = lines.write(&mut pages);
    layout.dictionary = bytes(&mut pages, &index.dictionary.encode());
    layout.positions = index
        .present
        .as_ref()
        .map(|present| numbers(&mut pages, present.iter().map(|number| number.to_le_bytes()), U32S));
    pages.set_first(&first_page(segment, index, layout));
    pages.bytes
}

fn first_page(segment: &Segment, index: &MemoryIndex, mut layout: Layout) -> Vec<u8> {
    let version = if segment.header.generation == 0 { VERSION } else { REWRITTEN };
    let mut bytes = header(MAGIC, version);
    bytes[16..32].copy_from_slice(segment.header.store.as_bytes());
    bytes[32..40].copy_from_slice(&segment.header.number.to_le_bytes());
    bytes[40..48].copy_from_slice(&index.end().to_le_bytes());
    bytes[48..56].copy_from_slice(&index.events().to_le_bytes());
    bytes[56..60].copy_from_slice(&segment.header.generation.to_le_bytes());
    let mut page = seal_header(bytes).to_vec();
    for extent in layout.extents() {
        page.extend_from_slice(&extent.first_page.to_le_bytes());
        page.extend_from_slice(&extent.length.to_le_bytes());
    }
    page
}

fn numbers<const N: usize>(
    pages: &mut Pages<'_>,
    numbers: impl Iterator<Item = [u8; N]>,
    per_page: usize,
) -> Extent {
    let first_page = pages.next();
    let mut page = Vec::with_capacity(PAYLOAD);
    for number in numbers {
        page.extend_from_slice(&number);
        if page.len() == per_page * N {
            pages.push(&page);
            page.clear();
        }
    }
    if !page.is_empty() {
        pages.push(&page);
    }
    Extent { first_page, length: pages.next() - first_page }
}

pub(super) fn bytes(pages: &mut Pages<'_>, bytes: &[u8]) -> Extent {
    let first_page = pages.next();
    pages.push_all(bytes, PAYLOAD);
    Extent { first_page, length: bytes.len() as u64 }
}

fn stream_value(stream: &Stream, count: u32, posting: u32) -> [u8; STREAM] {
    let mut value = [0; STREAM];
    value[..8].copy_from_slice(&stream.first.to_le_bytes());
    value[8..12].copy_from_slice(&count.to_le_bytes());
    value[12..16].copy_from_slice(&posting.to_le_bytes());
    value[16] = u8::from(stream.tombstoned) | (u8::from(stream.removed) << 1);
    value
}

fn document_value(version: u64, offset: u32, removed: bool) -> [u8; DOCUMENT] {
    let mut value = [0; DOCUMENT];
    value[..8].copy_from_slice(&version.to_le_bytes());
    value[8..12].copy_from_slice(&offset.to_le_bytes());
    value[12] = u8::from(removed);
    value
}
