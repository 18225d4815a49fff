//! Sorted tables: keys and values of one size, in pages that can be searched.

use bytes::Bytes;

use super::page::{Ahead, PAYLOAD, PagedFile, Pages};
use crate::{error::Trouble, units::le};

/// Where a table stands in its file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Extent {
    pub first_page: u64,
    /// In bytes for what is a run of bytes, in pages for what is searched by page.
    pub length: u64,
}

impl Extent {
    /// Whether it ends within so many pages, each of which holds `per_page` of what its length counts.
    pub(super) fn is_within(&self, per_page: usize, pages: u64) -> bool {
        let length = self.length.div_ceil(per_page as u64);
        self.first_page.checked_add(length).is_some_and(|end| end <= pages)
    }
}

/// Writes a table. Keys are added in order.
#[derive(Debug)]
pub(crate) struct TableWriter<'a, 'b> {
    pages: &'a mut Pages<'b>,
    first_page: u64,
    entries: Vec<u8>,
    slots: Vec<u16>,
    /// The first key of each page, each behind its length.
    fences: Vec<u8>,
}

impl<'a, 'b> TableWriter<'a, 'b> {
    pub(crate) fn new(pages: &'a mut Pages<'b>) -> Self {
        let first_page = pages.next();
        TableWriter { pages, first_page, entries: Vec::new(), slots: Vec::new(), fences: Vec::new() }
    }

    pub(crate) fn add(&mut self, key: &[u8], value: &[u8]) {
        let size = 2 + key.len() + value.len();
        if 2 + (self.slots.len() + 1) * 2 + self.entries.len() + size > PAYLOAD {
            self.flush();
        }
        let length = short(key.len());
        if self.slots.is_empty() {
            self.fences.extend_from_slice(&length.to_le_bytes());
            self.fences.extend_from_slice(key);
        }
        self.slots.push(short(self.entries.len()));
        self.entries.extend_from_slice(&length.to_le_bytes());
        self.entries.extend_from_slice(key);
        self.entries.extend_from_slice(value);
    }

    fn flush(&mut self) {
        let mut page = Vec::with_capacity(PAYLOAD);
        page.extend_from_slice(&short(self.slots.len()).to_le_bytes());
        let begin = short(2 + self.slots.len() * 2);
        for slot in self.slots.drain(..) {
            page.extend_from_slice(&(begin + slot).to_le_bytes());
        }
        page.append(&mut self.entries);
        self.pages.push(&page);
    }

    /// Where the table stands, and its fences.
    pub(crate) fn finish(mut self) -> (Extent, Vec<u8>) {
        if !self.slots.is_empty() {
            self.flush();
        }
        let length = self.pages.next() - self.first_page;
        (Extent { first_page: self.first_page, length }, self.fences)
    }
}

fn short(length: usize) -> u16 {
    u16::try_from(length).expect("a page has less than 64 KiB")
}

/// A table that is read: the first key of each page is held in memory.
#[derive(Debug)]
pub(crate) struct Table {
    extent: Extent,
    fences: Box<[u8]>,
    starts: Box<[u32]>,
    value: usize,
}

impl Table {
    /// A table with values of `value` bytes; absent where the fences do not fit the pages.
    pub(crate) fn new(extent: Extent, fences: Vec<u8>, value: usize) -> Option<Self> {
        let mut starts = Vec::new();
        let mut at = 0;
        while at + 2 <= fences.len() {
            starts.push(u32::try_from(at).ok()?);
            at += 2 + le!(u16, fences, at) as usize;
        }
        let fits = at == fences.len() && starts.len() as u64 == extent.length;
        fits.then(|| Table { extent, fences: fences.into(), starts: starts.into(), value })
    }

    fn fence(&self, start: u32) -> &[u8] {
        let start = start as usize;
        let length = le!(u16, self.fences, start) as usize;
        &self.fences[start + 2..start + 2 + length]
    }

    /// The page in which a key would stand.
    fn page_of(&self, key: &[u8]) -> usize {
        self.starts.partition_point(|start| self.fence(*start) <= key).saturating_sub(1)
    }

