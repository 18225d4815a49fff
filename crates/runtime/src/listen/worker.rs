//! A worker: handles the events of one partition, in order, and keeps its parked sequences.

mod queue;
mod setting_aside;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use engine_store::{BoxError, Clock, EventStore, Filter};
use engine_types::Position;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    Action, ErrorPolicy, Failure,
    handler::{BatchError, HandlerError},
    listener::{Attempt, Delivery, Listener},
    options::HandlerOptions,
    ownership::Validity,
    progress::Progress,
    records::ParkedSequence,
    retry::{Order, Retry},
};

/// What a worker tells.
///
/// The way to the session has no bound of its own: a worker tells no more than once or twice about an event
/// that the session gave to it, and the session gives only as many as the queues hold.
#[derive(Debug)]
pub(super) enum Report {
    /// These events need no more work; `aside` if they were not handled but parked, or wait behind such a one.
    Finished { partition: usize, positions: Vec<Position>, aside: bool },
    /// The number of keys that the worker has parked.
    Parked { partition: usize, keys: usize },
    /// Asks for the checkpoint to be stored now; the answer is whether it was.
    Store { partition: usize, done: oneshot::Sender<bool> },
    /// The handler is to stop, before this event.
    Stopped { position: Position, error: String },
    /// The store does not keep what the worker needs to keep.
    StoreFailed(BoxError),
}

/// The worker cannot go on: it has told why, or was told to end.
#[derive(Debug)]
pub(super) struct Told;

pub(super) struct Worker<L> {
    pub(super) partition: usize,
    pub(super) listener: Arc<L>,
    pub(super) store: Arc<dyn EventStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) options: Arc<HandlerOptions>,
    pub(super) policy: ErrorPolicy,
    pub(super) filter: Filter,
    pub(super) progress: Arc<Progress>,
    /// Whether other processes share the work.
    pub(super) is_shared: bool,
    /// Whether the partition is still this process's.
    pub(super) validity: Validity,
    /// Asks the worker to end after the event at hand.
    pub(super) stop: CancellationToken,
    pub(super) queue: mpsc::Receiver<Delivery>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    pub(super) parked: BTreeMap<String, ParkedSequence>,
    /// How many keys are parked by all workers of the handler.
    pub(super) parked_by_all: Arc<AtomicUsize>,
    /// Parked keys whose count of waiting events has grown since it was stored.
    pub(super) uncounted: BTreeSet<String>,
    /// Events that were taken from the queue and not yet handled.
    pub(super) batch: Vec<Delivery>,
    pub(super) retry: Option<Retry>,
    /// The last event that was taken from the queue.
    pub(super) last_taken: Option<Position>,
}

