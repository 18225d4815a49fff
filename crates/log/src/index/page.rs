//! Pages: what index files consist of. Each has a checksum that binds it to its file and its place.

use std::{
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

/// A file of pages while it is built in memory.
#[derive(Debug)]
pub(crate) struct Pages {
    pub bytes: Vec<u8>,
    salt: u32,
}

impl Pages {
    pub(crate) fn new(salt: u32) -> Self {
        Pages { bytes: Vec::new(), salt }
    }

    /// The number of the next page.
    pub(crate) fn next(&self) -> u64 {
        (self.bytes.len() / PAGE) as u64
    }

    /// Adds a page, filled up with zeros.
    pub(crate) fn push(&mut self, payload: &[u8]) {
        let start = self.bytes.len();
        let number = self.next();
        self.bytes.extend_from_slice(payload);
        self.bytes.resize(start + PAYLOAD, 0);
        let checksum = checksum(&self.bytes[start..], self.salt, number);
        self.bytes.extend_from_slice(&checksum.to_le_bytes());
    }

    /// Replaces the first page.
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

    /// Whether so many bytes may be held in memory as long as the file is open.
    pub(crate) fn hold(&self, bytes: u64) -> bool {
        let take = |room: u64| room.checked_sub(bytes);
        let taken = self.cache.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok();
        if taken {
            self.held.fetch_add(bytes, Ordering::Relaxed);
        }
        taken
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
