//! Stores that stand before another one: they watch, count or disturb some calls, and hand on all others.

use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use engine_types::{CurrentRevision, ExpectedRevision, Position, StreamName};

use crate::{
    AllPage, AppendError, AppendRequest, Appended, BackupReport, DeleteMode, Document, DocumentKey,
    EventStore, EventTypeCount, ExpectedVersion, Filter, MaintenanceError, Progress, Properties, ReadAll,
    ReadError, ReadStream, ScavengeReport, SegmentReport, StoreStats, StreamMetadata, StreamPage,
    StreamQuery, StreamsPage, SubscribeTo, Subscription, VerifyProgress, VerifyReport,
};

/// Hands on the calls of the contract that wait, each unless the layer says otherwise.
macro_rules! handed_on {
    ($(async fn $method:ident($($argument:ident: $given:ty),* $(,)?) -> $answer:ty;)*) => {
        /// A store before another store. What it does not say itself is handed on, so that no method of the contract
        /// is ever left out. Every layer is an [`EventStore`].
        ///
        /// ```
        /// use engine_store::{AppendError, AppendRequest, Appended, EventStore, layer::Layer, memory::MemoryStore};
        /// use engine_types::{ExpectedRevision, StreamName};
        ///
        /// /// A store that can only be read.
        /// #[derive(Debug)]
        /// struct ReadOnly(MemoryStore);
        ///
        /// #[async_trait::async_trait]
        /// impl Layer for ReadOnly {
        ///     fn inner(&self) -> &dyn EventStore {
        ///         &self.0
        ///     }
        ///
        ///     async fn append(&self, _: AppendRequest) -> Result<Appended, AppendError> {
        ///         Err(AppendError::unavailable("this store can only be read"))
        ///     }
        /// }
        ///
        /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// let store: &dyn EventStore = &ReadOnly(MemoryStore::new());
        /// let nothing = AppendRequest::to(StreamName::new("account-jsdf")?, ExpectedRevision::Any, vec![]);
        /// assert!(store.append(nothing).await.is_err());
        /// assert_eq!(store.head().await?, None);
        /// # Ok(()) }
        /// ```
        #[async_trait]
        pub trait Layer: std::fmt::Debug + Send + Sync + 'static {
            /// The store behind.
            fn inner(&self) -> &dyn EventStore;

            $(
                #[doc = concat!("See [`EventStore::", stringify!($method), "`].")]
                async fn $method(&self, $($argument: $given),*) -> $answer {
                    self.inner().$method($($argument),*).await
                }
            )*

            /// See [`EventStore::properties`].
            fn properties(&self) -> Properties {
                self.inner().properties()
            }
        }

        #[async_trait]
        impl<L: Layer> EventStore for L {
            $(
                async fn $method(&self, $($argument: $given),*) -> $answer {
                    Layer::$method(self, $($argument),*).await
                }
            )*

            fn unsupported(&self, what: &str) -> MaintenanceError {
                self.inner().unsupported(what)
            }

            fn properties(&self) -> Properties {
                Layer::properties(self)
            }
        }
    };
}

handed_on! {
    async fn append(request: AppendRequest) -> Result<Appended, AppendError>;
    async fn read_stream(request: ReadStream) -> Result<StreamPage, ReadError>;
    async fn read_all(request: ReadAll) -> Result<AllPage, ReadError>;
    async fn subscribe(to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError>;
    async fn head() -> Result<Option<Position>, ReadError>;
    async fn current_revision(stream: &StreamName) -> Result<CurrentRevision, ReadError>;
    async fn stream_metadata(stream: &StreamName) -> Result<(StreamMetadata, CurrentRevision), ReadError>;
    async fn set_stream_metadata(
        stream: &StreamName,
        expected: ExpectedRevision,
        metadata: StreamMetadata,
    ) -> Result<Appended, AppendError>;
    async fn delete_stream(
        stream: &StreamName,
        expected: ExpectedRevision,
        mode: DeleteMode,
    ) -> Result<(), AppendError>;
    async fn streams(query: StreamQuery) -> Result<StreamsPage, ReadError>;
    async fn event_types() -> Result<Vec<EventTypeCount>, ReadError>;
    async fn load_document(key: &DocumentKey) -> Result<Option<Document>, ReadError>;
    async fn save_document(
        key: &DocumentKey,
        expected: ExpectedVersion,
        content: Bytes,
    ) -> Result<u64, AppendError>;
    async fn delete_document(key: &DocumentKey) -> Result<(), AppendError>;
    async fn documents(
        prefix: &str,
        after: Option<&DocumentKey>,
        limit: usize,
    ) -> Result<Vec<DocumentKey>, ReadError>;
    async fn verify(progress: &(dyn Fn(VerifyProgress) + Send + Sync)) -> Result<VerifyReport, ReadError>;
    async fn scavenge(progress: &(dyn Fn(Progress) + Send + Sync)) -> Result<ScavengeReport, MaintenanceError>;
    async fn backup(
        destination: &Path,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<BackupReport, MaintenanceError>;
    async fn stats(progress: &(dyn Fn(Progress) + Send + Sync)) -> Result<StoreStats, MaintenanceError>;
    async fn segments() -> Result<Vec<SegmentReport>, MaintenanceError>;
    async fn close() -> Result<(), AppendError>;
}

#[cfg(test)]
mod tests {
    /// A method of the contract that has a body of its own would not be missed by the compiler.
    #[test]
    fn every_method_of_the_contract_is_handed_on() {
        let contract = include_str!("store.rs");
        let contract = contract.split_once("pub trait EventStore").expect("the trait").1;
        let contract = contract.split_once("\n}\n").expect("its end").0;
        let methods = contract.lines().filter_map(|line| {
            let line = line.trim_start();
            let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
            Some(name.split('(').next().unwrap_or(name))
        });
        let here = include_str!("layer.rs");
        for method in methods {
            let is_listed = here.contains(&format!("\n    async fn {method}("));
            assert!(
                is_listed || here.contains(&format!("self.inner().{method}(")),
                "`{method}` is not handed on"
            );
        }
    }
}
