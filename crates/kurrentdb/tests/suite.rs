//! The store keeps the promises of the contract on the node of this workspace, spoken to by the official client.

#![allow(clippy::unwrap_used)] // everything here is a test

use std::sync::Arc;

use async_trait::async_trait;
use engine_kurrentdb::{KurrentStore, Options};
use engine_server::Node;
use engine_store::{
    Clock,
    memory::MemoryStore,
    suite::{Fixture, Opened},
};
use tokio::sync::Mutex;

/// A node of this process, over a store in memory.
#[derive(Default)]
struct OnNode(Mutex<Option<Node>>);

impl OnNode {
    async fn connect(&self) -> Opened {
        let node = self.0.lock().await;
        let address = node.as_ref().unwrap().address();
        let url = format!("kurrentdb://admin:changeit@{address}?tls=false&discoveryInterval=10");
        Arc::new(KurrentStore::connect(&url, Options::default()).await.unwrap())
    }
}

#[async_trait]
impl Fixture for OnNode {
    async fn open(&self, _: Arc<dyn Clock>) -> Opened {
        let options = engine_server::Options { listen: "127.0.0.1:0".parse().unwrap(), ..Default::default() };
        let node = Node::start(Arc::new(MemoryStore::new()), Vec::new(), options).await.unwrap();
        *self.0.lock().await = Some(node);
        self.connect().await
    }

    async fn reopen(&self, store: Opened, _: Arc<dyn Clock>) -> Option<Opened> {
        store.close().await.unwrap();
        Some(self.connect().await)
    }

    fn drives_clock(&self) -> bool {
        false
    }

    fn appends_to_many(&self) -> bool {
        false
    }
}

engine_store::event_store_suite!(OnNode::default());
