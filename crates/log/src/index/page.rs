//! Pages: what index files consist of. Each has a checksum that binds it to its file and its place.

use std::{
    fmt, io,
    ops::Range,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use foldhash::fast::RandomState;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::{
    disk::{self, File, shared_files::OpenFiles},
    error::Trouble,
    segment::blocks::BlockCache,
    units::{index, le},
};

/// The bytes of a page on disk.
pub(crate) const PAGE: usize = 4_096;

/// The bytes of a page without its checksum.
pub(crate) const PAYLOAD: usize = PAGE - 4;

/// So many pages are read at once where they are read only once.
const AHEAD: usize = 256;

pub(crate) fn checksum(payload: &[u8], salt: u32, number: u64) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(salt, &number.to_le_bytes()), payload)
}

/// A file of pages while it is built: all of it in memory, or only what is not handed on yet.
#[derive(Debug)]
pub(crate) struct Pages<'a> {
    pub bytes: Vec<u8>,
    salt: u32,
    /// How many pages were handed on.
    passed: u64,
    sink: Option<&'a mut dyn Sink>,
    failed: Option<io::Error>,
}

/// Where pages go while they are built, in their order, but for the first one, which comes last.
pub(crate) trait Sink: fmt::Debug {
    /// Takes whole pages that stand at `offset`.
    fn take(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
}

/// So many bytes of pages are handed on at once.
const HANDED_ON: usize = 256 * PAGE;

impl<'a> Pages<'a> {
    /// Builds pages in memory.
    pub(crate) fn new(salt: u32) -> Self {
        Pages { bytes: Vec::new(), salt, passed: 0, sink: None, failed: None }
    }

    /// Builds pages that go somewhere else before all are built.
    pub(crate) fn going_to(sink: &'a mut dyn Sink, salt: u32) -> Self {
        Pages { sink: Some(sink), ..Pages::new(salt) }
    }

    /// The number of the next page.
    pub(crate) fn next(&self) -> u64 {
        self.passed + (self.bytes.len() / PAGE) as u64
    }

    /// Adds a page, filled up with zeros.
    pub(crate) fn push(&mut self, payload: &[u8]) {
        let start = self.bytes.len();
        let number = self.next();
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(start + PAYLOAD, 0);
        let checksum = checksum(&self.bytes[start..], self.salt, number);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
        if self.bytes.len() >= HANDED_ON {
            self.hand_on();
        }
    }

    fn hand_on(&mut self) {
        let Some(sink) = &mut self.sink else { return };
        let first = if self.passed == 0 { PAGE.min(self.bytes.len()) } else { 0 };
        let begin = self.passed * PAGE as u64 + first as u64;
        // Behind a failure nothing is worth the work; it is told at the end.
        if self.failed.is_none() && self.bytes.len() > first {
            self.failed = sink.take(&self.bytes[first..], begin).err();
        }
        self.passed += (self.bytes.len() / PAGE) as u64;
        self.bytes.clear();
    }

    /// Whether pages could not be handed on, so that the rest is in vain.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Hands on what is left, and the first page with this payload behind it.
    pub(crate) fn finish(mut self, first: &[u8]) -> io::Result<()> {
        self.hand_on();
        let mut page = Pages::new(self.salt);
        page.push(first);
        match (self.failed, self.sink) {
            (Some(error), _) => Err(error),
            (None, Some(sink)) => sink.take(&page.bytes, 0),
            (None, None) => Ok(()),
        }
    }

    /// Replaces the first page, where all are in memory.
    pub(crate) fn set_first(&mut self, payload: &[u8]) {
        self.bytes[..payload.len()].copy_from_slice(payload);
        let checksum = checksum(&self.bytes[..PAYLOAD], self.salt, 0);
        self.bytes[PAYLOAD..PAGE].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Adds bytes over as many pages as they need.
    pub(crate) fn push_all(&mut self, bytes: &[u8], page: usize) {
        for chunk in bytes.chunks(page) {
            self.push(chunk);
        }
    }
}

/// Pages that were read lately, of all index files of a store: bounded in memory.
#[derive(Debug)]
pub(crate) struct PageCache {
    /// The files of finished segments and their indexes.
    pub files: Arc<OpenFiles>,
    /// Blocks of compressed segments.
    pub blocks: Arc<BlockCache>,
    pages: Cache<(u64, u64), Bytes, UnitWeighter, RandomState>,
    numbers: AtomicU64,
    /// How many bytes of filters may be held in memory beside the pages.
    room: AtomicU64,
    bytes: u64,
}

impl PageCache {
    /// How many bytes of index files are held in memory.
    pub(crate) fn held(&self) -> u64 {
        (self.pages.len() * PAGE) as u64 + self.bytes.saturating_sub(self.room.load(Ordering::Relaxed))
    }

