//! The promises of [`EventStore`](crate::EventStore) as tests. Every store runs them:
//!
//! ```ignore
//! engine_store::event_store_suite!(MyFixture);
//! ```

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Clock, EventStore};

/// A store under test.
pub type Opened = Arc<dyn EventStore>;

/// Opens stores for the suite. One fixture is one place to keep events; each test makes its own.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// Opens an empty store that reads this clock.
    async fn open(&self, clock: Arc<dyn Clock>) -> Opened;

    /// Closes a store and opens it again over the same events; absent where events end with the process.
    async fn reopen(&self, store: Opened, clock: Arc<dyn Clock>) -> Option<Opened>;
}
