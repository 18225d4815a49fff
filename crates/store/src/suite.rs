//! The promises of [`EventStore`] as tests, which every store runs under their own names:
//!
//! ```text
//! engine_store::event_store_suite!(MyFixture::new());
//! ```
//!
//! `tests/suite.rs` of this crate is a whole one.
//!
//! Each test evaluates the expression anew, inside an `async fn`, so that each has a place of its own to keep
//! events. The using crate needs `engine-store` with the feature `suite` and `tokio` with `macros` and
//! `rt-multi-thread` as dev-dependencies. A test that a fixture cannot run says so on standard error.
//!
//! A promise is an `async fn` in a file of `suite/`, and one line in `suite/list.rs`.

// The name of a promise is its documentation, a test says by a panic that it was broken, and every file of it
// is written with the same kit.
#![allow(missing_docs, clippy::missing_panics_doc, clippy::unwrap_used, clippy::wildcard_imports)]

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Clock, EventStore};

pub mod append;
pub mod atomicity;
pub mod catalog;
pub mod concurrency;
pub mod delete;
pub mod documents;
pub mod durability;
pub mod expectation;
pub mod filter;
pub mod idempotency;
mod kit;
pub mod limits;
mod list;
pub mod live;
pub mod metadata;
pub mod model;

pub mod read_all;
pub mod read_stream;
pub mod scavenge;
pub mod subscribe;
pub mod tombstone;
pub mod verify;

/// A store under test.
pub type Opened = Arc<dyn EventStore>;

/// Opens stores for the suite. One fixture is one place to keep events; each test makes its own.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens a store that reads this clock and holds no events of the domain. Called once for a fixture.
    async fn open(&self, clock: Arc<dyn Clock>) -> Opened;

    /// Closes a store and opens it again over the same events; absent where events end with the process.
    async fn reopen(&self, store: Opened, clock: Arc<dyn Clock>) -> Option<Opened>;

    /// Whether the store tells the time by the clock it is opened with. A server elsewhere has its own.
    fn drives_clock(&self) -> bool {
        true
    }

    /// Whether one append may name several streams.
    fn appends_to_many(&self) -> bool {
        true
    }
}

/// Leaves a test that the fixture cannot run, and says so by name.
macro_rules! skip {
    ($why:literal) => {{
        fn here() {}
        $crate::suite::kit::report_skipped(std::any::type_name_of_val(&here), $why);
        return;
    }};
}
pub(crate) use skip;

#[cfg(test)]
mod tests;
