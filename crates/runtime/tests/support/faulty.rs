//! A store that fails on demand: the in-memory one, with a plan of what goes wrong.

mod plan;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use bytes::Bytes;
use engine_store::{
    AllPage, AppendError, AppendRequest, Appended, BoxError, Document, DocumentKey, EventStore,
    ExpectedVersion, Filter, ReadAll, ReadError, ReadStream, StreamPage, SubscribeTo, Subscription,
    layer::Layer, memory::MemoryStore,
};
use engine_types::Position;
use parking_lot::Mutex;

pub use plan::{Call, Fault, Gate};

type Plan = Box<dyn FnMut(Call) -> Option<Fault> + Send>;

/// Is shown each document that was saved.
type Onlooker = Box<dyn FnMut(&DocumentKey, &Bytes) + Send>;

/// The in-memory store, with faults. Clones share events and plan.
#[derive(Clone)]
pub struct FaultyStore {
    inner: MemoryStore,
    plan: Arc<Mutex<Plan>>,
    onlooker: Arc<Mutex<Onlooker>>,
    counts: Arc<Counts>,
}

/// What was asked of the store.
#[derive(Debug, Default)]
pub struct Counts {
    pub appends: AtomicUsize,
    pub reads: AtomicUsize,
    pub events_read: AtomicUsize,
    pub documents_saved: AtomicUsize,
    /// Read, or listed.
    pub documents_looked_at: AtomicUsize,
}

impl FaultyStore {
    /// A store without faults.
    pub fn new() -> Self {
        FaultyStore::over(MemoryStore::new())
    }

    /// The way of one process to a store that it shares with others: with faults of its own.
    pub fn over(inner: MemoryStore) -> Self {
        FaultyStore {
            inner,
            plan: Arc::new(Mutex::new(Box::new(|_| None))),
            onlooker: Arc::new(Mutex::new(Box::new(|_, _| ()))),
            counts: Arc::default(),
        }
    }

    /// Shows each document to this when it has been saved.
    pub fn show_documents(&self, onlooker: impl FnMut(&DocumentKey, &Bytes) + Send + 'static) {
        *self.onlooker.lock() = Box::new(onlooker);
    }

    /// Asks this for a fault at each call from now on.
    pub fn plan(&self, plan: impl FnMut(Call) -> Option<Fault> + Send + 'static) {
        *self.plan.lock() = Box::new(plan);
    }

    /// Lets the next calls of this kind fail, one fault each, and all others go well.
    pub fn next(&self, call: Call, faults: impl IntoIterator<Item = Fault>) {
        let mut faults: std::collections::VecDeque<_> = faults.into_iter().collect();
        self.plan(move |asked| if asked == call { faults.pop_front() } else { None });
    }

    /// The store without its faults.
    pub fn healthy(&self) -> &MemoryStore {
        &self.inner
    }

