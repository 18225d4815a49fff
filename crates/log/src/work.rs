//! Work on a store that takes a while: done in a thread of its own, telling how far it has come.

use std::sync::Arc;

use engine_store::{MaintenanceError, Progress, ReadError};
use tokio::sync::mpsc::{Sender, channel};

use crate::shared::Shared;

/// Progress is told after so many bytes.
pub(crate) const STEP: u64 = 1 << 20;

/// Does work in a thread where it may wait for the disk, and tells how far it has come.
pub(crate) async fn at_work<T: Send + 'static>(
    shared: &Arc<Shared>,
    progress: &(dyn Fn(Progress) + Send + Sync),
    work: impl FnOnce(&Arc<Shared>, &mut Told) -> Result<T, MaintenanceError> + Send + 'static,
) -> Result<T, MaintenanceError> {
    let (tell, mut told) = channel(16);
    let shared = shared.clone();
    let working = tokio::task::spawn_blocking(move || {
        let mut told = Told { shared: shared.clone(), tell, done: 0, heard: 0, total: 0 };
        work(&shared, &mut told)
    });
    while let Some(now) = told.recv().await {
        progress(now);
    }
    working.await.map_err(ReadError::unavailable)?
}

/// How far the work has come, and whether it is to go on.
#[derive(Debug)]
pub(crate) struct Told {
    shared: Arc<Shared>,
    tell: Sender<Progress>,
    pub done: u64,
    heard: u64,
    pub total: u64,
}

impl Told {
    /// Says that so many bytes more were looked at.
    ///
    /// # Errors
    /// The store was closed, or nobody waits for the work any more.
    pub(crate) fn pass(&mut self, bytes: u64) -> Result<(), MaintenanceError> {
        self.done += bytes;
        if self.done >= self.heard + STEP {
            self.check_open()?;
            self.tell(self.done);
        }
        Ok(())
    }

    pub(crate) fn tell(&mut self, done: u64) {
        self.heard = done;
        // Whoever waits may be gone, which `check_open` finds out.
        let _gone = self.tell.blocking_send(Progress { done, total: self.total.max(done) });
    }

    pub(crate) fn check_open(&self) -> Result<(), MaintenanceError> {
        if self.shared.is_closed() || self.tell.is_closed() {
            return Err(ReadError::unavailable("the work was given up: the store was closed").into());
        }
        Ok(())
    }
}
