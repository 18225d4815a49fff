//! Who works on which partitions of a handler, where several processes share one store.
//!
//! Whoever owns a partition is known by its checkpoint's version: another owner changes it first of all, and the
//! former can move nothing any more. Ownership only keeps two from doing the same work.

mod leases;
mod node;
mod nodes;
mod rendezvous;

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_store::{EventStore, ReadError};
use tokio::{sync::watch, time::Instant};

pub use leases::Leases;
pub use nodes::{NodeReport, NodeState, NodeWork, nodes};

/// A handler that several processes may work on.
#[derive(Debug, Clone)]
pub struct Work {
    /// The store that they share.
    pub store: Arc<dyn EventStore>,
    /// The handler's name.
    pub handler: String,
    /// How many partitions it has.
    pub partitions: usize,
}

/// Divides the partitions of handlers among processes.
#[async_trait]
pub trait Ownership: fmt::Debug + Send + Sync + 'static {
    /// Begins to take part in the work of a handler, until the share is dropped.
    fn join(&self, work: Work) -> Share;

    /// Who owns each partition of a handler, by name; absent where nobody does.
    ///
    /// # Errors
    /// The failures of the store.
    async fn owners(&self, work: &Work) -> Result<Vec<Option<String>>, ReadError>;

    /// Gives up what this process owns, when its handlers have ended, so that others need not wait.
    async fn leave(&self) {}
}

/// All partitions belong to this process: for stores that are of one process.
#[derive(Debug, Clone, Copy, Default)]
pub struct SoleOwner;

#[async_trait]
impl Ownership for SoleOwner {
    fn join(&self, work: Work) -> Share {
        let (share, grant) = Share::new(None);
        grant.set((0..work.partitions).collect(), None);
        Share { _sole: Some(grant), ..share }
    }

    async fn owners(&self, work: &Work) -> Result<Vec<Option<String>>, ReadError> {
        Ok(vec![Some("this process".to_owned()); work.partitions])
    }
}

/// How processes that share a handler meet.
#[derive(Debug, Clone, Copy)]
pub struct Sharing {
    /// How long work may go on at most when a partition is to be given up.
    pub grace: Duration,
    /// How often is looked whether an operator has said something to another process.
    pub look_every: Duration,
}

/// The share of one process in the work of a handler.
#[derive(Debug)]
pub struct Share {
    granted: watch::Receiver<Granted>,
    working: watch::Sender<BTreeSet<usize>>,
    /// Absent where nobody else takes part.
    pub(crate) sharing: Option<Sharing>,
    _sole: Option<Grant>,
}

/// The other end of a [`Share`]: says which partitions are to be worked on.
#[derive(Debug)]
pub struct Grant {
    granted: watch::Sender<Granted>,
    working: watch::Receiver<BTreeSet<usize>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Granted {
    partitions: BTreeSet<usize>,
    /// Until when this holds, by this machine's clock that never goes back; absent for ever.
    until: Option<Instant>,
}

impl Granted {
    fn holds(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

/// Tells whether what was granted still holds. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Validity(watch::Receiver<Granted>);

impl Validity {
    pub(crate) fn holds(&self) -> bool {
        self.0.borrow().holds()
    }
}

impl Share {
    /// A share of nothing, and what makes it grow and shrink.
    pub fn new(sharing: Option<Sharing>) -> (Share, Grant) {
        let (granted, granted_watch) = watch::channel(Granted::default());
        let (working, working_watch) = watch::channel(BTreeSet::new());
        let share = Share { granted: granted_watch, working, sharing, _sole: None };
        (share, Grant { granted, working: working_watch })
    }

    /// Begins to work on what is granted. Told first and read again, so that what is taken back meanwhile is
    /// seen here, or seen to be worked on there.
    pub(crate) fn begin(&mut self) -> BTreeSet<usize> {
        loop {
            let granted = self.work();
            self.working.send_replace(granted.clone());
            if self.work() == granted {
                return granted;
            }
        }
    }

    fn work(&mut self) -> BTreeSet<usize> {
        let granted = self.granted.borrow_and_update();
        if granted.holds() { granted.partitions.clone() } else { BTreeSet::new() }
    }

    /// Works on nothing any more.
    pub(crate) fn end(&self) {
        self.working.send_replace(BTreeSet::new());
    }

    pub(crate) fn validity(&self) -> Validity {
        Validity(self.granted.clone())
    }

    /// Waits until something else is granted than what is worked on. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        while self.granted.changed().await.is_ok() {
            if self.granted.borrow().partitions != *self.working.borrow() {
                return;
            }
        }
        // Who granted it is gone, and takes nothing back.
        std::future::pending::<()>().await;
    }

    /// Waits until something is granted that can be begun with. Cancel-safe.
    pub(crate) async fn granted(&mut self) {
        let work = |granted: &Granted| !granted.partitions.is_empty() && granted.holds();
        if self.granted.wait_for(work).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Grant {
    /// Grants these partitions until then, and takes all others back.
    pub fn set(&self, partitions: BTreeSet<usize>, until: Option<Instant>) {
        self.granted.send_replace(Granted { partitions, until });
    }

    /// Takes everything back.
    pub fn revoke(&self) {
        self.granted.send_if_modified(|granted| {
            let had_some = !granted.partitions.is_empty();
            granted.partitions.clear();
            had_some
        });
    }

    /// The partitions that are worked on at the moment.
    pub fn working(&self) -> BTreeSet<usize> {
        self.working.borrow().clone()
    }

    /// Waits until other partitions are worked on. Cancel-safe.
    pub async fn working_changed(&mut self) {
        if self.working.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Whether the share has been dropped: nobody works on it any more.
    pub fn is_over(&self) -> bool {
        self.granted.is_closed()
    }
}
