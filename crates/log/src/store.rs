//! The store as its users hold it.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    thread::JoinHandle,
};

use async_trait::async_trait;
use bytes::Bytes;
use engine_store::{
    AllPage, AppendError, AppendRequest, Appended, BackupReport, DeleteMode, Document, DocumentKey,
    EventStore, EventTypeCount, ExpectedVersion, Filter, MaintenanceError, Progress, Properties, ReadAll,
    ReadError, ReadStream, ScavengeReport, SegmentReport, StoreStats, StreamMetadata, StreamPage,
    StreamQuery, StreamsPage, SubscribeTo, Subscription, VerifyProgress, VerifyReport, document,
    subscribe::{Follow, Pages},
};
use engine_types::{CurrentRevision, ExpectedRevision, Position, StreamName};
use parking_lot::Mutex;
use tokio::{sync::watch, task::coop};

use crate::{
    backup, catalog,
    closing::CloseFailure,
    disk::{Directory, Disk},
    error::OpenError,
    opening::{self, Opened},
    options::LogOptions,
    scavenge,
    shared::Shared,
    stats, verify,
    writer::{
        self, leading,
        queue::{Job, Queue, Reply},
        reply,
    },
};

/// Keeps events in a directory. Cheap to clone; clones share the store.
///
/// All reading and the opening access the disk in the calling thread; so does a small durable append that is alone,
/// while the disk is fast ([`LogOptions::lead_within`]). All else is written by a thread of its own. Whoever writes, an
/// append whose future is dropped is still completed, once it was handed over; one whose future is kept and not polled may
/// wait for the next.
///
/// When the last clone is dropped, what was handed over is still written; [`EventStore::close`] does the same
/// and tells whether it went well: [`ClosedUnmarked`](crate::ClosedUnmarked) is the one failure that is no loss.
#[derive(Debug, Clone)]
pub struct LogStore {
    handle: Arc<Handle>,
}

/// Stops the writer when it is dropped.
#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    wake: watch::Receiver<u64>,
    /// Told when the writer has ended, and how.
    ended: watch::Receiver<Option<Result<(), CloseFailure>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.get_mut().take() {
            // A writer that panicked has told so to those who waited for it.
            drop(thread.join());
        }
    }
}

impl LogStore {
    /// Opens the store in a directory, and creates it where there is nothing. Blocks until it is done.
    ///
    /// # Errors
    /// See [`OpenError`], which is sorted by what to do next.
    pub fn open(path: impl Into<PathBuf>, options: LogOptions) -> Result<Self, OpenError> {
        LogStore::open_on(Arc::new(Directory::at(path)), options)
    }

    /// Opens the store on a disk of your own.
    ///
    /// # Errors
    /// As [`LogStore::open`].
    pub fn open_on(disk: Arc<dyn Disk>, options: LogOptions) -> Result<Self, OpenError> {
        let place = disk.place().to_owned();
        let Opened { shared, writer } = opening::open(disk, options)?;
        let wake = writer.wake.subscribe();
        let queue = Arc::new(Queue::new(shared.options.queue_bytes, Box::new(writer)));
        let (tell, ended) = watch::channel(None);
        let guard = CloseOnPanic(queue.clone());
        let work = move || {
            let result = writer::run(&guard.0);
            drop(guard);
            tell.send_replace(Some(result));
        };
        let thread = std::thread::Builder::new()
            .name("event-log-writer".to_owned())
            .spawn(work)
            .map_err(|error| OpenError::io(&place, error))?;
        let thread = Mutex::new(Some(thread));
        Ok(LogStore { handle: Arc::new(Handle { shared, queue, wake, ended, thread }) })
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, AppendError> {
        let (reply, answer) = reply::reply();
        if let Some(duty) = self.handle.queue.push(job(reply)).await? {
            leading::lead(duty).await;
        }
        let gone = |_| AppendError::OutcomeUnknown("the writer stopped before it answered".into());
        coop::cooperative(answer).await.map_err(gone)?
    }
}

/// Refuses further appends when the writer ends, however it ends.
struct CloseOnPanic(Arc<Queue>);

impl Drop for CloseOnPanic {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

#[async_trait]
impl EventStore for LogStore {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        request.check()?;
        self.ask(|reply| Job::Append(request, reply)).await
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        self.handle.shared.stream_page(&request)
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        self.handle.shared.all_page(&request)
    }

    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError> {
        Follow::begin(self.handle.shared.clone(), self.handle.wake.clone(), to, filter)
    }

