//! The store that counts. Everything is handed on; a test checks that nothing of the contract is left out.

use std::{collections::VecDeque, path::Path, sync::Arc, time::Instant};

use async_trait::async_trait;
use bytes::Bytes;
use engine_store::{
    AllPage, AppendError, AppendRequest, Appended, BackupReport, DeleteMode, Document, DocumentKey,
    EventStore, EventTypeCount, ExpectedVersion, Filter, MaintenanceError, Progress, Properties, ReadAll,
    ReadError, ReadStream, ScavengeReport, StoreStats, StreamMetadata, StreamPage, StreamQuery, StreamsPage,
    SubscribeTo, Subscription, SubscriptionMessage, VerifyProgress, VerifyReport, subscribe::Source,
};
use engine_types::{CurrentRevision, ExpectedRevision, Position, StreamName};

use super::Figures;

#[derive(Debug)]
pub(super) struct Measured {
    pub(super) inner: Arc<dyn EventStore>,
    pub(super) figures: Arc<Figures>,
}

#[async_trait]
impl EventStore for Measured {
    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        let events = request.streams.iter().map(|stream| stream.events.len()).sum();
        let begun = Instant::now();
        let appended = self.inner.append(request).await?;
        self.figures.appended(events, begun.elapsed());
        Ok(appended)
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        let page = self.inner.read_stream(request).await?;
        self.figures.read(page.events.len());
        Ok(page)
    }

    async fn read_all(&self, request: ReadAll) -> Result<AllPage, ReadError> {
        let page = self.inner.read_all(request).await?;
        self.figures.read(page.events.len());
        Ok(page)
    }

    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError> {
        let subscription = self.inner.subscribe(to, filter).await?;
        Ok(Subscription::new(Counted { inner: subscription, figures: self.figures.clone() }))
    }

    async fn head(&self) -> Result<Option<Position>, ReadError> {
        self.inner.head().await
    }

    async fn current_revision(&self, stream: &StreamName) -> Result<CurrentRevision, ReadError> {
        self.inner.current_revision(stream).await
    }

    async fn stream_metadata(
        &self,
        stream: &StreamName,
    ) -> Result<(StreamMetadata, CurrentRevision), ReadError> {
        self.inner.stream_metadata(stream).await
    }

    async fn set_stream_metadata(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        metadata: StreamMetadata,
    ) -> Result<Appended, AppendError> {
        self.inner.set_stream_metadata(stream, expected, metadata).await
    }

    async fn delete_stream(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
    ) -> Result<(), AppendError> {
        self.inner.delete_stream(stream, expected, mode).await
    }

    async fn streams(&self, query: StreamQuery) -> Result<StreamsPage, ReadError> {
        self.inner.streams(query).await
    }

    async fn event_types(&self) -> Result<Vec<EventTypeCount>, ReadError> {
        self.inner.event_types().await
    }

    async fn load_document(&self, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
        self.inner.load_document(key).await
    }

    async fn save_document(
        &self,
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: Bytes,
    ) -> Result<u64, AppendError> {
        self.inner.save_document(key, expected, content).await
    }

    async fn delete_document(&self, key: &DocumentKey) -> Result<(), AppendError> {
        self.inner.delete_document(key).await
    }

    async fn documents(
        &self,
        prefix: &str,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<DocumentKey>, ReadError> {
        self.inner.documents(prefix, after, limit).await
    }

    async fn verify(
        &self,
        progress: &(dyn Fn(VerifyProgress) + Send + Sync),
    ) -> Result<VerifyReport, ReadError> {
        self.inner.verify(progress).await
    }

    async fn scavenge(
        &self,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<ScavengeReport, MaintenanceError> {
        self.inner.scavenge(progress).await
    }

    async fn backup(
        &self,
        destination: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<BackupReport, MaintenanceError> {
        self.inner.backup(destination, progress).await
    }

    async fn stats(
        &self,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<StoreStats, MaintenanceError> {
        self.inner.stats(progress).await
    }

    fn unsupported(&self, what: &str) -> MaintenanceError {
        self.inner.unsupported(what)
    }

    fn properties(&self) -> Properties {
        self.inner.properties()
    }

    async fn close(&self) -> Result<(), AppendError> {
        self.inner.close().await
    }
}

/// A subscription whose events are counted.
struct Counted {
    inner: Subscription,
    figures: Arc<Figures>,
}

#[async_trait]
impl Source for Counted {
    async fn fill(&mut self, ready: &mut VecDeque<SubscriptionMessage>) -> Result<(), ReadError> {
        let message = self.inner.next().await?;
        if matches!(message, SubscriptionMessage::Event(_)) {
            self.figures.read(1);
        }
        ready.push_back(message);
        Ok(())
    }

    fn hurry(&mut self) {
        self.inner.hurry();
    }
}

#[cfg(test)]
mod tests {
    /// A method of the contract that has a body of its own would not be missed by the compiler.
    #[test]
    fn every_method_of_the_contract_is_handed_on() {
        let contract = include_str!("../../../store/src/store.rs");
        let contract = contract.split_once("pub trait EventStore").expect("the trait").1;
        let contract = contract.split_once("\n}\n").expect("its end").0;
        let methods = contract.lines().filter_map(|line| {
            let line = line.trim_start();
            let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
            Some(name.split('(').next().unwrap_or(name))
        });
        let here = include_str!("store.rs");
        for method in methods {
            assert!(here.contains(&format!("self.inner.{method}(")), "`{method}` is not handed on");
        }
    }
}
