//! A worker: handles the events of one partition, in order, and keeps its parked sequences.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use engine_store::{BoxError, Clock, EventStore, Filter, RecordedEvent};
use engine_types::Position;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{
    Action, ErrorPolicy,
    handler::{BatchError, HandlerError},
    listener::{Attempt, Listener},
    options::HandlerOptions,
    records::{self, ParkedSequence},
    retry::{Order, Retry},
};

/// What a worker tells.
#[derive(Debug)]
pub(super) enum Report {
    /// These events need no more work.
    Finished { partition: usize, positions: Vec<Position> },
    /// The number of keys that the worker has parked.
    Parked { partition: usize, keys: usize },
    /// The handler is to stop, before this event.
    Stopped { position: Position, error: String },
    /// The store does not keep what the worker needs to keep.
    StoreFailed(BoxError),
}

/// The worker has told why it cannot go on.
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
    /// Asks the worker to end after the event at hand.
    pub(super) stop: CancellationToken,
    pub(super) queue: mpsc::Receiver<RecordedEvent>,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) reports: mpsc::UnboundedSender<Report>,
    pub(super) parked: HashMap<String, ParkedSequence>,
    /// Parked keys whose count of waiting events has grown since it was stored.
    pub(super) uncounted: HashSet<String>,
    /// Events that were taken from the queue and not yet handled.
    pub(super) batch: Vec<RecordedEvent>,
    pub(super) retry: Option<Retry>,
    /// The last event that was taken from the queue.
    pub(super) last_taken: Option<Position>,
}

impl<L: Listener> Worker<L> {
    /// Works until there are no more events, or it cannot go on.
    pub(super) async fn run(mut self) -> Result<(), Told> {
        self.tell_parked();
        loop {
            let more = if self.retry.is_some() {
                self.go_on_with_retry().await?;
                take_waiting(&mut self.queue, &mut self.batch, self.options.batch_events)
            } else {
                tokio::select! {
                    biased;
                    () = self.stop.cancelled() => return self.note_waiting().await,
                    Some(order) = self.orders.recv() => {
                        self.obey(order);
                        continue;
                    }
                    more = take_batch(&mut self.queue, &mut self.batch, &self.options) => more,
                }
            };
            let batch = std::mem::take(&mut self.batch);
            if batch.is_empty() && !more {
                return self.note_waiting().await;
            }
            self.handle(batch).await?;
            if self.queue.is_empty() {
                self.note_waiting().await?;
            }
        }
    }

    /// Handles a batch to its end: every event is handled, skipped, parked, or waits behind a parked one.
    async fn handle(&mut self, batch: Vec<RecordedEvent>) -> Result<(), Told> {
        let Some(last) = batch.last() else { return Ok(()) };
        self.last_taken = Some(last.position);
        let mut rest = batch.into_iter().map(|event| Attempt { event, failures: 0 }).collect();
        self.let_wait(&mut rest);
        let mut together = true;
        while !rest.is_empty() {
            if self.stop.is_cancelled() {
                return Err(Told);
            }
            let count = if together { rest.len() } else { 1 };
            let Err(BatchError { handled, error }) = self.listener.handle(&rest[..count]).await else {
                self.finish(rest.drain(..count));
                continue;
            };
            self.finish(rest.drain(..handled.min(count)));
            let Some(failed) = rest.first_mut() else { continue };
            failed.failures = failed.failures.saturating_add(1);
            let action = error.wants.unwrap_or_else(|| self.policy.decide(failed.event.id, failed.failures));
            let is_final = !matches!(action, Action::Retry(_));
            if is_final && together && count - handled > 1 && self.listener.guesses() {
                // One of these is at fault. From here on each gets its last try alone.
                together = false;
                continue;
            }
            self.act(action, &error, &mut rest).await?;
        }
        Ok(())
    }

