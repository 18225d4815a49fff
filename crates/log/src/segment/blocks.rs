//! The frames of a segment in blocks, each compressed by itself, so that one event is read by reading one block.
//!
//! Offsets are those of the frames before compression: what is above does not know of blocks.

use std::{io, ops::Range, path::Path, sync::Arc};

use bytes::Bytes;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle},
};

use super::rewritten::BEGIN;
use crate::{
    disk::{self, File},
    error::Trouble,
    options::Compression,
    units::{index, le},
};

/// The bytes of an entry of the table: how long the block is on the disk, and its checksum.
const ENTRY: usize = 8;

/// The bytes of the largest block there is, before compression.
const LARGEST: u32 = 1 << 20;

/// Where the table of blocks stands, as the second header tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Layout {
    /// The offset of the table, behind the last block; zero where nothing is compressed.
    pub table: u64,
    pub blocks: u32,
    /// The bytes of each block but the last, before compression.
    pub block_bytes: u32,
}

impl Layout {
    /// The length of the file.
    pub(crate) const fn file_len(&self) -> u64 {
        self.table.saturating_add(self.blocks as u64 * ENTRY as u64 + 4)
    }
}

/// Blocks that were read lately, of all segments of a store: bounded in memory.
#[derive(Debug)]
pub(crate) struct BlockCache(Cache<(u64, u32, usize), Bytes, UnitWeighter, RandomState>);

impl BlockCache {
    pub(crate) fn new(blocks: usize) -> Self {
        let count = blocks.max(4);
        BlockCache(Cache::with(
            count,
            count as u64,
            UnitWeighter,
            RandomState::default(),
            DefaultLifecycle::default(),
        ))
    }
}

/// The blocks of one segment.
#[derive(Debug, Clone)]
pub(crate) struct Blocks {
    /// For each block its offset, its length and its checksum.
    table: Arc<[(u64, u32, u32)]>,
    block_bytes: u64,
    /// The bytes of all frames before compression.
    length: u64,
    /// What this segment is called in the cache.
    name: (u64, u32),
    cache: Option<Arc<BlockCache>>,
    /// The block that was read last, for those who read without a cache.
    last: Arc<Mutex<Option<(usize, Bytes)>>>,
}

impl Blocks {
    /// Reads the table; `end` is the offset behind the last frame.
    pub(crate) fn open(
        file: &dyn File,
        path: &Path,
        layout: Layout,
        end: u64,
        name: (u64, u32),
    ) -> Result<Self, Trouble> {
        let damage = |fault: &str| Trouble::damage(path, layout.table, fault);
        let length = end.checked_sub(BEGIN).ok_or_else(|| damage("the second header makes no sense"))?;
        let fits = (1..=LARGEST).contains(&layout.block_bytes)
            && length.div_ceil(u64::from(layout.block_bytes)) == u64::from(layout.blocks);
        if !fits {
            return Err(damage("the second header makes no sense"));
        }
        let mut bytes = vec![0; layout.blocks as usize * ENTRY + 4];
        let read =
            disk::read_full(file, &mut bytes, layout.table).map_err(|error| Trouble::io(path, error))?;
        let (entries, checksum) = bytes.split_at(bytes.len() - 4);
        if read < bytes.len() || crc32c::crc32c(entries) != le!(u32, checksum, 0) {
            return Err(damage("the table of blocks is damaged"));
        }
        let mut offset = BEGIN;
        let mut table = Vec::with_capacity(layout.blocks as usize);
        for entry in entries.chunks(ENTRY) {
            let stored = le!(u32, entry, 0);
            table.push((offset, stored, le!(u32, entry, 4)));
            offset += u64::from(stored);
        }
        if offset != layout.table {
            return Err(damage("the blocks do not end where their table begins"));
        }
        let (last, block_bytes) = (Arc::default(), u64::from(layout.block_bytes));
        Ok(Blocks { table: table.into(), block_bytes, length, name, cache: None, last })
    }

    /// Keeps blocks in a cache from now on.
    pub(crate) fn cached(mut self, cache: &Arc<BlockCache>) -> Self {
        self.cache = Some(cache.clone());
        self
    }

    /// Reads `from..to`, or less where the frames end before.
    pub(crate) fn read(&self, file: &dyn File, path: &Path, from: u64, to: u64) -> Result<Bytes, Trouble> {
        let from = from.saturating_sub(BEGIN).min(self.length);
        let to = to.saturating_sub(BEGIN).min(self.length).max(from);
        if from == to {
            return Ok(Bytes::new());
        }
        let (first, last) = (from / self.block_bytes, (to - 1) / self.block_bytes);
        let within = |block: u64, at: u64| index(at - block * self.block_bytes);
        if first == last {
            let block = self.block(file, path, index(first))?;
            return Ok(block.slice(within(first, from)..within(first, to)));
        }
        let mut bytes = Vec::with_capacity(index(to - from));
        for number in first..=last {
            let block = self.block(file, path, index(number))?;
            let begin = if number == first { within(number, from) } else { 0 };
            let end = if number == last { within(number, to) } else { block.len() };
            bytes.extend_from_slice(&block[begin..end]);
        }
        Ok(bytes.into())
    }

