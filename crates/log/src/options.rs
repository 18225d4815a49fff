//! How a store is opened.

use std::{sync::Arc, time::Duration};

use engine_store::{Clock, SystemClock};

/// How a store is opened. All that grows has a bound here.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LogOptions {
    /// A segment is full at so many bytes: 256 MiB. Held between 64 KiB and 16 GiB. An append is never
    /// split, so that a larger one makes a larger segment.
    pub segment_bytes: u64,
    /// A segment is full when it names so many streams and documents: 250,000. Bounds the memory of the index
    /// of the segment that is written.
    pub segment_names: usize,
    /// Room is reserved on the disk in steps of so many bytes: 16 MiB.
    pub reserve_bytes: u64,
    /// Reserved room is filled with zeros up to so many bytes ahead, for durable commits of up to a sixteenth of that: 1 MiB. A
    /// sync is then faster on file systems that note what of a file was never written, as ext4 and XFS do; as many bytes
    /// again are written for it. Zero, where it only costs: on file systems that copy on each write. At most 16 MiB, and
    /// what is reserved in one step.
    pub fill_bytes: u64,
    /// Appends are committed together up to so many bytes: 8 MiB. A larger append goes alone.
    pub batch_bytes: usize,
    /// Appends are committed together up to so many: 4,096.
    pub batch_appends: usize,
    /// Appends wait in memory up to so many bytes, each counted with 1 KiB more: 128 MiB. At least 80 MiB,
    /// so that the largest append finds room. Behind that, callers wait.
    pub queue_bytes: usize,
    /// A durable append that is alone is written and synced in the calling thread, where no other task is ready and the
    /// last 16 commits were of one append and took no longer than this: 1 ms. That spares waking two threads, which may cost half as much as the
    /// sync; so long other tasks of that thread may have to wait, as they do for a read. Zero: never.
    pub lead_within: Duration,
    /// So large may an append be that is written in the calling thread: 64 KiB.
    pub lead_bytes: u64,
    /// What was appended with `Durability::Buffered` is synced after this time: 100 ms.
    pub buffered_sync: Duration,
    /// So many of the newest event ids are remembered to recognise an append that is repeated with
    /// `ExpectedRevision::Any`: 1,000,000. An exact expectation recognises all events for ever.
    pub remembered_ids: usize,
    /// So many bytes of index files are held in memory: 64 MiB of pages that are used, and as much again of
    /// filters that tell which segments do not know a stream.
    pub cache_bytes: usize,
    /// About so many files of finished segments and their indexes are kept open: 512. Others are opened when they are read.
    pub open_files: usize,
    /// How segments are compressed when they are full: not at all. It is done in the background; until then, and where
    /// it is interrupted, a segment stays as it was written. With this set, all finished segments that are not compressed
    /// yet are, one after the other in the background when the store is opened, and by a scavenge. Closing waits for the
    /// segment that was filled last, and interrupts the others. Compressed segments are read whatever is set here.
    pub compression: Option<Compression>,
    /// Whether a hash chain over all that is written begins here: no. With it [`verify`](crate::verify) finds what
    /// somebody changed who knows how to make checksums. A chain that has begun never ends: it goes on whatever is set
    /// here. It takes 32 bytes for each event, and the time to hash it once.
    pub chain: bool,
    /// So many blocks of compressed segments are held in memory: 1,024.
    pub cached_blocks: usize,
    /// Of so many streams it is held in memory where their newest events are: 100,000.
    pub cached_streams: usize,
    /// Whether the index of a full segment is written by a thread of its own, and merged by another, so that the writer
    /// need not pause: yes. Without it nothing is done in the background: what was not compressed waits for a scavenge.
    pub index_in_background: bool,
    /// The indexes of so many neighbouring full segments are merged into one, in the background: 64; and before there are
    /// so many, those of 16 and of 4. With less than 4, none are. A stream whose events are strewn over many segments is
    /// then found by looking once and not in each of them. Where the disk has no room for that and for a full segment beside
    /// it, they are not merged, and that is told.
    pub merged_segments: usize,
    /// Where a read took so long, it is taken to have waited for the disk: 50 µs. From then on, the system is told all places
    /// where the events of a page stand before they are read, so that the disk finds them side by side and not one after
    /// the other.
    pub tell_after: Duration,
    /// A page ends early when its events reach so many bytes: 32 MiB.
    pub page_bytes: u64,
    /// A filtered page ends early when so many events were looked at: 1,000,000.
    pub page_scan: u64,
    /// Tells when events were accepted, and which are too old to be read.
    pub clock: Arc<dyn Clock>,
}

/// How segments are compressed: with zstd, block by block, so that one event is read by reading one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// The level of zstd: 3. Higher ones take longer to write, and not to read.
    pub level: i32,
    /// The bytes of a block before compression: 32 KiB. Held between 4 KiB and 1 MiB.
    pub block_bytes: usize,
}

impl Default for Compression {
    fn default() -> Self {
        Compression { level: 3, block_bytes: 32 << 10 }
    }
}

impl Default for LogOptions {
    fn default() -> Self {
        LogOptions {
            segment_bytes: 256 << 20,
            segment_names: 250_000,
            reserve_bytes: 16 << 20,
            fill_bytes: 1 << 20,
            batch_bytes: 8 << 20,
            batch_appends: 4_096,
            queue_bytes: 128 << 20,
            lead_within: Duration::from_millis(1),
            lead_bytes: 64 << 10,
            buffered_sync: Duration::from_millis(100),
            remembered_ids: 1_000_000,
            cache_bytes: 64 << 20,
            open_files: 512,
            compression: None,
            chain: false,
            cached_blocks: 1_024,
            cached_streams: 100_000,
            index_in_background: true,
            merged_segments: 64,
            tell_after: Duration::from_micros(50),
            page_bytes: 32 << 20,
            page_scan: 1_000_000,
            clock: Arc::new(SystemClock),
        }
    }
}

impl LogOptions {
    /// Reads this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Fills segments up to so many bytes.
    #[must_use]
    pub fn segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Compresses segments when they are full.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = Some(compression);
        self
    }

    /// Ties all that is written from now on into a hash chain.
    #[must_use]
    pub fn chained(mut self) -> Self {
        self.chain = true;
        self
    }

    /// The options within their limits.
    pub(crate) fn held_in_limits(mut self) -> Self {
        self.segment_bytes = self.segment_bytes.clamp(64 << 10, 16 << 30);
        self.segment_names = self.segment_names.max(1);
        self.reserve_bytes = self.reserve_bytes.clamp(4 << 10, 1 << 30);
        self.fill_bytes = self.fill_bytes.min(16 << 20).min(self.reserve_bytes);
        self.batch_appends = self.batch_appends.max(1);
        self.queue_bytes = self.queue_bytes.clamp(80 << 20, 1 << 40);
        self.page_bytes = self.page_bytes.max(1);
        self.page_scan = self.page_scan.max(1);
        if let Some(compression) = &mut self.compression {
            compression.block_bytes = compression.block_bytes.clamp(4 << 10, 1 << 20);
        }
        self
    }
}
