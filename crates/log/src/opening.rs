//! Opening a store: what is in the directory, is it whole, and where does it end.

mod found;
mod marker;
mod parts;

use std::{collections::VecDeque, io, sync::Arc};

use tracing::{info, warn};
use uuid::Uuid;

use crate::{
    chain::{self, Link},
    compressing::Compressor,
    disk::{self, Disk, Held, Lock, LockError, Mode, UNFINISHED, shared_files::OpenFiles},
    error::OpenError,
    index::page::PageCache,
    merging::{self, Bell, Merger},
    options::LogOptions,
    sealing::Sealer,
    segment::{Segment, SegmentHeader, blocks::BlockCache},
    shared::Shared,
    store_file::{self, CLEAN, CleanMark, LOCK, STORE},
    view::{Part, View},
    writer::{Writer, leading::Pace, recent::RecentIds, room::Room, tail::Tail},
};
pub(crate) use found::{Content, Found};

/// A store that is open: what its handles share, and the writer, which does not run yet.
pub(crate) struct Opened {
    pub shared: Arc<Shared>,
    pub writer: Writer,
}

/// Opens the store in a directory, and creates it where there is nothing.
pub(crate) fn open(disk: Arc<dyn Disk>, options: LogOptions) -> Result<Opened, OpenError> {
    let options = options.held_in_limits();
    let at = |error| OpenError::io(disk.place(), error);
    disk.create().map_err(at)?;
    let found = Found::look(&*disk)?;
    if found.content(&*disk)? == Content::WithoutMarker {
        marker::check(&*disk, &found)?;
    }
    let lock = lock(&*disk, Lock::Exclusive)?;
    let found = Found::look(&*disk)?;
    let store = match found.content(&*disk)? {
        Content::Store => read_store(&*disk)?,
        Content::Nothing => create_store(&*disk, &found, options.chain)?,
        Content::WithoutMarker => marker::restore(&*disk, &found)?,
    };
    let found = Found::look(&*disk)?;
    for name in &found.unfinished {
        disk.remove(name).map_err(at)?;
    }
    let ending = read_ending(&*disk, &found, store)?;
    if let Ending::Unmarked { fault } = &ending {
        let file = disk.place().join(CLEAN);
        warn!("`{}` is damaged ({fault}): the end of the log is checked without it", file.display());
    }
    let segments = open_segments(&*disk, &found.segments, Mode::Write, store)?;
    let files = OpenFiles::new(disk.clone(), options.open_files);
    let blocks = Arc::new(BlockCache::new(options.cached_blocks));
    let pages = Arc::new(PageCache::new(options.cache_bytes, files, blocks));
    let parts = parts::open(&disk, segments, &ending, &pages)?;
    for name in &found.superseded {
        disk.remove(name).map_err(at)?;
    }
    if found.is_clean {
        disk.remove(CLEAN).and_then(|()| disk.sync()).map_err(at)?;
    }
    let merging = Bell::default();
    let runs = merging::open(&disk, &found.merged, &parts[..parts.len() - 1], &pages, &merging);
    let view = View::of(parts, runs, options.cached_streams);
    let shared = Shared::new(disk, options, pages, view, merging);
    assemble(Arc::new(shared), lock)
}

fn assemble(shared: Arc<Shared>, lock: Box<dyn Held>) -> Result<Opened, OpenError> {
    let (parts, options) = (shared.view().parts, &shared.options);
    let last = parts.last().expect("a store has at least one segment");
    let end = last.index.end();
    let known = chain::last(&parts)?;
    // A chain begins with a segment, and never ends.
    let begins = options.chain && known.is_none();
    let tail = Tail {
        disk: shared.disk.clone(),
        segment: last.segment.clone(),
        end,
        synced: end,
        room: Room::behind(end, last.segment.len()?, options),
        link: if begins { Some(Link::origin(last.segment.header.store)) } else { known },
    };
    let recent = RecentIds::new(options.remembered_ids, last.next_position(), &newest_ids(&parts, options)?);
    info!(segments = parts.len(), events = last.next_position(), "the store is open");
    let writer = Writer {
        shared: shared.clone(),
        wake: tokio::sync::watch::Sender::new(0),
        tail,
        recent,
        buffer: Vec::new(),
        sealer: Sealer::start(shared.clone()),
        merger: Merger::start(shared.clone()),
        compressor: Compressor::start(&shared),
        poison: None,
        finished_segment: begins,
        dirty_since: None,
        pace: Pace::default(),
        _lock: lock,
    };
    Ok(Opened { shared, writer })
}

/// Takes the lock of the directory.
pub(crate) fn lock(disk: &dyn Disk, how: Lock) -> Result<Box<dyn Held>, OpenError> {
    disk.lock(LOCK, how).map_err(|error| match error {
        LockError::Held(holder) => OpenError::Locked { directory: disk.place().to_owned(), holder },
        LockError::Io(error) => OpenError::io(disk.place(), error),
    })
}

