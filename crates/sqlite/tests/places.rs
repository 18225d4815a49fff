//! Where rows are kept, a store that outlives what runs over it, and a life that can end at any step.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use bytes::Bytes;
use engine_postgres::PostgresRows;
use engine_runtime::{App, Bus, Environment, read_models::ReadModels};
use engine_sqlite::SqliteRows;
use engine_store::{
    AllPage, AppendError, AppendRequest, Appended, Document, DocumentKey, EventStore, ExpectedVersion,
    Filter, Properties, ReadAll, ReadError, ReadStream, StreamPage, SubscribeTo, Subscription,
    layer::Layer,
    memory::MemoryStore,
    rows::{GenerationId, RowBatch, RowError, RowKey, RowStore, RowStores, RowView, RowsState},
};
use engine_types::Position;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Where rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Memory,
    Sqlite,
    Postgres,
}

pub const PLACES: [Place; 3] = [Place::Memory, Place::Sqlite, Place::Postgres];

impl Place {
    /// The steps at which a life ends, one after the other. A server is asked for a fifth of them, which takes as long.
    pub fn steps(self, all: std::ops::Range<u64>) -> impl Iterator<Item = u64> {
        all.step_by(if self == Place::Postgres { 5 } else { 1 })
    }
}

/// What outlives a process: events, documents and files.
pub struct World {
    pub store: MemoryStore,
    pub folder: TempDir,
    pub place: Place,
    pub schema: String,
}

impl World {
    pub fn new(place: Place) -> Self {
        let schema =
            if place == Place::Postgres { engine_postgres_server::fresh_schema() } else { String::new() };
        World { store: MemoryStore::new(), folder: TempDir::new().unwrap(), place, schema }
    }

    /// Runs an application that lives for ever.
    pub async fn start(&self, app: App) -> Bus {
        self.start_for(app, &Life::eternal()).await.unwrap()
    }

    /// Runs an application that may die.
    pub async fn start_for(&self, app: App, life: &Life) -> Result<Bus, engine_runtime::StartError> {
        let store = Arc::new(Mortal { inner: self.store.clone(), life: life.clone() });
        let read_models = match self.place {
            Place::Memory => ReadModels::Memory,
            Place::Sqlite => mortal(SqliteRows::in_folder(self.folder.path()), life),
            Place::Postgres => mortal(PostgresRows::new(&self.schema).unwrap(), life),
        };
        app.start_in(store, Environment { read_models, ..Environment::default() }).await
    }

    /// The names of the files of read models.
    pub fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.ends_with(".sqlite")).collect();
        names.sort();
        names
    }
}

fn mortal(rows: impl RowStores, life: &Life) -> ReadModels {
    ReadModels::Stored(Arc::new(MortalRows { inner: Arc::new(rows), life: life.clone() }))
}

/// Ends at a step: what was done until then is done, and nothing is done afterwards.
#[derive(Debug, Clone)]
pub struct Life {
    steps: Arc<AtomicU64>,
    end: u64,
    /// Who waits for the next reader of all events to come to their end, and what that reader then waits for.
    at_end: Arc<Mutex<Option<Stop>>>,
}

type Stop = (oneshot::Sender<()>, oneshot::Receiver<()>);

impl Life {
    pub fn eternal() -> Self {
        Life::of(u64::MAX)
    }

    /// A life of this many steps.
    pub fn of(end: u64) -> Self {
        Life { steps: Arc::default(), end, at_end: Arc::default() }
    }

    /// Stops the next reader of all events that has come to their end, with what it has read, until told.
    pub fn stop_at_the_end(&self) -> (oneshot::Receiver<()>, oneshot::Sender<()>) {
        let (reached, is_reached) = oneshot::channel();
        let (go_on, goes_on) = oneshot::channel();
        *self.at_end.lock() = Some((reached, goes_on));
        (is_reached, go_on)
    }

    /// Ends it now.
    pub fn end(&self) {
        self.steps.store(self.end, Ordering::SeqCst);
    }

    pub fn is_over(&self) -> bool {
        self.steps.load(Ordering::SeqCst) >= self.end
    }

    /// Lives through one more step, if there is one.
    fn step(&self) -> Result<(), &'static str> {
        if self.steps.fetch_add(1, Ordering::SeqCst) < self.end { Ok(()) } else { Err("dead") }
    }

    /// Dies between a deed and its answer as often as before the deed.
    fn lived(&self) -> Result<(), &'static str> {
        self.step()
    }

    fn alive(&self) -> Result<(), &'static str> {
        if self.is_over() { Err("dead") } else { Ok(()) }
    }
}

