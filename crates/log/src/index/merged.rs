//! The streams and documents of neighbouring segments in one table, so that they are looked up once and not segment by
//! segment.
//!
//! It tells nothing that the indexes of its segments do not tell, and may be missing at any time. One that is found to
//! be damaged is never asked again: its file goes, and the segments are asked one by one.

pub(crate) mod layout;
pub(crate) mod merge;

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tracing::warn;
use uuid::Uuid;

use super::{
    DocumentEntry, Span,
    bloom::Bloom,
    disk::{DiskIndex, document_entry},
    page::{PAYLOAD, PageCache, PagedFile},
    table::{Extent, Table},
};
use crate::{
    disk::Disk,
    error::Trouble,
    units::{ALIGN, index, le},
};
use layout::{Covered, DOCUMENT, Layout, MergedName, POSTINGS, STREAM};
use merge::Sources;

/// A merged index that is open.
#[derive(Debug)]
pub(crate) struct MergedIndex {
    pub name: MergedName,
    /// What it was made of, segment by segment.
    pub covered: Vec<Covered>,
    file: PagedFile,
    layout: Layout,
    streams: Table,
    documents: Table,
    bloom: Bloom,
    disk: Arc<dyn Disk>,
    broken: AtomicBool,
    superseded: AtomicBool,
}

impl Drop for MergedIndex {
    fn drop(&mut self) {
        if *self.superseded.get_mut() && !*self.broken.get_mut() {
            self.remove();
        }
    }
}