    /// The value of a key.
    pub(crate) fn get(&self, file: &PagedFile, key: &str) -> Result<Option<Bytes>, Trouble> {
        if self.starts.is_empty() {
            return Ok(None);
        }
        let number = self.extent.first_page + self.page_of(key.as_bytes()) as u64;
        let page = file.page(number)?;
        let entries = Entries::of(&page, self.value).ok_or_else(|| file.damage(number))?;
        let place = entries.place_of(key.as_bytes());
        let found = entries.get(place).filter(|(found, _)| *found == key.as_bytes());
        Ok(found.map(|(_, value)| page.slice_ref(value)))
    }

    /// Calls `visit` with entries in order, from the first key that is not before `from`, until it says stop.
    pub(crate) fn range(
        &self,
        file: &PagedFile,
        from: &str,
        mut visit: impl FnMut(&str, &[u8]) -> bool,
    ) -> Result<(), Trouble> {
        let mut place = None;
        for number in self.page_of(from.as_bytes())..self.starts.len() {
            let number = self.extent.first_page + number as u64;
            let page = file.page(number)?;
            let entries = Entries::of(&page, self.value).ok_or_else(|| file.damage(number))?;
            let begin = place.unwrap_or_else(|| entries.place_of(from.as_bytes()));
            place = Some(0);
            for place in begin..entries.count {
                let (key, value) = entries.get(place).ok_or_else(|| file.damage(number))?;
                let key = std::str::from_utf8(key).map_err(|_| file.damage(number))?;
                if !visit(key, value) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Keys in order, from the first one on that is not before `from` (or behind it), at most `limit`, with what `read`
    /// makes of their values; absent where it can make nothing of one.
    pub(crate) fn list<T>(
        &self,
        file: &PagedFile,
        (from, behind): (&str, bool),
        limit: usize,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Option<Vec<(String, T)>>, Trouble> {
        let (mut listed, mut makes_sense) = (Vec::new(), true);
        self.range(file, from, |key, value| {
            if !(behind && key == from) {
                match read(value) {
                    Some(value) => listed.push((key.to_owned(), value)),
                    None => makes_sense = false,
                }
            }
            makes_sense && listed.len() < limit
        })?;
        Ok(makes_sense.then_some(listed))
    }

    /// All entries in order, past the cache.
    pub(super) fn walk<'a>(&self, file: &'a PagedFile) -> Walk<'a> {
        let pages = Ahead::of(file, self.extent.first_page, self.extent.length);
        Walk { pages, page: Bytes::new(), place: 0, value: self.value }
    }
}

/// A walk over all entries of a table.
#[derive(Debug)]
pub(super) struct Walk<'a> {
    pages: Ahead<'a>,
    page: Bytes,
    place: usize,
    value: usize,
}

impl Walk<'_> {
    /// The next key and its value.
    pub(super) fn next(&mut self) -> Result<Option<(Bytes, Bytes)>, Trouble> {
        loop {
            if !self.page.is_empty() {
                let entries = Entries::of(&self.page, self.value).ok_or_else(|| self.pages.damage())?;
                if self.place < entries.count {
                    let (key, value) = entries.get(self.place).ok_or_else(|| self.pages.damage())?;
                    self.place += 1;
                    return Ok(Some((self.page.slice_ref(key), self.page.slice_ref(value))));
                }
            }
            let Some(page) = self.pages.next()? else { return Ok(None) };
            (self.page, self.place) = (page, 0);
        }
    }
}

/// The entries of one page.
#[derive(Debug, Clone, Copy)]
struct Entries<'a> {
    page: &'a [u8],
    count: usize,
    value: usize,
}

impl<'a> Entries<'a> {
    fn of(page: &'a [u8], value: usize) -> Option<Self> {
        let count = le!(u16, page, 0) as usize;
        (2 + count * 2 <= page.len()).then_some(Entries { page, count, value })
    }

    fn get(&self, place: usize) -> Option<(&'a [u8], &'a [u8])> {
        if place >= self.count {
            return None;
        }
        let start = le!(u16, self.page, 2 + place * 2) as usize;
        let length = le!(u16, self.page.get(start..start + 2)?, 0) as usize;
        let key = self.page.get(start + 2..start + 2 + length)?;
        let value = self.page.get(start + 2 + length..start + 2 + length + self.value)?;
        Some((key, value))
    }

    /// The place of the first entry whose key is not before `key`.
    fn place_of(&self, key: &[u8]) -> usize {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.get(middle).is_some_and(|(found, _)| found < key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
