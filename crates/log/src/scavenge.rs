//! Giving back the room of what can no longer be read, while the store goes on.
//!
//! Segments are looked at one after the other, oldest first, and those with anything to remove are written anew
//! beside themselves: what is left of a stream is then always its end, wherever a scavenge was interrupted. A
//! segment takes the place of the old one by its name, when it and its index are whole and on disk.

mod rewrite;
mod rules;
mod survey;

use std::sync::Arc;

use engine_store::{MaintenanceError, Progress, ReadError, ScavengeReport};
use tokio::sync::mpsc::{Sender, channel};

use crate::{shared::Shared, view::View};
use rewrite::Rewriting;
use rules::Rules;
use survey::{Reclaimable, Survey};

/// Progress is told after so many bytes.
const STEP: u64 = 1 << 20;

/// Whether there is anything to remove, as far as can be seen now.
pub(crate) async fn finds_anything(
    shared: &Arc<Shared>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<bool, MaintenanceError> {
    at_work(shared, progress, |shared, told| {
        let view = shared.view();
        let mut rules = Rules::of(&view, &shared.options)?;
        told.total = 2 * total(&view);
        for (segment, end) in view.segments() {
            let weighed = Survey { view: &view, rules: &mut rules }.weigh(&segment, end, told)?;
            if weighed.reclaimable != Reclaimable::default() {
                return Ok(true);
            }
        }
        told.tell(told.total);
        Ok(false)
    })
    .await
}

/// Writes all segments anew that hold something to remove. The segment that is written is not looked at.
pub(crate) async fn scavenge(
    shared: &Arc<Shared>,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<ScavengeReport, MaintenanceError> {
    at_work(shared, progress, |shared, told| {
        let Some(_alone) = shared.scavenging.try_lock() else {
            return Err(MaintenanceError::Busy("scavenged"));
        };
        told.check_open()?;
        let view = shared.view().finished();
        (told.done, told.total) = (total(&view), 2 * total(&view));
        let mut rules = Rules::of(&view, &shared.options)?;
        let mut report = ScavengeReport::default();
        for (segment, end) in view.segments() {
            if end == segment.begin() && segment.rewritten.is_none() {
                continue;
            }
            report.segments += 1;
            // What was written anew meanwhile counts: a removal of a document goes when the document is gone.
            let now = shared.view().finished();
            let weighed = Survey { view: &now, rules: &mut rules }.weigh(&segment, end, told)?;
            if weighed.reclaimable == Reclaimable::default() {
                continue;
            }
            let (rules, old, left) = (&rules, &segment, weighed.length);
            Rewriting { shared, view: &now, rules, old, end, left }.run(told)?;
            report.rewritten += 1;
            report.events += weighed.reclaimable.events;
            report.documents += weighed.reclaimable.documents;
            report.bytes += weighed.reclaimable.bytes;
        }
        told.tell(told.total);
        Ok(report)
    })
    .await
}

fn total(view: &View) -> u64 {
    view.segments().iter().map(|(_, end)| end).sum()
}

/// Does work in a thread where it may wait for the disk, and tells how far it has come.
async fn at_work<T: Send + 'static>(
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
    done: u64,
    heard: u64,
    total: u64,
}

impl Told {
    /// Says that so many bytes more were looked at.
    ///
    /// # Errors
    /// The store was closed, or nobody waits for the work any more.
    fn pass(&mut self, bytes: u64) -> Result<(), MaintenanceError> {
        self.done += bytes;
        if self.done >= self.heard + STEP {
            self.check_open()?;
            self.tell(self.done);
        }
        Ok(())
    }

    fn tell(&mut self, done: u64) {
        self.heard = done;
        // Whoever waits may be gone, which `check_open` finds out.
        let _gone = self.tell.blocking_send(Progress { done, total: self.total.max(done) });
    }

    fn check_open(&self) -> Result<(), MaintenanceError> {
        if self.shared.is_closed() || self.tell.is_closed() {
            return Err(ReadError::unavailable("the work was given up: the store was closed").into());
        }
        Ok(())
    }
}
