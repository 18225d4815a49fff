//! What can go wrong in a faulty store, and when.

use std::{sync::Arc, time::Duration};

use engine_store::AppendRequest;
use tokio::sync::Semaphore;

/// A call that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Append,
    Read,
    ReadAll,
    Subscribe,
    Head,
    LoadDocument,
    SaveDocument,
    DeleteDocument,
    ListDocuments,
}

/// What happens to one call.
#[derive(Debug)]
pub enum Fault {
    /// The store cannot be used; nothing is written.
    Unavailable,
    /// The answer is lost, and nothing was written.
    LostBefore,
    /// The answer is lost after the events were written.
    LostAfter,
    /// The answer is lost at once, and the events are written only after so long.
    LostLate(Duration),
    /// The call waits at the gate. An append goes on behind it even when its caller has gone.
    Held(Gate),
    /// The same, for so long.
    Late(Duration),
    /// Others write these first.
    Overtaken(Vec<AppendRequest>),
}

/// A gate at which calls wait.
#[derive(Debug, Clone)]
pub struct Gate {
    open: Arc<Semaphore>,
    arrived: Arc<Semaphore>,
}

impl Gate {
    /// A closed gate.
    pub fn closed() -> Self {
        Gate { open: Arc::new(Semaphore::new(0)), arrived: Arc::new(Semaphore::new(0)) }
    }

    /// Lets all pass, now and later.
    pub fn open(&self) {
        self.open.add_permits(1_000_000);
    }

    /// Waits until one more call has arrived.
    pub async fn arrival(&self) {
        self.arrived.acquire().await.expect("the gate is never torn down").forget();
    }

    /// Arrives, and waits until the gate is opened.
    pub async fn wait(&self) {
        self.pass().await;
    }

    pub(super) async fn pass(&self) {
        self.arrived.add_permits(1);
        let _ = self.open.acquire().await.expect("the gate is never torn down");
    }
}
