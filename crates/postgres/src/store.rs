//! The store as its users hold it.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use engine_store::{
    AllPage, AppendError, AppendRequest, Appended, DeleteMode, Document, DocumentKey, EventStore,
    EventTypeCount, ExpectedVersion, Filter, Properties, ReadAll, ReadError, ReadStream, StreamMetadata,
    StreamPage, StreamQuery, StreamsPage, SubscribeTo, Subscription, stream_metadata,
};
use engine_types::{CurrentRevision, ExpectedRevision, Position, StreamName};
use tokio::{sync::watch, task::AbortHandle};

use crate::{
    OpenError, PostgresOptions, PostgresUrl, catalog, documents,
    facts::{Facts, StreamFacts, Wanted},
    migrations,
    plan::{Deletion, Job},
    read,
    shared::Shared,
    subscribe, watcher,
    writer::{Queue, Writer},
};

/// Keeps events in a schema of PostgreSQL. Cheap to clone; clones share the store.
///
/// An append whose future is dropped is still completed, once it was handed over. What the store does goes on in the
/// runtime that it was opened in.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    queue: Queue,
    /// Told when the writer has ended.
    ended: watch::Receiver<bool>,
    watcher: AbortHandle,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.close();
        self.watcher.abort();
    }
}

impl PostgresStore {
    /// Opens the store of this URL, and makes its schema where there is none.
    ///
    /// # Errors
    /// See [`OpenError`], which is sorted by what to do next.
    pub async fn open(url: &str, options: PostgresOptions) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared::new(url.parse()?, options));
        migrations::prepare(&shared.url, &shared.pool).await?;
        let (queue, orders) = Queue::new(&shared.options);
        let (tell, ended) = watch::channel(false);
        let writer = Writer::new(shared.clone(), orders);
        tokio::spawn(async move {
            writer.run().await;
            tell.send_replace(true);
        });
        let watcher = tokio::spawn(watcher::watch(shared.clone())).abort_handle();
        Ok(PostgresStore { handle: Arc::new(Handle { shared, queue, ended, watcher }) })
    }

    /// Whether there is a store of this URL. Changes nothing.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn exists(url: &str) -> Result<bool, OpenError> {
        let url: PostgresUrl = url.parse()?;
        let pool = crate::pool::Pool::new(&url, &url.options(PostgresOptions::default()));
        Ok(migrations::found(&url, &pool).await? > 0)
    }

    fn shared(&self) -> &Shared {
        &self.handle.shared
    }

    /// What is known of a stream and of its metadata stream.
    async fn facts(&self, stream: &StreamName) -> Result<(StreamFacts, CurrentRevision), ReadError> {
        let shared = self.shared();
        let described = stream.described_stream();
        let beside = described.clone().unwrap_or_else(|| stream.metadata_stream());
        let names = || [stream.clone(), beside.clone()].into();
        let facts = shared.persist(|| async {
            let mut facts = Facts::default();
            let mut connection = shared.pool.get().await?;
            let wanted = Wanted { streams: names(), ..Wanted::default() };
            facts.look_up(wanted, shared.schema(), &mut connection).await?;
            Ok(facts)
        });
        let facts = facts.await?;
        let of = |name| facts.stream(name).cloned().unwrap_or_default();
        let (of_stream, of_other) = (of(stream), of(&beside));
        if of_stream.is_closed || (described.is_some() && of_other.is_closed) {
            return Err(ReadError::StreamDeleted { stream: stream.clone() });
        }
        Ok((of_stream, of_other.current))
    }
}

#[async_trait]
impl EventStore for PostgresStore {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        request.check()?;
        self.handle.queue.ask(Job::Append(request)).await
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        read::stream_page(self.shared(), &request, self.shared().options.clock.now()).await
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        read::all_page(self.shared(), &request).await
    }

    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError> {
        subscribe::begin(self.handle.shared.clone(), to, filter).await
    }

    async fn head(&self) -> Result<Option<Position>, ReadError> {
        let shared = self.shared();
        Ok(shared.persist(|| catalog::head(shared)).await?)
    }

    async fn current_revision(&self, stream: &StreamName) -> Result<CurrentRevision, ReadError> {
        Ok(self.facts(stream).await?.0.current)
    }

    async fn stream_metadata(
        &self,
        stream: &StreamName,
    ) -> Result<(StreamMetadata, CurrentRevision), ReadError> {
        let (facts, of_metadata) = self.facts(stream).await?;
        if stream.is_metadata() {
            return Ok((StreamMetadata::of_metadata_streams(), CurrentRevision::NoStream));
        }
        Ok((facts.metadata, of_metadata))
    }

    async fn delete_stream(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
    ) -> Result<(), AppendError> {
        stream_metadata::check_not_metadata(stream)?;
        self.handle.queue.ask(Job::Delete(Deletion::new(stream.clone(), expected, mode))).await.map(drop)
    }

    async fn streams(&self, query: StreamQuery) -> Result<StreamsPage, ReadError> {
        catalog::streams(self.shared(), &query).await
    }

    async fn event_types(&self) -> Result<Vec<EventTypeCount>, ReadError> {
        catalog::event_types(self.shared()).await
    }

    async fn load_document(&self, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
        documents::load(self.shared(), key).await
    }

    async fn save_document(
        &self,
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: Bytes,
    ) -> Result<u64, AppendError> {
        documents::save(self.shared(), key, expected, content).await
    }

    async fn delete_document(&self, key: &DocumentKey) -> Result<(), AppendError> {
        documents::delete(self.shared(), key).await
    }

    async fn documents(
        &self,
        prefix: &str,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<DocumentKey>, ReadError> {
        documents::list(self.shared(), prefix, after, limit).await
    }

    fn properties(&self) -> Properties {
        Properties { kind: "postgres", durable: true }
    }

    async fn close(&self) -> Result<(), AppendError> {
        self.handle.queue.close();
        let mut ended = self.handle.ended.clone();
        // A writer that is gone without a word has nothing left to do, either.
        let _ = ended.wait_for(|ended| *ended).await;
        self.handle.watcher.abort();
        self.shared().close();
        Ok(())
    }
}
