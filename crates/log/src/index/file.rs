//! An index file that mends itself: where it is damaged, it is built again from its segment.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use tracing::warn;

use super::{build, disk::DiskIndex, memory::MemoryIndex, page::PageCache};
use crate::{
    disk::{self, Disk},
    error::Trouble,
    recovery,
    segment::Segment,
};

/// The index file of a segment.
#[derive(Debug)]
pub(crate) struct FileIndex {
    pub disk: DiskIndex,
    segment: Arc<Segment>,
    directory: Arc<dyn Disk>,
    /// What was built in its place.
    rebuilt: OnceLock<MemoryIndex>,
    /// Held while it is built, so that it is built once.
    building: Mutex<()>,
}

impl FileIndex {
    /// Opens the index file of a segment; absent where there is none.
    pub(crate) fn open(
        directory: &Arc<dyn Disk>,
        segment: &Arc<Segment>,
        cache: &Arc<PageCache>,
    ) -> Result<Option<Self>, String> {
        let opened = DiskIndex::open(&**directory, segment, cache)?;
        Ok(opened.map(|disk| FileIndex {
            disk,
            segment: segment.clone(),
            directory: directory.clone(),
            rebuilt: OnceLock::new(),
            building: Mutex::new(()),
        }))
    }

    /// Whether the file was damaged, and answers come from what was built in its place.
    pub(crate) fn was_rebuilt(&self) -> bool {
        self.rebuilt.get().is_some()
    }

    pub(super) fn ask<T>(
        &self,
        memory: impl FnOnce(&MemoryIndex) -> T,
        disk: impl FnOnce(&DiskIndex) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        if let Some(rebuilt) = self.rebuilt.get() {
            return Ok(memory(rebuilt));
        }
        match disk(&self.disk) {
            Err(Trouble::Damage { .. }) => Ok(memory(self.rebuild()?)),
            answer => answer,
        }
    }

    fn rebuild(&self) -> Result<&MemoryIndex, Trouble> {
        let _building = self.building.lock();
        if let Some(rebuilt) = self.rebuilt.get() {
            return Ok(rebuilt);
        }
        let header = &self.segment.header;
        warn!("the index of segment {} is damaged and is built again", header.number);
        let empty = MemoryIndex::of(&self.segment);
        let index = recovery::index_whole(&self.segment, empty, self.disk.end)?;
        let bytes = build::encode(&self.segment, &index);
        if let Err(error) = disk::write_whole(&*self.directory, &self.segment.name().idx(), &bytes) {
            warn!("the index of segment {} could not be written again: {error}", header.number);
        }
        Ok(self.rebuilt.get_or_init(|| index))
    }
}
