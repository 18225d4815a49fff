//! Events and documents in PostgreSQL: for teams, and for several nodes at once.
//!
//! Any number of processes write to the same schema. The appends of one process are committed together: one
//! transaction, one statement, one sync for many callers. Positions are given out under a lock that is held until
//! the commit is visible, so that they have no gaps and become visible in their own order; see
//! `migrations/0001_events_and_documents.sql`. There is no state of sessions, so that a pooler in transaction mode
//! may stand in between.
//!
//! ```no_run
//! use engine_postgres::{PostgresOptions, PostgresStore};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = PostgresStore::open("postgres://app@db.example/bank?schema=engine", PostgresOptions::default()).await?;
//! # drop(store);
//! # Ok(()) }
//! ```

mod catalog;
mod connect;
mod content;
mod documents;
mod error;
mod facts;
mod filter;
mod migrations;
mod options;
mod pauses;
mod plan;
mod pool;
mod read;
mod rows;
mod shared;
mod store;
mod subscribe;
mod tls;
mod url;
mod values;
mod watcher;
mod writer;

pub use error::OpenError;
pub use migrations::{Migrated, migrate};
pub use options::PostgresOptions;
pub use rows::PostgresRows;
pub use store::PostgresStore;
pub use url::{DEFAULT_SCHEMA, PostgresUrl};
