//! What the writer and the readers share.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use engine_store::{AllPage, ReadAll, ReadError, ReadStream, StreamPage, subscribe::Pages};
use parking_lot::RwLock;

use crate::{
    index::{Index, memory::MemoryIndex},
    options::LogOptions,
    read,
    view::{Part, View},
};

/// What the writer and the readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    view: RwLock<View>,
    closed: AtomicBool,
    pub options: LogOptions,
}

impl Shared {
    pub(crate) fn new(parts: Vec<Arc<Part>>, options: LogOptions) -> Self {
        let view = View { parts: Arc::new(parts) };
        Shared { view: RwLock::new(view), closed: AtomicBool::new(false), options }
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
        let view = self.view();
        let Index::Memory(memory) = &view.written().index;
        memory.read().names_held()
    }

    /// Changes the index of the part that is written: readers see all of the change, or nothing.
    pub(crate) fn publish(&self, change: impl FnOnce(&mut MemoryIndex)) {
        let view = self.view();
        let Index::Memory(memory) = &view.written().index;
        change(&mut memory.write());
    }

    /// Adds a part, which is written from now on.
    pub(crate) fn add_part(&self, part: Part) {
        let mut view = self.view.write();
        let mut parts = view.parts.as_ref().clone();
        parts.push(Arc::new(part));
        view.parts = Arc::new(parts);
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