    pub(crate) fn new(bytes: usize, files: Arc<OpenFiles>, blocks: Arc<BlockCache>) -> Self {
        let count = (bytes / PAGE).max(16);
        let random = RandomState::default();
        PageCache {
            files,
            blocks,
            bytes: bytes as u64,
            pages: Cache::with(count, count as u64, UnitWeighter, random, DefaultLifecycle::default()),
            numbers: AtomicU64::new(0),
            room: AtomicU64::new(bytes as u64),
        }
    }
}

/// A file of pages that is read.
#[derive(Debug)]
pub(crate) struct PagedFile {
    file: Arc<dyn File>,
    pub path: PathBuf,
    salt: u32,
    cache: Arc<PageCache>,
    /// What this file is called in the cache.
    id: u64,
    /// How many bytes of filters it holds in memory.
    held: AtomicU64,
}

impl Drop for PagedFile {
    fn drop(&mut self) {
        self.cache.room.fetch_add(*self.held.get_mut(), Ordering::Relaxed);
    }
}

impl PagedFile {
    pub(crate) fn new(file: Arc<dyn File>, path: PathBuf, salt: u32, cache: Arc<PageCache>) -> Self {
        let id = cache.numbers.fetch_add(1, Ordering::Relaxed);
        PagedFile { file, path, salt, cache, id, held: AtomicU64::new(0) }
    }

    /// How many pages there are.
    pub(crate) fn pages(&self) -> Result<u64, Trouble> {
        let length = self.file.len().map_err(|error| Trouble::io(&self.path, error))?;
        Ok(length / PAGE as u64)
    }

    /// The bytes of all pages.
    pub(super) fn bytes(&self) -> u64 {
        self.pages().unwrap_or(0) * PAGE as u64
    }

    /// Whether so many bytes may be held in memory as long as the file is open.
    pub(crate) fn hold(&self, bytes: u64) -> bool {
        let take = |room: u64| room.checked_sub(bytes);
        let taken = self.cache.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        if taken {
            self.held.fetch_add(bytes, Ordering::Relaxed);
        }
        taken
    }

    /// Gives back room that [`PagedFile::hold`] gave.
    pub(crate) fn let_go(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.cache.room.fetch_add(bytes, Ordering::Relaxed);
    }

    /// One page, checked, without its checksum.
    pub(crate) fn page(&self, number: u64) -> Result<Bytes, Trouble> {
        if let Some(page) = self.cache.pages.get(&(self.id, number)) {
            return Ok(page);
        }
        let page = self.read(number, 1)?.slice(..PAYLOAD);
        self.cache.pages.insert((self.id, number), page.clone());
        Ok(page)
    }

    /// The bytes that were spread over pages, past the cache.
    pub(crate) fn all(&self, first: u64, bytes: u64) -> Result<Vec<u8>, Trouble> {
        let mut all = Vec::with_capacity(index(bytes));
        let mut number = first;
        while (all.len() as u64) < bytes {
            let left = (index(bytes) - all.len()).div_ceil(PAYLOAD);
            let pages = self.read(number, left.min(AHEAD))?;
            for page in pages.chunks(PAGE) {
                let missing = index(bytes) - all.len();
                all.extend_from_slice(&page[..missing.min(PAYLOAD)]);
                number += 1;
            }
        }
        Ok(all)
    }

    fn read(&self, number: u64, count: usize) -> Result<Bytes, Trouble> {
        let mut bytes = vec![0; count * PAGE];
        let offset = number * PAGE as u64;
        let read = disk::read_full(&*self.file, &mut bytes, offset)
            .map_err(|error| Trouble::io(&self.path, error))?;
        for (ahead, page) in bytes.chunks(PAGE).enumerate() {
            let number = number + ahead as u64;
            let whole = read >= (ahead + 1) * PAGE;
            if !whole || checksum(&page[..PAYLOAD], self.salt, number) != le!(u32, page, PAYLOAD) {
                return Err(self.damage(number));
            }
        }
        Ok(bytes.into())
    }

    pub(crate) fn damage(&self, number: u64) -> Trouble {
        let fault = "the index is damaged; close the store and remove this file, it is built again from its \
                     segment when the store is opened";
        Trouble::damage(&self.path, number * PAGE as u64, fault)
    }
}

/// Pages of a file that are read one after the other, past the cache.
#[derive(Debug)]
pub(super) struct Ahead<'a> {
    file: &'a PagedFile,
    left: Range<u64>,
    ready: Bytes,
}

/// So many pages are read at once by each of many who read ahead.
const STEP: u64 = 16;

impl<'a> Ahead<'a> {
    pub(super) fn of(file: &'a PagedFile, first_page: u64, pages: u64) -> Self {
        Ahead { file, left: first_page..first_page + pages, ready: Bytes::new() }
    }

    /// The next page, without its checksum.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        if self.ready.is_empty() {
            let count = STEP.min(self.left.end - self.left.start);
            if count == 0 {
                return Ok(None);
            }
            self.ready = self.file.read(self.left.start, index(count))?;
            self.left.start += count;
        }
        Ok(Some(self.ready.split_to(PAGE).slice(..PAYLOAD)))
    }

    /// What is wrong with the page that was read last.
    pub(super) fn damage(&self) -> Trouble {
        self.file.damage(self.left.start.saturating_sub(1 + (self.ready.len() / PAGE) as u64))
    }
}