/// A store that lasts, seen by a process that may die.
#[derive(Debug)]
struct Mortal {
    inner: MemoryStore,
    life: Life,
}

impl Mortal {
    fn reads(&self) -> Result<(), ReadError> {
        self.life.alive().map_err(ReadError::unavailable)
    }
}

fn dead(fault: &'static str) -> AppendError {
    AppendError::Unavailable(fault.into())
}

#[async_trait]
impl Layer for Mortal {
    fn inner(&self) -> &dyn EventStore {
        &self.inner
    }

    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        self.life.alive().map_err(dead)?;
        self.inner.append(request).await
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        self.reads()?;
        self.inner.read_stream(request).await
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        self.reads()?;
        let page = self.inner.read_all(request).await;
        let stop =
            if page.as_ref().is_ok_and(|page| page.end) { self.life.at_end.lock().take() } else { None };
        if let Some((reached, goes_on)) = stop {
            let _ = reached.send(());
            let _ = goes_on.await;
        }
        page
    }

    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError> {
        self.reads()?;
        self.inner.subscribe(to, filter).await
    }

    async fn head(&self) -> Result<Option<Position>, ReadError> {
        self.reads()?;
        self.inner.head().await
    }

    async fn load_document(&self, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
        self.reads()?;
        self.inner.load_document(key).await
    }

    async fn save_document(
        &self,
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: Bytes,
    ) -> Result<u64, AppendError> {
        self.life.step().map_err(dead)?;
        let saved = self.inner.save_document(key, expected, content).await;
        self.life.lived().map_err(dead)?;
        saved
    }

    async fn delete_document(&self, key: &DocumentKey) -> Result<(), AppendError> {
        self.life.step().map_err(dead)?;
        let deleted = self.inner.delete_document(key).await;
        self.life.lived().map_err(dead)?;
        deleted
    }

    async fn documents(
        &self,
        prefix: &str,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<DocumentKey>, ReadError> {
        self.reads()?;
        self.inner.documents(prefix, after, limit).await
    }

    fn properties(&self) -> Properties {
        Properties { durable: true, ..self.inner.properties() }
    }

    /// The world outlives those who close it.
    async fn close(&self) -> Result<(), AppendError> {
        Ok(())
    }
}

/// Files that last, seen by a process that may die.
#[derive(Debug)]
struct MortalRows {
    inner: Arc<dyn RowStores>,
    life: Life,
}

impl RowStores for MortalRows {
    fn generations(&self, projection: &str) -> Result<Vec<GenerationId>, RowError> {
        self.life.alive().map_err(RowError::unavailable)?;
        self.inner.generations(projection)
    }
    fn open(&self, projection: &str, generation: GenerationId) -> Result<Arc<dyn RowStore>, RowError> {
        self.life.step().map_err(RowError::unavailable)?;
        let inner = self.inner.open(projection, generation)?;
        Ok(Arc::new(MortalFile { inner, life: self.life.clone() }))
    }
    fn begin(&self, projection: &str, version: u32) -> Result<(GenerationId, Arc<dyn RowStore>), RowError> {
        self.life.step().map_err(RowError::unavailable)?;
        let (generation, inner) = self.inner.begin(projection, version)?;
        Ok((generation, Arc::new(MortalFile { inner, life: self.life.clone() })))
    }
    fn remove(&self, projection: &str, generation: GenerationId) -> Result<(), RowError> {
        self.life.step().map_err(RowError::unavailable)?;
        self.inner.remove(projection, generation)
    }
    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }
}

#[derive(Debug)]
struct MortalFile {
    inner: Arc<dyn RowStore>,
    life: Life,
}

impl RowStore for MortalFile {
    fn state(&self) -> Result<RowsState, RowError> {
        self.life.alive().map_err(RowError::unavailable)?;
        self.inner.state()
    }
    fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, RowError> {
        self.life.alive().map_err(RowError::unavailable)?;
        self.inner.get(key)
    }
    fn commit(&self, batch: &RowBatch) -> Result<(), RowError> {
        self.life.step().map_err(RowError::unavailable)?;
        let committed = self.inner.commit(batch);
        self.life.lived().map_err(RowError::unavailable)?;
        committed
    }
    fn view(&self, look: &mut dyn FnMut(&dyn RowView)) -> Result<(), RowError> {
        self.inner.view(look)
    }
    fn close(&self) -> Result<(), RowError> {
        self.life.alive().map_err(RowError::unavailable)?;
        self.inner.close()
    }
}
