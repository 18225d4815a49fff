//! The contract of a store.

use std::{fmt, path::Path};

use async_trait::async_trait;
use bytes::Bytes;
use engine_types::{CurrentRevision, ExpectedRevision, Position, StreamName};

use crate::{
    AllPage, AppendError, AppendRequest, Appended, BackupReport, Document, DocumentKey, EventTypeCount,
    ExpectedVersion, Filter, MaintenanceError, Progress, ReadAll, ReadError, ReadStream, ScavengeReport,
    SegmentReport, StoreStats, StreamMetadata, StreamPage, StreamQuery, StreamsPage, SubscribeTo,
    Subscription, VerifyProgress, VerifyReport, stream_metadata,
};

/// Keeps events in streams. Everything that the engine does to the world outside goes through this trait.
///
/// The promises, each of them a test in `suite`:
///
/// * **Atomic.** An append writes all of its events or none, over several streams too.
/// * **Ordered.** Revisions of a stream are 0, 1, 2 … without gap; positions are in commit order, and there may be
///   gaps between them, within one append too. Reading goes on from a position that the store has told, or from
///   right behind one; another number may be refused.
/// * **Durable.** What was answered with `Ok` is there after a crash, unless [`Properties::durable`] says
///   that this store does not outlive its process, or the append asked for less.
/// * **Conditional.** An append whose expectation is wrong is a [`AppendError::Conflict`] that tells where
///   the stream really is; nothing was written.
/// * **Idempotent.** The same event ids again, to the same stream with the same expectation, answer the
///   first result and are not written twice.
/// * **Settled.** A reader that has seen position *p* never later finds a new event at or below *p*.
/// * **Complete.** A subscription delivers every event once, catching up and then live, with no hole and no
///   duplicate at the hand-over, and says when it has caught up.
/// * **Bounded.** A page holds at most the events asked for; a subscription holds at most one page.
#[async_trait]
pub trait EventStore: fmt::Debug + Send + Sync + 'static {
    /// Appends to one or several streams: all events or none.
    ///
    /// # Errors
    /// See [`AppendError`], which is sorted by what the caller does next.
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError>;

    /// Reads one page of a stream.
    ///
    /// # Errors
    /// [`ReadError::StreamNotFound`] where the stream has no events or was deleted,
    /// [`ReadError::StreamDeleted`] where it was tombstoned, and the failures of the store.
    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError>;

    /// Reads one page of all streams together, in commit order or against it.
    ///
    /// # Errors
    /// The failures of the store.
    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError>;

    /// Delivers what is there, then what comes. Not a promise that the stream exists.
    ///
    /// # Errors
    /// [`ReadError::StreamDeleted`] where the stream was tombstoned, and the failures of the store.
    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError>;

    /// The position of the newest event, if there is any.
    ///
    /// # Errors
    /// The failures of the store.
    async fn head(&self) -> Result<Option<Position>, ReadError>;

    /// Where a stream ends: the revision of its newest event, whether or not it is still readable.
    ///
    /// # Errors
    /// [`ReadError::StreamDeleted`] where the stream was tombstoned, and the failures of the store.
    async fn current_revision(&self, stream: &StreamName) -> Result<CurrentRevision, ReadError>;

    /// The metadata of a stream (all absent where none was set) and the revision of its metadata.
    ///
    /// # Errors
    /// [`ReadError::StreamDeleted`] where the stream was tombstoned, and the failures of the store.
    async fn stream_metadata(
        &self,
        stream: &StreamName,
    ) -> Result<(StreamMetadata, CurrentRevision), ReadError>;

    /// Replaces the metadata of a stream, conditional on the revision of the metadata.
    ///
    /// Metadata that is set for a softly deleted stream revives it without its old events: what is set gets a
    /// `$tb` behind them, in a second event.
    ///
    /// # Errors
    /// As [`EventStore::append`].
    async fn set_stream_metadata(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        metadata: StreamMetadata,
    ) -> Result<Appended, AppendError> {
        self.append(stream_metadata::request(stream, expected, &metadata)?).await
    }

    /// Deletes a stream, softly or for ever. See [`DeleteMode`].
    ///
    /// # Errors
    /// As [`EventStore::append`]; a stream that never had events is a [`AppendError::Conflict`] when deleted
    /// softly, and can be tombstoned. A metadata stream is [`AppendError::Invalid`]: it ends with its stream.
    async fn delete_stream(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
    ) -> Result<(), AppendError>;

    /// Lists streams by name, one page at a time.
    ///
    /// # Errors
    /// The failures of the store.
    async fn streams(&self, query: StreamQuery) -> Result<StreamsPage, ReadError>;

    /// Which event types occur, by category.
    ///
    /// # Errors
    /// The failures of the store.
    async fn event_types(&self) -> Result<Vec<EventTypeCount>, ReadError>;

    /// Reads a document: a small durable value beside the events, such as a checkpoint or a snapshot.
    ///
    /// # Errors
    /// The failures of the store.
    async fn load_document(&self, key: &DocumentKey) -> Result<Option<Document>, ReadError>;

    /// Writes a document and answers its new version, from 1.
    ///
    /// # Errors
    /// [`AppendError::DocumentConflict`] where the expectation is wrong, and as [`EventStore::append`].
    async fn save_document(
        &self,
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: Bytes,
    ) -> Result<u64, AppendError>;

    /// Removes a document; removing what is not there is no error.
    ///
    /// # Errors
    /// As [`EventStore::save_document`].
    async fn delete_document(&self, key: &DocumentKey) -> Result<(), AppendError>;

    /// The keys of the documents that begin with `prefix`, in order, at most `limit`, after `after`.
    ///
    /// # Errors
    /// The failures of the store.
    async fn documents(
        &self,
        prefix: &str,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<DocumentKey>, ReadError>;

    /// Checks that everything in the store is whole, telling how far it has come.
    ///
    /// A store that knows its own bytes checks those; the others are read from end to end.
    ///
    /// # Errors
    /// The failures of the store. Damage is no error but an entry of the report.
    async fn verify(
        &self,
        progress: &(dyn Fn(VerifyProgress) + Send + Sync),
    ) -> Result<VerifyReport, ReadError> {
        crate::maintenance::verify_by_reading(self, progress).await
    }

    /// Removes the events that can no longer be read, telling how far it has come: those that were deleted, those
    /// before `$tb` and beyond `$maxCount`, and from the beginning of each stream those older than `$maxAge`.
    ///
    /// The store goes on meanwhile. What is left keeps its revisions and positions; a stream goes on with the
    /// revision behind its last event, whether or not that is still there. What was removed does not come back
    /// when the metadata of its stream is changed, and an append that is repeated is not recognised by it.
    /// Whatever interrupts a scavenge, the store is whole, and the next scavenge does the rest.
    ///
    /// # Errors
    /// See [`MaintenanceError`].
    async fn scavenge(
        &self,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<ScavengeReport, MaintenanceError> {
        let _nothing_to_tell = progress;
        Err(self.unsupported("scavenged"))
    }

    /// Copies the store into a directory, telling how far it has come; appends go on meanwhile, and what was
    /// published before the call is in the copy. A second backup into the same directory copies what has changed.
    ///
    /// # Errors
    /// See [`MaintenanceError`]; of kind [`MaintenanceError::Place`] where the directory holds something else.
    async fn backup(
        &self,
        destination: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<BackupReport, MaintenanceError> {
        let _nothing_to_do = (destination, progress);
        Err(self.unsupported("backed up"))
    }

    /// Tells how large the store is, and what a scavenge would give back. Looks at all of it, telling how far it has
    /// come.
    ///
    /// # Errors
    /// See [`MaintenanceError`].
    async fn stats(
        &self,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<StoreStats, MaintenanceError> {
        let _nothing_to_tell = progress;
        Err(self.unsupported("measured"))
    }

    /// The segments that hold the events, the oldest first.
    ///
    /// # Errors
    /// See [`MaintenanceError`]; [`MaintenanceError::Unsupported`] where a store has none.
    async fn segments(&self) -> Result<Vec<SegmentReport>, MaintenanceError> {
        let kind = self.properties().kind;
        Err(MaintenanceError::Unsupported(format!("a store of kind `{kind}` has no segments")))
    }

    /// Why this store cannot be looked after from here.
    #[doc(hidden)]
    fn unsupported(&self, what: &str) -> MaintenanceError {
        let kind = self.properties().kind;
        MaintenanceError::Unsupported(format!("a store of kind `{kind}` is not {what} from here"))
    }

    /// What kind of store this is.
    fn properties(&self) -> Properties;

    /// Finishes what was accepted and lets go of files and connections. Further calls are refused.
    ///
    /// # Errors
    /// What could not be made durable.
    async fn close(&self) -> Result<(), AppendError>;
}

/// What kind of store this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    /// A word for messages: `memory`, `file` …
    pub kind: &'static str,
    /// Whether acknowledged events outlive the process.
    pub durable: bool,
}

/// How a stream is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteMode {
    /// The events are no longer readable; a later append revives the stream and continues its numbering.
    Soft,
    /// The stream is closed for ever: every later call that names it is answered with *deleted*.
    Tombstone,
}