    /// How many events were read from streams since the last time this was asked.
    pub fn take_events_read(&self) -> usize {
        self.counts.events_read.swap(0, Ordering::Relaxed)
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    fn fault(&self, call: Call) -> Option<Fault> {
        (self.plan.lock())(call)
    }

    /// A read, late or not at all.
    async fn before_read(&self, call: Call) -> Result<(), ReadError> {
        match self.fault(call) {
            None => Ok(()),
            Some(Fault::Held(gate)) => {
                gate.pass().await;
                Ok(())
            }
            Some(Fault::Late(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(())
            }
            Some(Fault::Overtaken(others)) => {
                self.others(others).await;
                Ok(())
            }
            Some(Fault::Unavailable | Fault::LostBefore | Fault::LostAfter | Fault::LostLate(_)) => {
                Err(ReadError::unavailable("planned"))
            }
        }
    }

    /// The write of a document, late or not at all; says whether its answer arrives.
    async fn before_write(&self, call: Call) -> Result<bool, AppendError> {
        match self.fault(call) {
            Some(Fault::LostBefore) => return Err(lost()),
            Some(Fault::LostAfter) => return Ok(false),
            Some(Fault::Unavailable) => return Err(AppendError::unavailable("planned")),
            Some(Fault::LostLate(delay) | Fault::Late(delay)) => tokio::time::sleep(delay).await,
            Some(Fault::Held(gate)) => gate.pass().await,
            Some(Fault::Overtaken(others)) => self.others(others).await,
            None => {}
        }
        Ok(true)
    }

    async fn others(&self, others: Vec<AppendRequest>) {
        for request in others {
            self.inner.append(request).await.expect("what others write is right");
        }
    }
}

/// What a caller hears whose answer was lost.
fn lost() -> AppendError {
    AppendError::OutcomeUnknown(BoxError::from("planned"))
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FaultyStore").finish_non_exhaustive()
    }
}

#[async_trait]
impl Layer for FaultyStore {
    fn inner(&self) -> &dyn EventStore {
        &self.inner
    }

    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        self.counts.appends.fetch_add(1, Ordering::Relaxed);
        match self.fault(Call::Append) {
            None => self.inner.append(request).await,
            Some(Fault::Unavailable) => Err(AppendError::unavailable("planned")),
            Some(Fault::LostBefore) => Err(lost()),
            Some(Fault::LostAfter) => {
                // A store need not say that it was a conflict when it can say nothing.
                let _ = self.inner.append(request).await;
                Err(lost())
            }
            Some(Fault::LostLate(delay)) => {
                drop(self.detached(request, tokio::time::sleep(delay)));
                Err(lost())
            }
            Some(Fault::Overtaken(others)) => {
                self.others(others).await;
                self.inner.append(request).await
            }
            Some(Fault::Held(gate)) => self.detached(request, async move { gate.pass().await }).await,
            Some(Fault::Late(delay)) => self.detached(request, tokio::time::sleep(delay)).await,
        }
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
        self.before_read(Call::Read).await?;
        let page = self.inner.read_stream(request).await?;
        self.counts.events_read.fetch_add(page.events.len(), Ordering::Relaxed);
        Ok(page)
    }

    async fn load_document(&self, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
        self.before_read(Call::LoadDocument).await?;
        self.counts.documents_looked_at.fetch_add(1, Ordering::Relaxed);
        self.inner.load_document(key).await
    }

    async fn save_document(
        &self,
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: Bytes,
    ) -> Result<u64, AppendError> {
        let is_answered = self.before_write(Call::SaveDocument).await?;
        self.counts.documents_saved.fetch_add(1, Ordering::Relaxed);
        let saved = self.inner.save_document(key, expected, content.clone()).await;
        if saved.is_ok() {
            (self.onlooker.lock())(key, &content);
        }
        if is_answered { saved } else { Err(lost()) }
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        self.before_read(Call::ReadAll).await?;
        self.inner.read_all(request).await
    }

    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError> {
        self.before_read(Call::Subscribe).await?;
        self.inner.subscribe(to, filter).await
    }

    async fn head(&self) -> Result<Option<Position>, ReadError> {
        self.before_read(Call::Head).await?;
        self.inner.head().await
    }

    async fn delete_document(&self, key: &DocumentKey) -> Result<(), AppendError> {
        let is_answered = self.before_write(Call::DeleteDocument).await?;
        let deleted = self.inner.delete_document(key).await;
        if is_answered { deleted } else { Err(lost()) }
    }

    async fn documents(
        &self,
        prefix: &str,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<DocumentKey>, ReadError> {
        self.before_read(Call::ListDocuments).await?;
        let keys = self.inner.documents(prefix, after, limit).await?;
        self.counts.documents_looked_at.fetch_add(keys.len(), Ordering::Relaxed);
        Ok(keys)
    }

    /// Closes nothing: the events outlive the bus, as those of a durable store would.
    async fn close(&self) -> Result<(), AppendError> {
        Ok(())
    }
}

impl FaultyStore {
    /// Writes later, whether or not the caller still waits: as a store does whose writer has the request.
    fn detached(
        &self,
        request: AppendRequest,
        until: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = Result<Appended, AppendError>> + Send + 'static {
        let inner = self.inner.clone();
        let write = tokio::spawn(async move {
            until.await;
            inner.append(request).await
        });
        async move { write.await.expect("the in-memory store does not panic") }
    }
}
