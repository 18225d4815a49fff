//! Merging the indexes of neighbouring full segments, in the background: 4, 16 and 64 of them become one.
//!
//! Whoever looks up a stream asks one index and not 64. A convenience: whatever goes wrong here is told, and the segments
//! are asked one by one.

mod bell;
mod opening;
mod plan;

use std::{
    collections::HashSet,
    io,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use tracing::warn;

use crate::{
    disk::{self, File, Mode, UNFINISHED},
    error::Trouble,
    index::{
        Index,
        disk::DiskIndex,
        file::FileIndex,
        merged::{
            MergedIndex,
            layout::{Covered, MergedName},
            merge::{Failure, Sources},
        },
        page::Sink,
    },
    shared::Shared,
    view::{Part, Run, View},
};
pub(crate) use bell::Bell;
pub(crate) use opening::{open, read_only};

/// Merges indexes, in a thread of its own or in the calling one. Ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Merger {
    shared: Arc<Shared>,
    background: Option<JoinHandle<()>>,
    stopped: Arc<AtomicBool>,
}

impl Drop for Merger {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        self.shared.merging.ring();
        if let Some(thread) = self.background.take() {
            // A panic has been told by the thread itself.
            let _ended = thread.join();
        }
    }
}

impl Merger {
    pub(crate) fn start(shared: Arc<Shared>) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let background =
            if shared.options.index_in_background { in_background(&shared, &stopped) } else { None };
        Merger { shared, background, stopped }
    }

    /// Looks for indexes to merge, where no thread does.
    pub(crate) fn look(&self) {
        if self.background.is_none() {
            merge_all(&self.shared, &self.stopped);
        }
    }
}

fn in_background(shared: &Arc<Shared>, stopped: &Arc<AtomicBool>) -> Option<JoinHandle<()>> {
    let (shared, stopped) = (shared.clone(), stopped.clone());
    // There may be something to merge from the beginning.
    shared.merging.ring();
    let work = move || {
        while !stopped.load(Ordering::Acquire) {
            shared.merging.wait();
            merge_all(&shared, &stopped);
        }
    };
    std::thread::Builder::new().name("event-log-merger".to_owned()).spawn(work).ok()
}

/// Merges all that is to be merged now.
fn merge_all(shared: &Arc<Shared>, stopped: &AtomicBool) {
    let goes_on = || !stopped.load(Ordering::Acquire) && !shared.is_closed();
    let mut failed = HashSet::new();
    while goes_on() {
        // What is merged while segments are written anew is soon in vain. Whoever does that rings when it is done.
        if shared.scavenging.is_locked() {
            return;
        }
        let view = shared.view();
        let Some(parts) = plan::next(&view, shared.options.merged_segments, &failed) else { return };
        match merge(shared, &view, &parts, &goes_on) {
            Ok(()) => {}
            Err(Failure::GivenUp) => return,
            Err(failure) => {
                let segments = numbers(&view, &parts);
                warn!("the indexes of segments {segments:?} are not merged: {}", told(failure));
                failed.insert(parts);
            }
        }
    }
}

fn told(failure: Failure) -> String {
    match failure {
        Failure::Trouble(trouble) => trouble.to_string(),
        Failure::Disk(error) => error.to_string(),
        Failure::Contradiction(why) => why,
        Failure::GivenUp => "the store was closed".to_owned(),
    }
}

/// The numbers of the first and the last segment of some parts.
fn numbers(view: &View, parts: &Range<usize>) -> (u64, u64) {
    let number = |part: usize| view.parts[part].segment.header.number;
    (number(parts.start), number(parts.end - 1))
}

