//! The contract.

use std::sync::Arc;

use async_trait::async_trait;
use engine_postgres::{PostgresOptions, PostgresStore};
use engine_store::{
    Clock,
    suite::{Fixture, Opened},
};

/// A schema of its own.
struct InSchema(String);

impl InSchema {
    fn new() -> Self {
        InSchema(engine_postgres_server::fresh_schema())
    }

    async fn start(&self, clock: Arc<dyn Clock>) -> Opened {
        Arc::new(PostgresStore::open(&self.0, PostgresOptions::default().clock(clock)).await.unwrap())
    }
}

#[async_trait]
impl Fixture for InSchema {
    async fn open(&self, clock: Arc<dyn Clock>) -> Opened {
        self.start(clock).await
    }

    async fn reopen(&self, store: Opened, clock: Arc<dyn Clock>) -> Option<Opened> {
        store.close().await.unwrap();
        Some(self.start(clock).await)
    }
}

engine_store::event_store_suite!(InSchema::new());
