//! What the writer and the readers share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use engine_store::{AllPage, ReadAll, ReadError, ReadStream, StreamPage, subscribe::Pages};
use parking_lot::{Mutex, RwLock};

use crate::{
    disk::Disk,
    index::{Index, memory::MemoryIndex, page::PageCache},
    options::LogOptions,
    read,
    view::{Facts, Part, View},
};

/// What the writer and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub options: LogOptions,
    pub pages: Arc<PageCache>,
    view: RwLock<View>,
    closed: AtomicBool,
    /// Held by the one who writes segments anew; whoever closes the store waits for it.
    pub scavenging: Mutex<()>,
    /// Held while one segment is written anew, to scavenge it or to compress it.
    pub rewriting: Mutex<()>,
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        options: LogOptions,
        pages: Arc<PageCache>,
        parts: Vec<Arc<Part>>,
    ) -> Self {
        let facts = Arc::new(Facts::new(options.cached_streams));
        let view = RwLock::new(View { parts: Arc::new(parts), facts });
        let closed = AtomicBool::new(false);
        Shared {
            disk,
            options,
            pages,
            view,
            closed,
            scavenging: Mutex::default(),
            rewriting: Mutex::default(),
        }
    }

    /// What can be read now.
    pub(crate) fn view(&self) -> View {
        self.view.read().clone()
    }

    /// What can be read now, unless the store was closed.
    pub(crate) fn open_view(&self) -> Result<View, ReadError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(ReadError::unavailable("the store was closed"));
        }
        Ok(self.view())
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// How many streams and documents the part that is written names.
    pub(crate) fn names_held(&self) -> usize {
        self.view().written().index.with_memory(MemoryIndex::names_held).unwrap_or(0)
    }

    /// Changes the index of the part that is written: readers see all of the change, or nothing.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut MemoryIndex)) {
        if let Index::Memory(memory) = &self.view().written().index {
            change(&mut memory.write());
        }
    }

    /// Adds a part, which is written from now on.
    pub(crate) fn add_part(&self, part: Part) {
        let mut view = self.view.write();
        let mut parts = view.parts.as_ref().clone();
        parts.push(Arc::new(part));
        view.parts = Arc::new(parts);
    }

    /// Whether the store was closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Exchanges the parts of a segment that is not written any more for one. One of an older generation comes too
    /// late.
    pub(crate) fn exchange_parts(&self, part: Part) {
        let number = part.segment.header.number;
        let mut view = self.view.write();
        let mut parts = view.parts.as_ref().clone();
        let of_segment = |known: &Arc<Part>| known.segment.header.number == number;
        let (Some(first), Some(last)) =
            (parts.iter().position(of_segment), parts.iter().rposition(of_segment))
        else {
            return;
        };
        if parts[first].segment.header.generation > part.segment.header.generation {
            return;
        }
        parts.splice(first..=last, [Arc::new(part)]);
        // What was found out counts the parts as they were.
        let facts = Arc::new(Facts::new(self.options.cached_streams));
        *view = View { parts: Arc::new(parts), facts };
    }
}

impl Pages for Shared {
    fn stream_page(&self, request: &ReadStream) -> Result<StreamPage, ReadError> {
        read::stream_page(&self.open_view()?, &self.options, request, self.options.clock.now())
    }

    fn all_page(&self, request: &ReadAll) -> Result<AllPage, ReadError> {
        read::all_page(&self.open_view()?, &self.options, request)
    }
}
