//! The in-memory store: the contract in its simplest form, to read first and to test with.
//!
//! It keeps every promise but durability: all is gone with the process, and [`Properties::durable`] says so.

mod chunks;
mod reading;
mod scavenging;
mod state;

use std::{
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use engine_types::{CurrentRevision, ExpectedRevision, Position, StreamName};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

use crate::{
    AllPage, AppendError, AppendRequest, Appended, Clock, DeleteMode, Document, DocumentKey, EventStore,
    EventTypeCount, ExpectedVersion, Filter, MaintenanceError, Progress, Properties, ReadAll, ReadError,
    ReadStream, ScavengeReport, StreamMetadata, StreamPage, StreamQuery, StreamsPage, SubscribeTo,
    Subscription, SystemClock, concurrency::StreamState, document, subscribe::Follow,
};
use state::State;

const CLOSED: &str = "the store was closed";

/// Keeps events in the memory of this process. Cheap to clone; clones share the events.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: RwLock<State>,
    closed: AtomicBool,
    /// Raised after each append, when its events can be read.
    wake: watch::Sender<u64>,
    clock: Arc<dyn Clock>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        MemoryStore::with_clock(Arc::new(SystemClock))
    }

    /// An empty store that reads this clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        MemoryStore {
            inner: Arc::new(Inner {
                state: RwLock::default(),
                closed: AtomicBool::new(false),
                wake: watch::Sender::new(0),
                clock,
            }),
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        MemoryStore::new()
    }
}

impl Inner {
    fn read(&self) -> Result<RwLockReadGuard<'_, State>, ReadError> {
        if self.closed.load(Ordering::SeqCst) {
            Err(ReadError::unavailable(CLOSED))
        } else {
            Ok(self.state.read())
        }
    }

    /// Looks at `closed` with the lock held: what `close` does not see finished is refused.
    fn write(&self) -> Result<RwLockWriteGuard<'_, State>, AppendError> {
        let state = self.state.write();
        if self.closed.load(Ordering::SeqCst) { Err(AppendError::unavailable(CLOSED)) } else { Ok(state) }
    }

    /// Tells the subscriptions that there is something to see.
    ///
    /// One that begins just now is not missed: it is counted before it first reads, so that it either is among
    /// those that are woken, or reads behind what was written.
    fn wake(&self) {
        if self.wake.receiver_count() > 0 {
            self.wake.send_modify(|count| *count += 1);
        }
    }

    fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        request.check()?;
        // Read before the lock is taken: all writers wait for the lock.
        let now = request.created.unwrap_or_else(|| self.clock.now());
        let appended = self.write()?.append(request, now)?;
        if !appended.deduplicated && appended.position.is_some() {
            self.wake();
        }
        Ok(appended)
    }
}

impl crate::subscribe::Pages for Inner {
    fn stream_page(&self, request: &ReadStream) -> Result<StreamPage, ReadError> {
        self.read()?.stream_page(request, self.clock.now())
    }

    fn all_page(&self, request: &ReadAll) -> Result<AllPage, ReadError> {
        self.read()?.all_page(request)
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        self.inner.append(request)
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        crate::subscribe::Pages::stream_page(&*self.inner, &request)
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        crate::subscribe::Pages::all_page(&*self.inner, &request)
    }

    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError> {
        Follow::begin(self.inner.clone(), self.inner.wake.subscribe(), to, filter)
    }

    async fn head(&self) -> Result<Option<Position>, ReadError> {
        Ok(self.inner.read()?.head())
    }

    async fn current_revision(&self, stream: &StreamName) -> Result<CurrentRevision, ReadError> {
        match self.inner.read()?.stream_state(stream) {
            StreamState { tombstoned: true, .. } => Err(ReadError::StreamDeleted { stream: stream.clone() }),
            state => Ok(state.current),
        }
    }

    async fn stream_metadata(
        &self,
        stream: &StreamName,
    ) -> Result<(StreamMetadata, CurrentRevision), ReadError> {
        self.inner.read()?.stream_metadata(stream)
    }

    async fn delete_stream(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
    ) -> Result<(), AppendError> {
        self.inner.write()?.delete_stream(stream, expected, mode, self.inner.clock.now())?;
        self.inner.wake();
        Ok(())
    }

    async fn streams(&self, query: StreamQuery) -> Result<StreamsPage, ReadError> {
        Ok(self.inner.read()?.streams(&query))
    }

    async fn event_types(&self) -> Result<Vec<EventTypeCount>, ReadError> {
        Ok(self.inner.read()?.event_types())
    }

    async fn load_document(&self, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
        Ok(self.inner.read()?.documents.get(key).cloned())
    }

    async fn save_document(
        &self,
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: Bytes,
    ) -> Result<u64, AppendError> {
        document::check_size(key, &content)?;
        let documents = &mut self.inner.write()?.documents;
        let actual = documents.get(key).map_or(0, |document| document.version);
        if !expected.accepts(actual) {
            return Err(AppendError::DocumentConflict { key: key.clone(), expected, actual });
        }
        documents.insert(key.clone(), Document { version: actual + 1, content });
        Ok(actual + 1)
    }

    async fn delete_document(&self, key: &DocumentKey) -> Result<(), AppendError> {
        self.inner.write()?.documents.remove(key);
        Ok(())
    }

    async fn documents(
        &self,
        prefix: &str,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<DocumentKey>, ReadError> {
        let state = self.inner.read()?;
        let first = DocumentKey::new(prefix).ok();
        let from = match (&first, after) {
            (Some(first), Some(after)) if after < first => Bound::Included(first),
            (_, Some(after)) => Bound::Excluded(after),
            (Some(first), None) => Bound::Included(first),
            (None, None) => Bound::Unbounded,
        };
        let behind = state.documents.range((from, Bound::Unbounded)).map(|(key, _)| key);
        Ok(behind.take_while(|key| key.as_str().starts_with(prefix)).take(limit).cloned().collect())
    }

    async fn scavenge(
        &self,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<ScavengeReport, MaintenanceError> {
        let now = self.inner.clock.now();
        let mut state = self.inner.write().map_err(ReadError::unavailable)?;
        let events = state.scavenge(now);
        progress(Progress { done: events, total: events });
        Ok(ScavengeReport { events, ..ScavengeReport::default() })
    }

    fn properties(&self) -> Properties {
        Properties { kind: "memory", durable: false }
    }

    async fn close(&self) -> Result<(), AppendError> {
        let state = self.inner.state.write();
        self.inner.closed.store(true, Ordering::SeqCst);
        drop(state);
        self.inner.wake();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{Fixture, Opened};

    struct InMemory;

    #[async_trait]
    impl Fixture for InMemory {
        async fn open(&self, clock: Arc<dyn Clock>) -> Opened {
            Arc::new(MemoryStore::with_clock(clock))
        }

        async fn reopen(&self, _: Opened, _: Arc<dyn Clock>) -> Option<Opened> {
            None
        }
    }

    crate::event_store_suite!(InMemory);
}
