//! How far a handler has come, shared between its runner and those who wait for it.

use engine_types::Position;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::tracker::Tracker;

/// The trackers of a handler's partitions, and a wake-up for those who wait.
#[derive(Debug)]
pub(crate) struct Progress {
    trackers: Mutex<Vec<Tracker>>,
    changed: watch::Sender<u64>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Progress { trackers: Mutex::default(), changed: watch::Sender::new(0) }
    }

    /// Begins anew from stored checkpoints, one for each partition.
    pub(crate) fn begin(&self, checkpoints: &[Option<Position>]) {
        *self.trackers.lock() = checkpoints.iter().map(|checkpoint| Tracker::after(*checkpoint)).collect();
        self.wake();
    }

    /// Notes that an event goes to a partition; says whether it is new to it.
    pub(crate) fn hand_out(&self, partition: usize, position: Position) -> bool {
        let mut trackers = self.trackers.lock();
        let is_new = trackers[partition].hand_out(position);
        // Events come in order: the other partitions will get none up to here.
        for (_, other) in trackers.iter_mut().enumerate().filter(|(number, _)| *number != partition) {
            other.pass_over(position);
        }
        is_new
    }

    /// Notes that nothing more of interest stands up to here, for any partition.
    pub(crate) fn pass_over(&self, position: Position) {
        for tracker in self.trackers.lock().iter_mut() {
            tracker.pass_over(position);
        }
        self.wake();
    }

    /// Notes that events are finished.
    pub(crate) fn finish(&self, partition: usize, positions: &[Position]) {
        let mut trackers = self.trackers.lock();
        for position in positions {
            trackers[partition].finish(*position);
        }
        drop(trackers);
        self.wake();
    }

    /// The checkpoint of each partition.
    pub(crate) fn checkpoints(&self) -> Vec<Option<Position>> {
        self.trackers.lock().iter().map(Tracker::checkpoint).collect()
    }

    /// The position up to which all partitions are done.
    pub(crate) fn checkpoint(&self) -> Option<Position> {
        self.trackers.lock().iter().map(Tracker::checkpoint).min().flatten()
    }

    /// Waits until everything up to this position is finished.
    pub(crate) async fn wait_for_all_up_to(&self, position: Position) {
        self.wait(|trackers| trackers.iter().all(|tracker| tracker.checkpoint() >= Some(position))).await;
    }

    /// Waits until this event is finished, whatever comes before it.
    pub(crate) async fn wait_for(&self, position: Position) {
        self.wait(|trackers| trackers.iter().all(|tracker| tracker.is_past(position))).await;
    }

    async fn wait(&self, reached: impl Fn(&[Tracker]) -> bool) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            let is_reached = {
                let trackers = self.trackers.lock();
                !trackers.is_empty() && reached(&trackers)
            };
            if is_reached {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn wake(&self) {
        self.changed.send_modify(|count| *count += 1);
    }
}