impl<L: Listener> Worker<L> {
    /// Works until there are no more events, or it cannot go on.
    pub(super) async fn run(mut self) -> Result<(), Told> {
        self.tell_parked();
        loop {
            let more = if self.retry.as_ref().is_some_and(Retry::is_ready) {
                self.go_on_with_retry().await?;
                queue::take_waiting(&mut self.queue, &mut self.batch, self.options.batch_events)
            } else {
                let wanted = self.retry.as_ref().map(Retry::first);
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return Ok(()),
                    () = reached(&self.progress, self.partition, wanted) => {
                        self.retry.as_mut().map(Retry::make_ready);
                        continue;
                    }
                    Some(order) = self.orders.recv(), if self.retry.is_none() => {
                        self.obey(order);
                        continue;
                    }
                    more = queue::take_batch(&mut self.queue, &mut self.batch, &self.options) => more,
                }
            };
            let batch = std::mem::take(&mut self.batch);
            if batch.is_empty() && !more {
                return Ok(());
            }
            self.handle(batch).await?;
            if self.queue.is_empty() {
                self.note_waiting().await;
            }
        }
    }

    /// Handles a batch to its end: every event is handled, skipped, parked, or waits behind a parked one.
    async fn handle(&mut self, batch: Vec<Delivery>) -> Result<(), Told> {
        let Some(last) = batch.last() else { return Ok(()) };
        self.last_taken = Some(last.event.position);
        let mut rest = batch.into_iter().map(Attempt::first).collect();
        self.let_wait(&mut rest);
        let mut together = true;
        while !rest.is_empty() {
            self.check_stop()?;
            let count = if together { rest.len() } else { 1 };
            let Err(BatchError { handled, error }) = self.hand_out(&rest[..count]).await else {
                self.finish(rest.drain(..count), false);
                continue;
            };
            self.finish(rest.drain(..handled.min(count)), false);
            if handled >= count {
                tracing::warn!(handler = self.listener.name(), %error, "an error, with nothing left that it could be about");
                continue;
            }
            let action = self.decide(&mut rest[0], &error);
            let is_over = !matches!(action, Action::Retry(_)) && error.wants != Some(Action::Stop);
            if is_over && together && count - handled > 1 && self.listener.guesses() {
                // One of these is at fault. From here on each gets its last try alone.
                together = false;
                continue;
            }
            self.act(action, &error, &mut rest).await?;
        }
        Ok(())
    }

    /// Hands events out, for as long as they may take: each, or all of a batch.
    pub(super) async fn hand_out(&self, attempts: &[Attempt]) -> Result<(), BatchError> {
        let Some(limit) = self.options.time_limit else { return self.listener.handle(attempts).await };
        let together = if self.listener.guesses() { attempts.len() } else { 1 };
        for (number, attempts) in attempts.chunks(together).enumerate() {
            let handled = tokio::time::timeout(limit, self.listener.handle(attempts)).await;
            handled
                .unwrap_or_else(|_| Err(too_slow(limit)))
                .map_err(|failed| BatchError { handled: number * together + failed.handled, ..failed })?;
        }
        Ok(())
    }

    /// Hands out an event of a parked sequence.
    pub(super) async fn hand_out_late(&self, attempt: &Attempt) -> Result<(), BatchError> {
        let handling = self.listener.handle_late(attempt);
        let Some(limit) = self.options.time_limit else { return handling.await };
        tokio::time::timeout(limit, handling).await.unwrap_or_else(|_| Err(too_slow(limit)))
    }

    /// What is to be done about an event that has just failed.
    fn decide(&self, failed: &mut Attempt, error: &HandlerError) -> Action {
        failed.failures = failed.failures.saturating_add(1);
        let failure = Failure { event: &failed.event, cause: &error.cause, failures: failed.failures };
        error
            .wants
            .or_else(|| self.listener.on_error(&failure))
            .unwrap_or_else(|| self.policy.decide(failed.event.id, failed.failures))
    }

    /// Does what was decided about the first event of `rest`.
    async fn act(
        &mut self,
        action: Action,
        error: &HandlerError,
        rest: &mut Vec<Attempt>,
    ) -> Result<(), Told> {
        match action {
            Action::Retry(pause) => self.rest(pause).await?,
            Action::Skip => {
                tracing::warn!(handler = self.listener.name(), position = %rest[0].event.position, %error, "skipped");
                self.finish(rest.drain(..1), false);
            }
            Action::Park => {
                self.park(&rest[0], error).await?;
                self.finish(rest.drain(..1), true);
                self.let_wait(rest);
            }
            Action::Stop => {
                let position = rest[0].event.position;
                return Err(self.tell(Report::Stopped { position, error: error.to_string() }));
            }
        }
        Ok(())
    }

    /// Waits, but no longer than until the worker is to end.
    pub(super) async fn rest(&self, pause: Duration) -> Result<(), Told> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Told),
            () = tokio::time::sleep(pause) => Ok(()),
        }
    }

    /// Ends the worker between two events when it is to end, when nobody hears it any
    /// more, or when the partition may be another's.
    pub(super) fn check_stop(&self) -> Result<(), Told> {
        if self.stop.is_cancelled() || self.reports.is_closed() || !self.validity.holds() {
            Err(Told)
        } else {
            Ok(())
        }
    }

    pub(super) fn finish(&self, attempts: impl IntoIterator<Item = Attempt>, aside: bool) {
        let positions: Vec<_> = attempts.into_iter().map(|attempt| attempt.event.position).collect();
        if !positions.is_empty() {
            self.tell(Report::Finished { partition: self.partition, positions, aside });
        }
    }

    pub(super) fn tell_parked(&self) {
        self.tell(Report::Parked { partition: self.partition, keys: self.parked.len() });
    }

    /// Tells the session, which may be gone: then nobody needs to know.
    pub(super) fn tell(&self, report: Report) -> Told {
        let _ = self.reports.send(report);
        Told
    }
}

/// Waits until the partition is through up to this event; for ever where there is none.
async fn reached(progress: &Progress, partition: usize, wanted: Option<Position>) {
    match wanted {
        Some(position) => progress.wait_for_partition(partition, position).await,
        None => std::future::pending().await,
    }
}

fn too_slow(limit: Duration) -> BatchError {
    let fault = format!("it was not handled within {} ms", limit.as_millis());
    BatchError { handled: 0, error: HandlerError::new(fault) }
}
