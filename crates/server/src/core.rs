//! What every call needs: the store, the bounds, the figures.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use engine_runtime::Bus;
use engine_store::EventStore;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    auth::Users, limits::Limits, metrics::Metrics, persistent::Groups, projections::Projections,
    scavenge::Scavenges,
};

/// Shared by all connections of a node.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) store: Arc<dyn EventStore>,
    /// The applications that run over the same store in this process.
    pub(crate) apps: Vec<Bus>,
    pub(crate) users: Users,
    /// Whether callers who do not say who they are may do everything.
    pub(crate) trusts_everybody: bool,
    pub(crate) groups: Groups,
    pub(crate) projections: Projections,
    pub(crate) limits: Limits,
    pub(crate) metrics: Metrics,
    /// Where the node listens.
    pub(crate) address: SocketAddr,
    /// Who this node is until it stops.
    pub(crate) instance: Uuid,
    pub(crate) started: Instant,
    /// Told when the node goes down: what is open comes to an end.
    pub(crate) stopping: CancellationToken,
    /// Scavenges that were asked for.
    pub(crate) scavenges: Scavenges,
    /// Told when somebody asks over the wire that the node stops.
    pub(crate) asked_to_stop: CancellationToken,
}

/// Cores for tests of single services.
#[cfg(test)]
pub(crate) mod testing {
    use engine_store::memory::MemoryStore;

    use super::*;

    /// A core over a store in memory.
    pub(crate) async fn core() -> Arc<Core> {
        core_over(Arc::new(MemoryStore::new()), Limits::default()).await
    }

    pub(crate) async fn core_over(store: Arc<dyn EventStore>, limits: Limits) -> Arc<Core> {
        Arc::new(Core {
            users: Users::open(store.clone()).await.unwrap(),
            store,
            apps: Vec::new(),
            trusts_everybody: true,
            groups: Groups::default(),
            projections: Projections::default(),
            limits,
            metrics: Metrics::default(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            instance: Uuid::nil(),
            started: Instant::now(),
            stopping: CancellationToken::new(),
            asked_to_stop: CancellationToken::new(),
            scavenges: Scavenges::default(),
        })
    }
}