fn merge(
    shared: &Arc<Shared>,
    view: &View,
    parts: &Range<usize>,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let of = &view.parts[parts.clone()];
    let (first, last) = numbers(view, parts);
    let name = MergedName { first, last, number: shared.merging.next_number(shared.options.clock.now()) };
    let store = of[0].segment.header.store;
    let covered = of.iter().map(|part| Covered::of(part)).collect::<Result<Vec<_>, Trouble>>()?;
    let rebuilt = || Failure::Contradiction("the index of one of them is not in its file".to_owned());
    let indexes = in_files(of).ok_or_else(rebuilt)?;
    leave_room(shared, &indexes)?;
    let sources = Sources { store, name, indexes: &indexes, covered: &covered };
    let disk = &*shared.disk;
    let unfinished = format!("{}{UNFINISHED}", name.file());
    let merged = write(disk, &unfinished, &sources, goes_on).and_then(|()| {
        disk.rename(&unfinished, &name.file()).and_then(|()| disk.sync()).map_err(Failure::Disk)?;
        attach(shared, store, name, parts, of)
    });
    if merged.is_err() {
        // It may have its name already. What stays is removed when the store is opened the next time.
        let _stays = (disk.remove(&unfinished), disk.remove(&name.file()));
    }
    merged
}

/// Nothing is merged where the next segment might not find room beside it. A merged index is smaller than what it is made
/// of.
fn leave_room(shared: &Shared, indexes: &[&DiskIndex]) -> Result<(), Failure> {
    let most = indexes.iter().map(|index| index.bytes()).sum::<u64>();
    let wanted = most.saturating_add(shared.options.segment_bytes);
    match shared.disk.room() {
        Some(room) if room < wanted => {
            let why = format!(
                "there is room for {room} bytes more, and {wanted} are wanted, so that all can be written"
            );
            Err(Failure::Disk(io::Error::new(io::ErrorKind::StorageFull, why)))
        }
        _ => Ok(()),
    }
}

fn write(
    disk: &dyn disk::Disk,
    unfinished: &str,
    sources: &Sources<'_>,
    goes_on: &dyn Fn() -> bool,
) -> Result<(), Failure> {
    let file = disk.open(unfinished, Mode::Create).map_err(Failure::Disk)?;
    let mut whole = ToFile(file);
    sources.merge(&mut whole, goes_on)?;
    whole.0.sync().map_err(Failure::Disk)
}

/// From here on the segments are looked up together, unless one of them was written anew meanwhile.
fn attach(
    shared: &Arc<Shared>,
    store: uuid::Uuid,
    name: MergedName,
    parts: &Range<usize>,
    of: &[Arc<Part>],
) -> Result<(), Failure> {
    let opened =
        MergedIndex::open(&shared.disk, store, name, &shared.pages).map_err(Failure::Contradiction)?;
    let index = Arc::new(opened);
    // What the indexes of the segments hold in memory is not needed any more.
    let fresh = of.iter().map(|part| opened_again(shared, part)).collect();
    if !shared.add_run(Run { parts: parts.clone(), index: index.clone() }, of, fresh) {
        index.supersede();
    }
    Ok(())
}

/// The same part with nothing of its index in memory, or as it is where it cannot be opened.
fn opened_again(shared: &Shared, part: &Arc<Part>) -> Arc<Part> {
    match FileIndex::open(&shared.disk, &part.segment, &shared.pages) {
        Ok(Some(index)) => Arc::new(Part::of(part.segment.clone(), Index::File(Box::new(index)))),
        Ok(None) | Err(_) => part.clone(),
    }
}

/// The index file of a part, if it can be merged: one that is damaged cannot, nor one of which a merged index could not
/// tell that it is this one.
fn in_file(part: &Part) -> Option<&DiskIndex> {
    match &part.index {
        Index::File(file) if !file.was_rebuilt() && Covered::tells_apart(part) => Some(&file.disk),
        Index::File(_) | Index::Memory(_) => None,
    }
}

/// The index files of parts, if all of them can be merged.
pub(crate) fn in_files(parts: &[Arc<Part>]) -> Option<Vec<&DiskIndex>> {
    parts.iter().map(|part| in_file(part)).collect()
}

#[derive(Debug)]
struct ToFile(Arc<dyn File>);

impl Sink for ToFile {
    fn take(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        disk::write_full(&*self.0, bytes, offset)
    }
}

#[cfg(test)]
mod tests;