impl MergedIndex {
    /// Opens a merged index. Any reason not to open it is a reason to make it again.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        store: Uuid,
        name: MergedName,
        cache: &Arc<PageCache>,
    ) -> Result<Self, String> {
        let path = disk.place().join(name.file());
        let file = cache.files.open(name.file()).map_err(|error| error.to_string())?;
        let file = PagedFile::new(file, path, name.salt(store), cache.clone());
        let read =
            |extent: Extent| file.all(extent.first_page, extent.length).map_err(|error| error.to_string());
        let first = read(Extent { first_page: 0, length: PAYLOAD as u64 })?;
        let layout = layout::read_first_page(&first, &name, store, &file.path)?;
        let damaged = || "the tables do not fit together".to_owned();
        if !layout.fits(name.segments(), file.pages().map_err(|error| error.to_string())?) {
            return Err(damaged());
        }
        let covered = Covered::decode_all(&read(layout.covered)?);
        let streams = Table::new(layout.streams, read(layout.stream_fences)?, STREAM).ok_or_else(damaged)?;
        let documents =
            Table::new(layout.documents, read(layout.document_fences)?, DOCUMENT).ok_or_else(damaged)?;
        let (broken, superseded) = Default::default();
        let (bloom, disk) = (Bloom::at(layout.bloom), disk.clone());
        Ok(MergedIndex { name, covered, file, layout, streams, documents, bloom, disk, broken, superseded })
    }

    /// The events of a stream in all of its segments.
    pub(crate) fn stream(&self, name: &str, hash: u64) -> Result<Option<Span>, Trouble> {
        if !self.bloom.may_hold(&self.file, hash)? {
            return Ok(None);
        }
        let Some(value) = self.streams.get(&self.file, name)? else { return Ok(None) };
        Ok(Some(self.span(&value).ok_or_else(|| self.damage(self.layout.streams))?))
    }

    /// What the table says of a stream; nothing where it makes no sense.
    fn span(&self, value: &[u8]) -> Option<Span> {
        let span = Span {
            first: le!(u64, value, 0),
            count: le!(u64, value, 8),
            tombstoned: value[24] & 1 != 0,
            removed: value[24] & 2 != 0,
            postings: le!(u64, value, 16),
        };
        span.first.checked_add(span.count)?;
        let room = self.layout.postings.length * POSTINGS as u64;
        let fits = match span.count {
            0 => false,
            1 => self.place(span.postings).is_some(),
            count => span.postings.checked_add(count).is_some_and(|behind| behind <= room),
        };
        fits.then_some(span)
    }

    /// Where these revisions of a stream stand, which are within its span: how far behind the first segment, and at
    /// which offset.
    pub(crate) fn postings(&self, span: &Span, revisions: Range<u64>) -> Result<Vec<(usize, u64)>, Trouble> {
        if span.count == 1 && !revisions.is_empty() {
            let only = self.place(span.postings).ok_or_else(|| self.damage(self.layout.streams))?;
            return Ok(vec![only]);
        }
        let mut places =
            span.postings + (revisions.start - span.first)..span.postings + (revisions.end - span.first);
        let mut postings = Vec::with_capacity(index(places.end - places.start));
        while !places.is_empty() {
            let number = places.start / POSTINGS as u64;
            let page = self.file.page(self.layout.postings.first_page + number)?;
            let behind = places.end.min((number + 1) * POSTINGS as u64);
            for place in places.start..behind {
                let place = self.place(le!(u64, page, index(place % POSTINGS as u64) * 8));
                postings.push(place.ok_or_else(|| self.damage(self.layout.postings))?);
            }
            places.start = behind;
        }
        Ok(postings)
    }

    /// How far behind the first segment, and at which offset; nothing where there is no such segment.
    fn place(&self, packed: u64) -> Option<(usize, u64)> {
        let ahead = index(packed >> 32);
        (ahead < self.covered.len()).then(|| (ahead, (packed & u64::from(u32::MAX)) * ALIGN))
    }

    /// The newest of a document, and how far behind the first segment it stands.
    pub(crate) fn document(&self, key: &str, hash: u64) -> Result<Option<(usize, DocumentEntry)>, Trouble> {
        if !self.bloom.may_hold(&self.file, hash)? {
            return Ok(None);
        }
        let Some(value) = self.documents.get(&self.file, key)? else { return Ok(None) };
        let ahead = le!(u32, value, 13) as usize;
        if ahead >= self.covered.len() {
            return Err(self.damage(self.layout.documents));
        }
        Ok(Some((ahead, document_entry(&value))))
    }

    /// Names of streams and their last revisions, in order.
    pub(crate) fn names(
        &self,
        from: &str,
        behind: bool,
        limit: usize,
    ) -> Result<Vec<(String, u64)>, Trouble> {
        let listed =
            self.streams.list(&self.file, (from, behind), limit, |value| Some(self.span(value)?.last()))?;
        listed.ok_or_else(|| self.damage(self.layout.streams))
    }

    /// Keys of documents and whether they were removed, in order.
    pub(crate) fn keys(
        &self,
        from: &str,
        behind: bool,
        limit: usize,
    ) -> Result<Vec<(String, bool)>, Trouble> {
        let listed = self.documents.list(&self.file, (from, behind), limit, |value| Some(value[12] != 0))?;
        listed.ok_or_else(|| self.damage(self.layout.documents))
    }

    /// What it is made of, given the indexes of its segments.
    pub(crate) fn sources<'a>(&'a self, store: Uuid, indexes: &'a [&'a DiskIndex]) -> Sources<'a> {
        Sources { store, name: self.name, indexes, covered: &self.covered }
    }

    fn damage(&self, part: Extent) -> Trouble {
        self.file.damage(part.first_page)
    }

    /// The bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.file.bytes()
    }

    /// Whether it may be asked.
    pub(crate) fn is_whole(&self) -> bool {
        !self.broken.load(Ordering::Acquire)
    }

    /// Never asks it again, and removes its file: it could not be read.
    pub(crate) fn give_up(&self, why: &Trouble) {
        if !self.broken.swap(true, Ordering::AcqRel) {
            warn!("{why}: the segments are asked one by one, until another index of them is made");
            self.remove();
        }
    }

    /// Lets its file be removed when nobody reads it any more.
    pub(crate) fn supersede(&self) {
        self.superseded.store(true, Ordering::Release);
    }

    fn remove(&self) {
        // What stays is removed when the store is opened the next time, or told by `verify`.
        let _stays = self.disk.remove(&self.name.file());
    }
}