    /// Where the blocks of these bytes stand in the file.
    pub(crate) fn on_disk(&self, range: Range<u64>) -> Range<u64> {
        let number = |at: u64| index(at.saturating_sub(BEGIN) / self.block_bytes);
        let first = number(range.start).min(self.table.len());
        let blocks =
            &self.table[first..self.table.len().min(number(range.end.saturating_sub(1)) + 1).max(first)];
        let begin = blocks.first().map_or(0, |(offset, ..)| *offset);
        begin..blocks.last().map_or(begin, |(offset, stored, _)| offset + u64::from(*stored))
    }

    fn block(&self, file: &dyn File, path: &Path, number: usize) -> Result<Bytes, Trouble> {
        let key = (self.name.0, self.name.1, number);
        if let Some(known) = self.cache.as_ref().and_then(|cache| cache.0.get(&key)) {
            return Ok(known);
        }
        if let Some((_, known)) = self.last.lock().as_ref().filter(|(known, _)| *known == number) {
            return Ok(known.clone());
        }
        let block = self.decompressed(file, path, number)?;
        match &self.cache {
            Some(cache) => cache.0.insert(key, block.clone()),
            None => *self.last.lock() = Some((number, block.clone())),
        }
        Ok(block)
    }

    fn decompressed(&self, file: &dyn File, path: &Path, number: usize) -> Result<Bytes, Trouble> {
        let (offset, stored, checksum) = self.table[number];
        let damage = || Trouble::damage(path, offset, "the block is damaged");
        let mut bytes = vec![0; stored as usize];
        let read = disk::read_full(file, &mut bytes, offset).map_err(|error| Trouble::io(path, error))?;
        if read < bytes.len() || crc32c::crc32c(&bytes) != checksum {
            return Err(damage());
        }
        let length = index((self.length - number as u64 * self.block_bytes).min(self.block_bytes));
        if bytes.len() == length {
            return Ok(bytes.into());
        }
        let whole = zstd::bulk::decompress(&bytes, length).map_err(|_| damage())?;
        if whole.len() == length { Ok(whole.into()) } else { Err(damage()) }
    }
}

/// Writes frames in blocks.
#[derive(Debug)]
pub(crate) struct BlockWriter {
    level: i32,
    block_bytes: usize,
    pending: Vec<u8>,
    /// Where the next block goes.
    offset: u64,
    table: Vec<u8>,
}

impl BlockWriter {
    pub(crate) fn new(compression: &Compression) -> Self {
        let Compression { level, block_bytes } = *compression;
        BlockWriter { level, block_bytes, pending: Vec::new(), offset: BEGIN, table: Vec::new() }
    }

    /// Writes as many blocks as are full.
    pub(crate) fn write(&mut self, file: &dyn File, frames: &[u8]) -> io::Result<()> {
        self.pending.extend_from_slice(frames);
        let pending = std::mem::take(&mut self.pending);
        let mut blocks = pending.chunks_exact(self.block_bytes);
        for block in &mut blocks {
            self.write_block(file, block)?;
        }
        self.pending.extend_from_slice(blocks.remainder());
        Ok(())
    }

    /// A block that does not become smaller is written as it is.
    fn write_block(&mut self, file: &dyn File, block: &[u8]) -> io::Result<()> {
        let compressed = zstd::bulk::compress(block, self.level)?;
        let stored = if compressed.len() < block.len() { &compressed[..] } else { block };
        disk::write_full(file, stored, self.offset)?;
        self.offset += stored.len() as u64;
        self.table.extend_from_slice(&crate::units::short(stored.len()).to_le_bytes());
        self.table.extend_from_slice(&crc32c::crc32c(stored).to_le_bytes());
        Ok(())
    }

    /// Writes what is left, and the table behind it.
    pub(crate) fn finish(mut self, file: &dyn File) -> io::Result<Layout> {
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.write_block(file, &rest)?;
        }
        let layout = Layout {
            table: self.offset,
            blocks: crate::units::short(self.table.len() / ENTRY),
            block_bytes: crate::units::short(self.block_bytes),
        };
        let checksum = crc32c::crc32c(&self.table);
        self.table.extend_from_slice(&checksum.to_le_bytes());
        disk::write_full(file, &self.table, layout.table)?;
        Ok(layout)
    }
}
