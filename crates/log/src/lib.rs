//! The embedded durable event store: a segmented, checksummed, append-only log with group commit.
//!
//! [`LogStore`] is an [`engine_store::EventStore`] over one directory, for one process. What it answered is
//! on disk, unless an append asked for less; what is half written when the power fails was never there; and
//! what the disk damages is told, never returned as data.
//!
//! ```
//! use engine_log::{LogOptions, LogStore};
//! use engine_store::{AppendRequest, EventStore, NewEvent, ReadStream};
//! use engine_types::{ExpectedRevision, StreamName};
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let directory = tempfile::tempdir()?;
//! # let directory = directory.path().join("events");
//! let store = LogStore::open(&directory, LogOptions::default())?;
//! let stream = StreamName::new("account-jsdf")?;
//! let created = NewEvent::json(uuid::Uuid::now_v7(), "AccountCreated", &serde_json::json!({}))?;
//! store.append(AppendRequest::to(stream.clone(), ExpectedRevision::NoStream, vec![created])).await?;
//! store.close().await?;
//!
//! let store = LogStore::open(&directory, LogOptions::default())?;
//! assert_eq!(store.read_stream(ReadStream::forwards(stream)).await?.events.len(), 1);
//! # Ok(()) }
//! ```
//!
//! One process has the directory locked. Whoever else may read it can copy the store meanwhile ([`backup()`]) and check
//! it ([`verify`]), without the lock and without writing anything there. For all else there is the process that has it,
//! or the copy. A store that nobody has open is locked while it is verified.

mod backup;
mod catalog;
mod chain;
mod closing;
mod compressing;
mod decode;
pub mod disk;
mod error;
mod fetch;
mod frame;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod merging;
mod opening;
mod options;
mod pinned;
mod read;
mod recovery;
mod scan;
mod scavenge;
mod sealing;
mod segment;
mod shared;
mod stats;
mod store;
mod store_file;
mod units;
mod verify;
mod view;
mod work;
mod writer;

pub use backup::{backup, backup_on, restore, restore_on};
pub use closing::ClosedUnmarked;
pub use error::OpenError;
pub use options::{Compression, LogOptions};
pub use store::LogStore;
pub use verify::{Expected, verify, verify_against, verify_on};
