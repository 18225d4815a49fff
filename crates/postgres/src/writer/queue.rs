//! The queue in front of the writer: bounded in number and in bytes, first come, first served.

use std::sync::Arc;

use engine_store::{AppendError, Durability};
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::Outcome;
use crate::{PostgresOptions, plan::Job};

/// Room is counted in so many bytes.
const UNIT: usize = 1_024;

/// A job, and where its answer goes. Nobody may be waiting any more; the job is done all the same.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) job: Job,
    pub(crate) bytes: usize,
    /// Whether it must last through a crash of the server.
    pub(crate) must_last: bool,
    pub(crate) reply: oneshot::Sender<Outcome>,
    _room: OwnedSemaphorePermit,
}

/// The writer's end of the queue is a receiver; this is the other.
#[derive(Debug)]
pub(crate) struct Queue {
    orders: Mutex<Option<mpsc::Sender<Order>>>,
    room: Arc<Semaphore>,
    units: usize,
}

impl Queue {
    pub(crate) fn new(options: &PostgresOptions) -> (Self, mpsc::Receiver<Order>) {
        let (sender, receiver) = mpsc::channel(options.queue_appends.max(1));
        let units = (options.queue_bytes / UNIT).clamp(1, u32::MAX as usize >> 3);
        let room = Arc::new(Semaphore::new(units));
        (Queue { orders: Mutex::new(Some(sender)), room, units }, receiver)
    }

    /// Waits for room, hands the job over and waits for the answer. Once handed over it is done, whoever waits.
    pub(crate) async fn ask(&self, job: Job) -> Outcome {
        let closed = || AppendError::unavailable("the store was closed");
        let bytes = bytes(&job);
        let units = u32::try_from((1 + bytes / UNIT).min(self.units)).unwrap_or(u32::MAX);
        let room = self.room.clone().acquire_many_owned(units).await.map_err(|_| closed())?;
        let sender = self.orders.lock().clone().ok_or_else(closed)?;
        let must_last = match &job {
            Job::Append(request) => request.durability == Durability::Synced,
            Job::Delete(_) => true,
        };
        let (reply, answer) = oneshot::channel();
        sender.send(Order { job, bytes, must_last, reply, _room: room }).await.map_err(|_| closed())?;
        drop(sender);
        let gone = |_| AppendError::OutcomeUnknown("the writer stopped before it answered".into());
        answer.await.map_err(gone)?
    }

    /// Refuses what comes from now on. What was handed over is still done.
    pub(crate) fn close(&self) {
        *self.orders.lock() = None;
        self.room.close();
    }
}

/// The bytes that a job holds in memory.
fn bytes(job: &Job) -> usize {
    match job {
        Job::Append(request) => {
            let events = request.streams.iter().flat_map(|stream| &stream.events);
            events.map(|event| event.bytes() + 128).sum()
        }
        Job::Delete(_) => 128,
    }
}