    /// Does what was decided about the first event of `rest`.
    async fn act(
        &mut self,
        action: Action,
        error: &HandlerError,
        rest: &mut Vec<Attempt>,
    ) -> Result<(), Told> {
        match action {
            Action::Retry(pause) => tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.stop.cancelled() => return Err(Told),
            },
            Action::Skip => {
                tracing::warn!(handler = self.listener.name(), position = %rest[0].event.position, %error, "skipped");
                self.finish(rest.drain(..1));
            }
            Action::Park => {
                let failed = rest.remove(0);
                self.park(&failed, error).await?;
                self.finish([failed]);
                self.let_wait(rest);
            }
            Action::Stop => {
                let position = rest[0].event.position;
                return Err(self.tell(Report::Stopped { position, error: error.to_string() }));
            }
        }
        Ok(())
    }

    /// Puts an event aside, where it is not forgotten.
    pub(super) async fn park(&mut self, failed: &Attempt, error: &HandlerError) -> Result<(), Told> {
        let Attempt { event, failures } = failed;
        let key = self.listener.key(event);
        if self.parked.len() >= self.options.parked_keys && !self.parked.contains_key(&key) {
            let error = format!(
                "{} keys are parked, which is the limit; the next failed: {error}",
                self.parked.len()
            );
            return Err(self.tell(Report::Stopped { position: event.position, error }));
        }
        let sequence = ParkedSequence {
            key: key.clone(),
            position: event.position,
            stream: event.stream.clone(),
            revision: event.revision,
            event_type: event.event_type.to_string(),
            error: error.to_string(),
            attempts: *failures,
            parked_at_us: self.clock.now().as_micros(),
            waiting: 0,
        };
        self.keep(&sequence).await?;
        self.parked.insert(key, sequence);
        self.tell_parked();
        Ok(())
    }

    /// Takes the events out whose key is parked: they wait, and are found again in the store when it is retried.
    fn let_wait(&mut self, rest: &mut Vec<Attempt>) {
        if self.parked.is_empty() {
            return;
        }
        let mut waiting = Vec::new();
        rest.retain(|attempt| {
            let key = self.listener.key(&attempt.event);
            let Some(sequence) = self.parked.get_mut(&key) else { return true };
            // Behind the parked event, or the parked event itself, delivered again after a crash.
            sequence.waiting += u64::from(sequence.position < attempt.event.position);
            waiting.push(attempt.event.position);
            self.uncounted.insert(key);
            false
        });
        if !waiting.is_empty() {
            self.tell(Report::Finished { partition: self.partition, positions: waiting });
        }
    }

    /// Stores a parked sequence.
    pub(super) async fn keep(&self, sequence: &ParkedSequence) -> Result<(), Told> {
        let stored = match records::parked_key(self.listener.name(), &sequence.key) {
            Ok(key) => records::save(&*self.store, &key, sequence, None).await.map(drop),
            Err(error) => Err(error.into()),
        };
        stored.map_err(|error| self.tell(Report::StoreFailed(error.into())))
    }

    pub(super) fn finish(&self, attempts: impl IntoIterator<Item = Attempt>) {
        let positions: Vec<_> = attempts.into_iter().map(|attempt| attempt.event.position).collect();
        if !positions.is_empty() {
            self.tell(Report::Finished { partition: self.partition, positions });
        }
    }

    pub(super) fn tell_parked(&self) {
        self.tell(Report::Parked { partition: self.partition, keys: self.parked.len() });
    }

    /// Tells the coordinator, which may be gone: then nobody needs to know.
    pub(super) fn tell(&self, report: Report) -> Told {
        let _ = self.reports.send(report);
        Told
    }
}

/// Waits for events and takes a batch of them; says whether there can be more. Cancel-safe: what was taken
/// stays in `batch`.
async fn take_batch(
    queue: &mut mpsc::Receiver<RecordedEvent>,
    batch: &mut Vec<RecordedEvent>,
    options: &HandlerOptions,
) -> bool {
    if batch.is_empty() && queue.recv_many(batch, options.batch_events).await == 0 {
        return false;
    }
    let full = tokio::time::Instant::now() + options.batch_wait;
    while batch.len() < options.batch_events && !options.batch_wait.is_zero() {
        let room = options.batch_events - batch.len();
        match tokio::time::timeout_at(full, queue.recv_many(batch, room)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    true
}

/// Takes events that wait already; says whether there can be more.
fn take_waiting(
    queue: &mut mpsc::Receiver<RecordedEvent>,
    batch: &mut Vec<RecordedEvent>,
    batch_events: usize,
) -> bool {
    while batch.len() < batch_events {
        match queue.try_recv() {
            Ok(event) => batch.push(event),
            Err(mpsc::error::TryRecvError::Empty) => return true,
            Err(mpsc::error::TryRecvError::Disconnected) => return false,
        }
    }
    true
}