pub(crate) fn read_store(disk: &dyn Disk) -> Result<Uuid, OpenError> {
    let path = disk.place().join(STORE);
    let bytes = disk::read_small(disk, STORE).map_err(|error| OpenError::io(&path, error))?;
    store_file::decode_store(&bytes, &path)
}

/// Makes a new store. The file `store` comes last: without it there never was a store.
fn create_store(disk: &dyn Disk, found: &Found, chained: bool) -> Result<Uuid, OpenError> {
    let store = Uuid::now_v7();
    let create = || {
        for name in &found.segments {
            disk.remove(name)?;
        }
        let unfinished = format!("{STORE}{UNFINISHED}");
        let file = disk.open(&unfinished, Mode::Create)?;
        disk::write_full(&*file, &store_file::encode_store(store), 0)?;
        file.sync()?;
        disk.sync()
    };
    create().map_err(|error: io::Error| OpenError::io(disk.place(), error))?;
    let first =
        SegmentHeader { store, number: 0, first_position: 0, previous_length: 0, generation: 0, chained };
    Segment::prepare(disk, first)
        .and_then(|segment| segment.take_name(disk))
        .map_err(|error| OpenError::io(disk.place(), error))?;
    disk::write_whole(disk, STORE, &store_file::encode_store(store))
        .map_err(|error| OpenError::io(disk.place(), error))?;
    Ok(store)
}

/// What is known of the end of the log before it is looked at.
#[derive(Debug)]
pub(crate) enum Ending {
    /// The store was not closed in order: something half written may stand there.
    MayBeTorn,
    /// The store was closed in order, and ended there.
    Marked(CleanMark),
    /// The store was closed in order, but where is not known: `clean` is there, and damaged. It is removed
    /// before anything is written, so that nothing half written can stand at the end.
    Unmarked {
        /// What is wrong with `clean`.
        fault: String,
    },
}

pub(crate) fn read_ending(disk: &dyn Disk, found: &Found, store: Uuid) -> Result<Ending, OpenError> {
    if !found.is_clean {
        return Ok(Ending::MayBeTorn);
    }
    let path = disk.place().join(CLEAN);
    let bytes = disk::read_small(disk, CLEAN).map_err(|error| OpenError::io(&path, error))?;
    match CleanMark::decode(&bytes, &path) {
        Ok(mark) if mark.store == store => Ok(Ending::Marked(mark)),
        Ok(_) => Ok(Ending::Unmarked { fault: "the file belongs to another store".to_owned() }),
        Err(OpenError::Corrupt { fault, .. }) => Ok(Ending::Unmarked { fault }),
        Err(error) => Err(error),
    }
}

/// Opens all segments, the last of them in this mode, and checks that they follow one another.
fn open_segments(
    disk: &dyn Disk,
    names: &[String],
    last: Mode,
    store: Uuid,
) -> Result<VecDeque<Segment>, OpenError> {
    let mut segments: VecDeque<Segment> = VecDeque::new();
    for (number, name) in names.iter().enumerate() {
        let mode = if number + 1 == names.len() { last } else { Mode::Read };
        let segment = Segment::open(disk, name, mode, store)?;
        check_follows(&segment, number as u64, segments.back())?;
        segments.push_back(segment);
    }
    if segments.is_empty() {
        return Err(without_segments(disk));
    }
    Ok(segments)
}

/// Checks that a segment has this number, and stands behind the one that it was written behind.
pub(crate) fn check_follows(
    segment: &Segment,
    number: u64,
    previous: Option<&Segment>,
) -> Result<(), OpenError> {
    let corrupt = |fault: &str| {
        Err(OpenError::Corrupt { file: segment.path.clone(), offset: 0, fault: fault.to_owned() })
    };
    if segment.header.number != number {
        return corrupt(&format!("segment {number}, which comes before this one, is missing"));
    }
    if segment.header.previous_length != previous.map_or(Ok(0), Segment::original_len)? {
        return corrupt("the segment before this one has not the length that it had");
    }
    Ok(())
}

pub(crate) fn without_segments(disk: &dyn Disk) -> OpenError {
    let fault = "all segments are missing".to_owned();
    OpenError::Corrupt { file: disk.place().to_owned(), offset: 0, fault }
}

/// The ids of the newest events, as many as are remembered.
fn newest_ids(parts: &[Arc<Part>], options: &LogOptions) -> Result<Vec<u64>, OpenError> {
    let mut pieces = Vec::new();
    let mut wanted = options.remembered_ids;
    for part in parts.iter().rev() {
        if wanted == 0 {
            break;
        }
        let ids = part.index.newest_ids(wanted)?;
        wanted -= ids.len();
        pieces.push(ids);
    }
    pieces.reverse();
    Ok(pieces.concat())
}
