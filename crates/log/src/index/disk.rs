//! The index of a segment in a file: read page by page, so that memory holds only what is used.

mod search;

use std::{ops::Range, sync::Arc};

use super::{
    DocumentEntry, Span,
    bloom::Bloom,
    build::{self, DOCUMENT, Layout, MAGIC, STREAM, U32S, U64S},
    by_position,
    dictionary::Dictionary,
    page::{Ahead, PAYLOAD, PageCache, PagedFile},
    table::{Extent, Table, Walk},
};
use crate::{
    disk::Disk,
    error::Trouble,
    segment::{REWRITTEN, Segment, check_header},
    units::{ALIGN, index, le, unpacked},
};

/// An index file that is open.
#[derive(Debug)]
pub(crate) struct DiskIndex {
    file: PagedFile,
    first_position: u64,
    pub events: u64,
    pub end: u64,
    /// The position behind the last event that stands there, or ever stood there.
    pub next_position: u64,
    layout: Layout,
    streams: Table,
    documents: Table,
    bloom: Bloom,
    pub dictionary: Dictionary,
}

impl DiskIndex {
    /// Opens the index file of a segment; absent where there is none. Any reason not to open it is a reason to
    /// build it again.
    pub(crate) fn open(
        disk: &dyn Disk,
        segment: &Segment,
        cache: &Arc<PageCache>,
    ) -> Result<Option<Self>, String> {
        let name = segment.name().idx();
        let path = disk.place().join(&name);
        let file = match cache.files.open(name) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(|error| error.to_string())?,
        };
        let header = segment.header;
        let salt = build::salt(&header);
        let file = PagedFile::new(file, path, salt, cache.clone());
        let read =
            |extent: Extent| file.all(extent.first_page, extent.length).map_err(|error| error.to_string());
        let first = read(Extent { first_page: 0, length: PAYLOAD as u64 })?;
        let layout = read_layout(&first, segment, &file)?;
        let damaged = || "the tables do not fit together".to_owned();
        let (end, events) = (le!(u64, first, 40), le!(u64, first, 48));
        let first_position = header.first_position;
        let next_position = match &segment.rewritten {
            Some(rewritten) => rewritten.next_position,
            None => first_position.checked_add(events).ok_or_else(damaged)?,
        };
        let pages = file.pages().map_err(|error| error.to_string())?;
        if !layout.fits(events, pages) || next_position - first_position < events {
            return Err(damaged());
        }
        let streams = Table::new(layout.streams, read(layout.stream_fences)?, STREAM).ok_or_else(damaged)?;
        let documents =
            Table::new(layout.documents, read(layout.document_fences)?, DOCUMENT).ok_or_else(damaged)?;
        let dictionary = Dictionary::decode(&read(layout.dictionary)?).ok_or_else(damaged)?;
        Ok(Some(DiskIndex {
            file,
            first_position,
            events,
            end,
            next_position,
            bloom: Bloom::at(layout.bloom),
            layout,
            streams,
            documents,
            dictionary,
        }))
    }

    pub(crate) fn stream(&self, name: &str, hash: u64) -> Result<Option<Span>, Trouble> {
        if !self.bloom.may_hold(&self.file, hash)? {
            return Ok(None);
        }
        let Some(value) = self.streams.get(&self.file, name)? else { return Ok(None) };
        let span = self.span(&value).ok_or_else(|| self.file.damage(self.layout.streams.first_page))?;
        Ok(Some(span))
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// All streams in order, past the cache; and where their events stand, in the same order.
    pub(super) fn walk_streams(&self) -> (Walk<'_>, Ahead<'_>) {
        let postings = self.layout.postings;
        (self.streams.walk(&self.file), Ahead::of(&self.file, postings.first_page, postings.length))
    }

    /// All documents in order, past the cache.
    pub(super) fn walk_documents(&self) -> Walk<'_> {
        self.documents.walk(&self.file)
    }

    /// What the table says of a stream; nothing where it makes no sense.
    pub(super) fn span(&self, value: &[u8]) -> Option<Span> {
        let span = Span {
            first: le!(u64, value, 0),
            count: u64::from(le!(u32, value, 8)),
            tombstoned: value[16] & 1 != 0,
            removed: value[16] & 2 != 0,
            postings: u64::from(le!(u32, value, 12)),
        };
        let room = self.layout.postings.length * U32S as u64;
        let fits = span.count > 0
            && span.postings + span.count <= room
            && span.first.checked_add(span.count).is_some();
        fits.then_some(span)
    }

    pub(crate) fn stream_offsets(&self, span: &Span, revisions: Range<u64>) -> Result<Vec<u64>, Trouble> {
        let from = span.postings + (revisions.start - span.first);
        self.numbers(self.layout.postings, from..from + (revisions.end - revisions.start))
    }

    pub(crate) fn offset(&self, position: u64) -> Result<u64, Trouble> {
        let place = self.place_of(position)?;
        if place >= self.events || self.positions_of(&[place])? != [position] {
            return Ok(self.end);
        }
        Ok(self.number(self.layout.offsets, place)? * ALIGN)
    }

    pub(crate) fn last_offset(&self) -> Result<Option<u64>, Trouble> {
        let last = self.events.checked_sub(1);
        last.map(|last| Ok(self.number(self.layout.offsets, last)? * ALIGN)).transpose()
    }

    pub(crate) fn document(&self, key: &str, hash: u64) -> Result<Option<DocumentEntry>, Trouble> {
        if !self.bloom.may_hold(&self.file, hash)? {
            return Ok(None);
        }
        let value = self.documents.get(&self.file, key)?;
        Ok(value.map(|value| document_entry(&value)))
    }

    pub(crate) fn names(
        &self,
        from: &str,
        behind: bool,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, Trouble> {
        let listed =
            self.streams.list(&self.file, (from, behind), limit, |value| Some(self.span(value)?.last()))?;
        listed.ok_or_else(|| self.file.damage(self.layout.streams.first_page))
    }

    pub(crate) fn keys(
        &self,
        from: &str,
        behind: bool,
        limit: usize,
    ) -> Result<Vec<(String, bool)>, Trouble> {
        let listed = self.documents.list(&self.file, (from, behind), limit, |value| Some(value[12] != 0))?;
        listed.ok_or_else(|| self.file.damage(self.layout.documents.first_page))
    }

    pub(crate) fn newest_ids(&self, limit: usize) -> Result<Vec<u64>, Trouble> {
        let from = self.next_position.saturating_sub(limit as u64).max(self.first_position);
        let first = self.place_of(from)?;
        let mut ids = Vec::new();
        let per_page = U64S as u64;
        let extent = self.layout.ids;
        let from_page = first / per_page;
        let bytes = self
            .file
            .all(extent.first_page + from_page, extent.length.saturating_sub(from_page) * PAYLOAD as u64)?;
        for page in bytes.chunks(PAYLOAD) {
            ids.extend((0..U64S).map(|place| le!(u64, page, place * 8)));
        }
        let ids = ids.into_iter().skip(index(first - from_page * per_page));
        let positions = self.positions_of(&(first..self.events).collect::<Vec<_>>())?;
        Ok(by_position(from..self.next_position, positions.into_iter().zip(ids)))
    }

    /// How many events stand before a position.
    fn place_of(&self, position: u64) -> Result<u64, Trouble> {
        let ahead = position.saturating_sub(self.first_position);
        let Some(extent) = self.layout.positions else { return Ok(ahead.min(self.events)) };
        let (mut low, mut high) = (0, self.events);
        while low < high {
            let middle = u64::midpoint(low, high);
            if self.number(extent, middle)? < ahead {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The positions of the events at these places.
    fn positions_of(&self, places: &[u64]) -> Result<Vec<u64>, Trouble> {
        let ahead = match self.layout.positions {
            None => places.to_vec(),
            Some(extent) => self.numbers_at(extent, places)?,
        };
        Ok(ahead.into_iter().map(|ahead| self.first_position + ahead).collect())
    }

    fn number(&self, extent: Extent, place: u64) -> Result<u64, Trouble> {
        let page = self.file.page(extent.first_page + place / U32S as u64)?;
        Ok(u64::from(le!(u32, page, index(place % U32S as u64) * 4)))
    }

    /// Numbers of 4 bytes from a run of them, at these places.
    fn numbers_at(&self, extent: Extent, places: &[u64]) -> Result<Vec<u64>, Trouble> {
        let mut numbers = Vec::with_capacity(places.len());
        let mut held: Option<(u64, bytes::Bytes)> = None;
        for place in places {
            let number = place / U32S as u64;
            let page = match &held {
                Some((known, page)) if *known == number => page,
                _ => &held.insert((number, self.file.page(extent.first_page + number)?)).1,
            };
            numbers.push(u64::from(le!(u32, page, index(place % U32S as u64) * 4)));
        }
        Ok(numbers)
    }

    /// Offsets from a run of them.
    fn numbers(&self, extent: Extent, mut places: Range<u64>) -> Result<Vec<u64>, Trouble> {
        let mut numbers = Vec::with_capacity(index(places.end - places.start));
        while !places.is_empty() {
            let number = places.start / U32S as u64;
            let page = self.file.page(extent.first_page + number)?;
            let behind = places.end.min((number + 1) * U32S as u64);
            let at = |place: u64| unpacked(le!(u32, page, index(place % U32S as u64) * 4));
            numbers.extend((places.start..behind).map(at));
            places.start = behind;
        }
        Ok(numbers)
    }
}

/// What a table says of a document.
pub(super) fn document_entry(value: &[u8]) -> DocumentEntry {
    DocumentEntry {
        version: le!(u64, value, 0),
        offset: unpacked(le!(u32, value, 8)),
        removed: value[12] != 0,
    }
}

/// Checks the first page and reads from it where all parts stand.
fn read_layout(first: &[u8], segment: &Segment, file: &PagedFile) -> Result<Layout, String> {
    check_header(first, MAGIC, REWRITTEN, &file.path).map_err(|error| error.to_string())?;
    if !build::fits(first, &segment.header) {
        return Err("the file belongs to another segment".to_owned());
    }
    let positions = segment.rewritten.is_some().then(Extent::default);
    let mut layout = Layout { positions, ..Layout::default() };
    for (number, extent) in layout.extents().enumerate() {
        let at = 64 + number * 16;
        *extent = Extent { first_page: le!(u64, first, at), length: le!(u64, first, at + 8) };
    }
    Ok(layout)
}
