//! Taking events from a worker's queue, in batches.

use tokio::{
    sync::mpsc::{self, error::TryRecvError},
    time::{Instant, timeout_at},
};

use crate::listen::{listener::Delivery, options::HandlerOptions};

/// Waits for events and takes a batch of them; says whether there can be more. Cancel-safe: what was taken
/// stays in `batch`.
pub(super) async fn take_batch(
    queue: &mut mpsc::Receiver<Delivery>,
    batch: &mut Vec<Delivery>,
    options: &HandlerOptions,
) -> bool {
    if batch.is_empty() && queue.recv_many(batch, options.batch_events).await == 0 {
        return false;
    }
    let full = Instant::now() + options.batch_wait;
    while batch.len() < options.batch_events && !options.batch_wait.is_zero() {
        let room = options.batch_events - batch.len();
        match timeout_at(full, queue.recv_many(batch, room)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    true
}

/// Takes events that wait already; says whether there can be more.
pub(super) fn take_waiting(
    queue: &mut mpsc::Receiver<Delivery>,
    batch: &mut Vec<Delivery>,
    batch_events: usize,
) -> bool {
    while batch.len() < batch_events {
        match queue.try_recv() {
            Ok(event) => batch.push(event),
            Err(TryRecvError::Empty) => return true,
            Err(TryRecvError::Disconnected) => return false,
        }
    }
    true
}
