//! Finishing segments that are full: compressing them, where that is wanted, and writing their indexes.
//!
//! Both are conveniences: whatever goes wrong here is told, the segment stays as it was written, and its index stays in
//! memory or is built again at the next start.

use std::{
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use tracing::warn;

use crate::{
    disk::{self, Disk},
    index::{Index, build, file::FileIndex, memory::MemoryIndex, page::PageCache},
    recovery, scavenge,
    segment::Segment,
    shared::Shared,
    view::Part,
};

/// So many finished segments may wait for their index; behind that the writer waits, for they fill memory.
const WAITING: usize = 2;

/// Finishes segments, in a thread of its own or in the calling one.
#[derive(Debug)]
pub(crate) struct Sealer {
    shared: Arc<Shared>,
    background: Option<(mpsc::SyncSender<u64>, JoinHandle<()>)>,
}

impl Sealer {
    pub(crate) fn start(shared: Arc<Shared>) -> Self {
        let background = if shared.options.index_in_background { in_background(&shared) } else { None };
        Sealer { shared, background }
    }

    /// Lets a segment be finished which is full.
    pub(crate) fn seal(&self, segment: u64) {
        let sent = self.background.as_ref().is_some_and(|(sender, _)| sender.send(segment).is_ok());
        if !sent {
            seal(&self.shared, segment);
        }
    }

    /// Waits until all of it is done.
    pub(crate) fn finish(self) {
        if let Some((sender, thread)) = self.background {
            drop(sender);
            // A panic has been told by the thread itself.
            let _ended = thread.join();
        }
    }
}

fn in_background(shared: &Arc<Shared>) -> Option<(mpsc::SyncSender<u64>, JoinHandle<()>)> {
    let (sender, segments) = mpsc::sync_channel(WAITING);
    let shared = shared.clone();
    let work = move || segments.into_iter().for_each(|segment| seal(&shared, segment));
    let thread = std::thread::Builder::new().name("event-log-indexer".to_owned()).spawn(work);
    thread.ok().map(|thread| (sender, thread))
}

fn seal(shared: &Shared, segment: u64) {
    match scavenge::compress(shared, segment) {
        Ok(true) => return,
        Ok(false) => {}
        Err(error) => warn!("segment {segment} stays as it was written, it could not be compressed: {error}"),
    }
    let Some(bytes) = index_bytes(shared, segment) else { return };
    let view = shared.view();
    let part = view.parts.iter().find(|part| part.segment.header.number == segment);
    let Some(segment) = part.map(|part| part.segment.clone()) else { return };
    // Where it cannot be opened again, the file stays open.
    let segment = segment.to_be_read(&shared.pages).map_or(segment, Arc::new);
    if let Some(index) = write(&shared.disk, &segment, &bytes, &shared.pages) {
        shared.exchange_parts(Part::of(segment, Index::File(Box::new(index))));
    }
}

/// The bytes of the index of all that is in a segment; absent where the index is in its file already.
fn index_bytes(shared: &Shared, number: u64) -> Option<Vec<u8>> {
    let view = shared.view();
    let mut parts = view.parts.iter().filter(|part| part.segment.header.number == number);
    let (first, second) = (parts.next()?, parts.next());
    let end = second.unwrap_or(first).index.end();
    if second.is_none_or(|rest| rest.begin == end)
        && first.index.end() == end
        && matches!(first.index, Index::File(_))
    {
        return None;
    }
    if let (None, Index::Memory(memory)) = (second, &first.index) {
        return Some(build::encode(&first.segment, &memory.read()));
    }
    match recovery::index_whole(&first.segment, MemoryIndex::of(&first.segment), end) {
        Ok(memory) => Some(build::encode(&first.segment, &memory)),
        Err(error) => {
            warn!("the index of segment {number} could not be built: {error}");
            None
        }
    }
}

/// Writes the index of the segment that was written last, so that the next start need not build it.
pub(crate) fn leave_index(shared: &Shared) {
    let view = shared.view();
    let segment = &view.written().segment;
    if let Some(bytes) = index_bytes(shared, segment.header.number) {
        write(&shared.disk, segment, &bytes, &shared.pages);
    }
}

/// Writes an index file and opens it.
pub(crate) fn write(
    disk: &Arc<dyn Disk>,
    segment: &Arc<Segment>,
    bytes: &[u8],
    pages: &Arc<PageCache>,
) -> Option<FileIndex> {
    let written = disk::write_whole(&**disk, &segment.name().idx(), bytes).map_err(|error| error.to_string());
    match written.and_then(|()| FileIndex::open(disk, segment, pages)) {
        Ok(index) => index,
        Err(error) => {
            warn!("the index of segment {} could not be written: {error}", segment.header.number);
            None
        }
    }
}
