//! The one trait through which anything leaves the process: [`EventStore`], and its contract.
//!
//! A store keeps events in streams, in the order in which they were committed. Read [`EventStore`] for the
//! promises, [`memory::MemoryStore`] for the smallest thing that keeps them, and `suite` (feature `suite`)
//! for the same promises as tests, which every store runs.
//!
//! ```
//! use engine_store::{AppendRequest, EventStore, NewEvent, ReadStream, memory::MemoryStore};
//! use engine_types::{ExpectedRevision, StreamName};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = MemoryStore::new();
//! let stream = StreamName::new("account-jsdf")?;
//! let created = NewEvent::json(uuid::Uuid::now_v7(), "AccountCreated", &serde_json::json!({}))?;
//!
//! store.append(AppendRequest::to(stream.clone(), ExpectedRevision::NoStream, vec![created])).await?;
//! let page = store.read_stream(ReadStream::forwards(stream)).await?;
//! assert_eq!(page.events[0].event_type.as_ref(), "AccountCreated");
//! # Ok(()) }
//! ```

pub mod append;
pub mod catalog;
pub mod clock;
pub mod concurrency;
pub mod document;
pub mod event;
pub mod filter;
pub mod layer;
pub mod maintenance;
pub mod memory;
pub mod prefix;
pub mod read;
pub mod rows;
mod store;
pub mod stream_metadata;
pub mod subscribe;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
pub mod transfer;

pub use append::{AppendError, AppendRequest, Appended, Durability, StreamAppend, StreamAppended};
pub use catalog::{EventTypeCount, StreamInfo, StreamQuery, StreamsPage};
pub use clock::{Clock, SystemClock, Timestamp};
pub use document::{Document, DocumentKey, ExpectedVersion};
pub use event::{ContentType, NewEvent, RecordedEvent};
pub use filter::Filter;
pub use maintenance::{
    BackupReport, ChainReport, Fault, MaintenanceError, Progress, Reclaimable, ScavengeReport, SegmentReport,
    StoreStats, VerifyProgress, VerifyReport,
};
pub use read::{AllPage, Direction, ReadAll, ReadError, ReadFrom, ReadStream, StreamPage};
pub use store::{DeleteMode, EventStore, Properties};
pub use stream_metadata::StreamMetadata;
pub use subscribe::{SubscribeFrom, SubscribeTo, Subscription, SubscriptionMessage};

/// An error from below, of whatever kind.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
