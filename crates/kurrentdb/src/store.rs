//! The store: the contract over a connection.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use engine_store::{
    AllPage, AppendError, AppendRequest, Appended, DeleteMode, Direction, Document, DocumentKey, EventStore,
    EventTypeCount, ExpectedVersion, Filter, Properties, ReadAll, ReadError, ReadStream, StreamMetadata,
    StreamPage, StreamQuery, StreamsPage, SubscribeTo, Subscription, stream_metadata,
};
use engine_types::{CurrentRevision, ExpectedRevision, Position, StreamName};
use kurrentdb::{DeleteStreamOptions, TombstoneStreamOptions};
use parking_lot::Mutex;

use crate::{
    ConnectError, Options,
    append::{self, stream_state},
    catalogue::{self, Catalogue},
    connection::Connection,
    convert, documents,
    fault::Fault,
    novelty::Novelty,
    read, subscribe,
};

/// Keeps events on a server that speaks the protocol of KurrentDB and EventStoreDB. Cheap to clone; clones share the
/// connection.
#[derive(Debug, Clone)]
pub struct KurrentStore {
    pub(crate) connection: Arc<Connection>,
    pub(crate) novelty: Arc<Novelty>,
    pub(crate) catalogue: Arc<tokio::sync::Mutex<Catalogue>>,
    /// The groups of document keys that this store has noted.
    pub(crate) known_groups: Arc<Mutex<BTreeSet<String>>>,
}

impl KurrentStore {
    /// Connects to the server of this URL, a connection string of the client: `kurrentdb://`, `esdb://`, with
    /// `+discover` for a cluster.
    ///
    /// # Errors
    /// See [`ConnectError`]; a server that does not answer within [`Options::patience`] is one.
    pub async fn connect(url: &str, options: Options) -> Result<Self, ConnectError> {
        let store = KurrentStore {
            connection: Connection::prepare(url, options)?,
            novelty: Arc::default(),
            catalogue: Arc::default(),
            known_groups: Arc::default(),
        };
        read::newest(&store).await.map_err(|fault| fault.of_read(None))?;
        Ok(store)
    }

    /// Where a stream is. A tombstoned one is an error.
    async fn current(&self, stream: &StreamName) -> Result<CurrentRevision, ReadError> {
        let state =
            stream_state(&self.connection, stream).await.map_err(|fault| fault.of_read(Some(stream)))?;
        if state.tombstoned {
            return Err(ReadError::StreamDeleted { stream: stream.clone() });
        }
        Ok(state.current)
    }

    async fn delete(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
    ) -> Result<(), Fault> {
        let (state, deadline) = (convert::state(expected), self.connection.options.deadline);
        let (soft, hard) = (
            DeleteStreamOptions::default().stream_state(state).deadline(deadline),
            TombstoneStreamOptions::default().stream_state(state).deadline(deadline),
        );
        let ask = |client: kurrentdb::Client| {
            let (soft, hard) = (&soft, &hard);
            async move {
                match mode {
                    DeleteMode::Soft => client.delete_stream(stream.as_str(), soft).await.map(drop),
                    DeleteMode::Tombstone => client.tombstone_stream(stream.as_str(), hard).await.map(drop),
                }
            }
        };
        self.connection.call(ask).await
    }
}

#[async_trait]
impl EventStore for KurrentStore {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        append::append(self, request).await
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        read::stream_page(self, request).await
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        read::all_page(self, request).await
    }

    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError> {
        subscribe::begin(self, to, filter).await
    }

    async fn head(&self) -> Result<Option<Position>, ReadError> {
        read::head(self).await
    }

    async fn current_revision(&self, stream: &StreamName) -> Result<CurrentRevision, ReadError> {
        self.current(stream).await
    }

    async fn stream_metadata(
        &self,
        stream: &StreamName,
    ) -> Result<(StreamMetadata, CurrentRevision), ReadError> {
        if stream.is_metadata() {
            self.current(stream).await?;
            return Ok((StreamMetadata::of_metadata_streams(), CurrentRevision::NoStream));
        }
        let newest =
            ReadStream { direction: Direction::Backwards, ..ReadStream::backwards(stream.metadata_stream()) };
        match self.read_stream(newest.limit(1)).await {
            Ok(page) => {
                let data = page.events.first().map(|event| event.data.clone()).unwrap_or_default();
                Ok((StreamMetadata::from_json(&data), CurrentRevision::At(page.last)))
            }
            Err(ReadError::StreamNotFound { .. }) => {
                Ok((StreamMetadata::default(), CurrentRevision::NoStream))
            }
            Err(ReadError::StreamDeleted { .. }) => Err(ReadError::StreamDeleted { stream: stream.clone() }),
            Err(error) => Err(error),
        }
    }

    async fn delete_stream(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
    ) -> Result<(), AppendError> {
        stream_metadata::check_not_metadata(stream)?;
        match self.delete(stream, expected, mode).await {
            Err(Fault::WrongRevision(actual)) => Err(append::conflict(stream, expected, actual)),
            Err(Fault::WrongState) => Err(append::conflict(stream, expected, self.current(stream).await?)),
            deleted => deleted.map_err(|fault| fault.of_append(stream)),
        }
    }

    async fn streams(&self, query: StreamQuery) -> Result<StreamsPage, ReadError> {
        catalogue::streams(self, &query).await
    }

    async fn event_types(&self) -> Result<Vec<EventTypeCount>, ReadError> {
        catalogue::event_types(self).await
    }

    async fn load_document(&self, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
        documents::load(self, key).await
    }

    async fn save_document(
        &self,
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: Bytes,
    ) -> Result<u64, AppendError> {
        documents::save(self, key, expected, content).await
    }

    async fn delete_document(&self, key: &DocumentKey) -> Result<(), AppendError> {
        documents::delete(self, key).await
    }

    async fn documents(
        &self,
        prefix: &str,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<DocumentKey>, ReadError> {
        documents::list(self, prefix, after, limit).await
    }

    fn properties(&self) -> Properties {
        Properties { kind: "kurrentdb", durable: true }
    }

    async fn close(&self) -> Result<(), AppendError> {
        self.connection.closed.cancel();
        Ok(())
    }
}
