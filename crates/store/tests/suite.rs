//! The suite from outside, as other stores run it: against a store that can be opened again.

use std::sync::Arc;

use async_trait::async_trait;
use engine_store::{
    Clock,
    memory::MemoryStore,
    suite::{Fixture, Opened},
};

/// A store in memory that "opens again" by going on: so that what the suite asks of durable stores is run too.
struct Kept;

#[async_trait]
impl Fixture for Kept {
    async fn open(&self, clock: Arc<dyn Clock>) -> Opened {
        Arc::new(MemoryStore::with_clock(clock))
    }

    async fn reopen(&self, store: Opened, _: Arc<dyn Clock>) -> Option<Opened> {
        Some(store)
    }
}

engine_store::event_store_suite!(Kept);
