//! What the writer and the readers share.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use engine_store::{AllPage, ReadAll, ReadError, ReadStream, StreamPage, subscribe::Pages};
use parking_lot::{Mutex, RwLock};

use crate::{
    disk::Disk,
    index::{Index, memory::MemoryIndex, page::PageCache},
    merging::Bell,
    options::LogOptions,
    read,
    view::{Part, Run, View},
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
    /// Rung when there may be indexes to merge.
    pub merging: Bell,
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        options: LogOptions,
        pages: Arc<PageCache>,
        view: View,
        merging: Bell,
    ) -> Self {
        Shared {
            disk,
            options,
            pages,
            view: RwLock::new(view),
            closed: AtomicBool::new(false),
            scavenging: Mutex::default(),
            rewriting: Mutex::default(),
            merging,
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
        let mut runs = view.runs.as_ref().clone();
        // What was merged tells of the segment as it was.
        for run in runs.extract_if(.., |run| run.parts.start <= last && first < run.parts.end) {
            run.index.supersede();
        }
        for run in runs.iter_mut().filter(|run| run.parts.start > last) {
            run.parts = run.parts.start - (last - first)..run.parts.end - (last - first);
        }
        let old = mem::replace(&mut *view, View::of(parts, runs, self.options.cached_streams));
        drop(view);
        // Files that nobody reads any more go with it, which nobody should wait for.
        drop(old);
        self.merging.ring();
    }

    #[cfg(test)]
    pub(crate) fn set_view(&self, view: View) {
        *self.view.write() = view;
    }

    /// Lets parts be looked up together from now on; `fresh` are the same, opened again. Answers whether the parts are
    /// still those of which the index was made.
    pub(crate) fn add_run(&self, run: Run, of: &[Arc<Part>], fresh: Vec<Arc<Part>>) -> bool {
        let mut view = self.view.write();
        let same = |(known, part): (&Arc<Part>, &Arc<Part>)| Arc::ptr_eq(known, part);
        let known = view.parts.get(run.parts.clone()).filter(|known| known.len() == of.len());
        if !known.is_some_and(|known| known.iter().zip(of).all(same)) {
            return false;
        }
        let mut parts = view.parts.as_ref().clone();
        parts.splice(run.parts.clone(), fresh);
        let mut runs = view.runs.as_ref().clone();
        let within = |known: &Run| known.parts.start < run.parts.end && run.parts.start < known.parts.end;
        for smaller in runs.extract_if(.., |known| within(known)) {
            smaller.index.supersede();
        }
        let place = runs.partition_point(|known| known.parts.start < run.parts.start);
        runs.insert(place, run);
        let old = mem::replace(&mut *view, View::of(parts, runs, self.options.cached_streams));
        drop(view);
        drop(old);
        true
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
