//! Leases: the partitions of handlers divided among processes, by documents in the store that they share.
//!
//! Each process is a *node* that writes its own document again every third of a lease. A node whose document has
//! not changed for a whole lease, **as another has watched by its own clock**, is declared dead by a conditional
//! write to that document, and learns it when it wants to write next. No clocks are compared.
//!
//! Who owns a partition stands in another document, which only its owner changes, and, once the owner is dead,
//! whoever comes next. Every node can tell who should own what, by rendezvous hashing over those that live: an
//! owner gives up what should be another's, when the events at hand are finished.
//!
//! A node that could not write for two thirds of a lease lets go by itself, before another can take over. One that
//! was stopped, and wakes up later than that, finds its grant run out, and its checkpoints changed.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_store::ReadError;
use parking_lot::Mutex;
use tokio::{task::JoinHandle, time::timeout};
use uuid::Uuid;

use super::{
    Ownership, Share, Sharing, Work,
    node::{self, Member, Node},
};

/// Divides the work by leases of this length; ten seconds are a good one. What a process owned that was killed is
/// taken over within two.
///
/// One of these belongs to one process and to one store.
pub struct Leases {
    name: String,
    id: Uuid,
    lease: Duration,
    patience: Duration,
    keeper: Mutex<Option<Keeper>>,
}

/// The task that keeps the leases of this process.
struct Keeper {
    node: Arc<Node>,
    task: JoinHandle<()>,
}

impl std::fmt::Debug for Leases {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Leases")
            .field("name", &self.name)
            .field("lease", &self.lease)
            .finish_non_exhaustive()
    }
}

impl Leases {
    /// A new node. Its name is shown to operators, and need not be the only one of its kind.
    pub fn new(name: impl Into<String>, lease: Duration) -> Self {
        Leases::with_id(name, lease, Uuid::now_v7())
    }

    /// A new node with an identity that no other ever had: for tests that must give the same result each time.
    pub fn with_id(name: impl Into<String>, lease: Duration, id: Uuid) -> Self {
        Leases { name: name.into(), id, lease, patience: Duration::ZERO, keeper: Mutex::default() }
    }

    /// Waits so long before it takes part, where others may do the work: for a process that will soon be gone, and
    /// would only make the others give up work and take it back.
    #[must_use]
    pub fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }
}

#[async_trait]
impl Ownership for Leases {
    fn join(&self, work: Work) -> Share {
        let third = self.lease / 3;
        let (share, grant) = Share::new(Some(Sharing { grace: third, look_every: third }));
        let mut keeper = self.keeper.lock();
        let keeper = keeper.get_or_insert_with(|| {
            let node = Arc::new(Node::new(
                self.name.clone(),
                self.id,
                self.lease,
                self.patience,
                work.store.clone(),
            ));
            Keeper { task: tokio::spawn(node::keep(node.clone())), node }
        });
        keeper.node.add(Member::new(work, grant));
        share
    }

    async fn owners(&self, work: &Work) -> Result<Vec<Option<String>>, ReadError> {
        node::owners(work).await
    }

    async fn leave(&self) {
        let keeper = self.keeper.lock().take();
        if let Some(Keeper { node, mut task }) = keeper {
            node.leave();
            if timeout(self.lease / 3, &mut task).await.is_err() {
                // The store does not answer. Others take over when the lease has run out.
                task.abort();
            }
        }
    }
}