    async fn head(&self) -> Result<Option<Position>, ReadError> {
        Ok(Position(self.handle.shared.open_view()?.next_position()).previous())
    }

    async fn current_revision(&self, stream: &StreamName) -> Result<CurrentRevision, ReadError> {
        let known = self.handle.shared.open_view()?.stream(stream)?;
        if known.tombstoned {
            return Err(ReadError::StreamDeleted { stream: stream.clone() });
        }
        Ok(known.current())
    }

    async fn stream_metadata(
        &self,
        stream: &StreamName,
    ) -> Result<(StreamMetadata, CurrentRevision), ReadError> {
        let known = self.handle.shared.open_view()?.stream(stream)?;
        if known.tombstoned {
            return Err(ReadError::StreamDeleted { stream: stream.clone() });
        }
        let metadata =
            if stream.is_metadata() { StreamMetadata::of_metadata_streams() } else { known.metadata };
        Ok((metadata, known.metadata_revision))
    }

    async fn delete_stream(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
    ) -> Result<(), AppendError> {
        self.ask(|reply| Job::Delete(stream.clone(), expected, mode, reply)).await
    }

    async fn streams(&self, query: StreamQuery) -> Result<StreamsPage, ReadError> {
        catalog::streams(&self.handle.shared.open_view()?, &query)
    }

    async fn event_types(&self) -> Result<Vec<EventTypeCount>, ReadError> {
        catalog::event_types(&self.handle.shared.open_view()?)
    }

    async fn load_document(&self, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
        Ok(self.handle.shared.open_view()?.document(key.as_str())?)
    }

    async fn save_document(
        &self,
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: Bytes,
    ) -> Result<u64, AppendError> {
        document::check_size(key, &content)?;
        self.ask(|reply| Job::Save(key.clone(), expected, content, reply)).await
    }

    async fn delete_document(&self, key: &DocumentKey) -> Result<(), AppendError> {
        self.ask(|reply| Job::Remove(key.clone(), reply)).await
    }

    async fn documents(
        &self,
        prefix: &str,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<DocumentKey>, ReadError> {
        catalog::documents(&self.handle.shared.open_view()?, prefix, after, limit)
    }

    async fn verify(
        &self,
        progress: &(dyn Fn(VerifyProgress) + Send + Sync),
    ) -> Result<VerifyReport, ReadError> {
        let view = self.handle.shared.open_view()?;
        verify::verify_view(self.handle.shared.disk.clone(), view, progress).await
    }

    async fn scavenge(
        &self,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<ScavengeReport, MaintenanceError> {
        let shared = &self.handle.shared;
        shared.open_view()?;
        if !scavenge::finds_anything(shared, progress).await? {
            return Ok(ScavengeReport {
                segments: shared.view().segments().len() as u64,
                ..Default::default()
            });
        }
        // What is decided on must be on disk: decisions are made on finished segments only.
        self.ask(Job::Roll).await?;
        scavenge::scavenge(shared, progress).await
    }

    async fn backup(
        &self,
        destination: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<BackupReport, MaintenanceError> {
        self.handle.shared.open_view()?;
        backup::back_up(&self.handle.shared, destination, progress).await
    }

    async fn stats(
        &self,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<StoreStats, MaintenanceError> {
        self.handle.shared.open_view()?;
        stats::stats(&self.handle.shared, progress).await
    }

    async fn segments(&self) -> Result<Vec<SegmentReport>, MaintenanceError> {
        self.handle.shared.open_view()?;
        stats::segments(&self.handle.shared).await
    }

    fn properties(&self) -> Properties {
        Properties { kind: "log", durable: true }
    }

    async fn close(&self) -> Result<(), AppendError> {
        self.handle.queue.close();
        let mut ended = self.handle.ended.clone();
        let result = match ended.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Ok(())),
            Err(_) => Err(CloseFailure::failed("the writer stopped without an answer")),
        };
        if let Some(thread) = self.handle.thread.lock().take() {
            drop(thread.join());
        }
        Ok(result?)
    }
}
