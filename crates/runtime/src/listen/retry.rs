//! Parked sequences: trying again, and giving up for good.
//!
//! A parked sequence is the place of its first event, nothing more: the events that wait behind it are found by
//! reading the store from there on. While a retry goes on, new events of the key still wait; when the retry has
//! come as far as the worker has taken events, the key is live again.
//!
//! After a restart the checkpoint may still lie before the parked event. An order waits until the partition has
//! come past it: only then is everything in its place.

use std::time::Duration;

use engine_store::{ReadAll, ReadError, RecordedEvent};
use engine_types::Position;
use tokio::sync::oneshot;

use super::{
    Action,
    handler::HandlerError,
    listener::{Attempt, Listener},
    records::ParkedSequence,
    worker::{Report, Told, Worker},
};

/// How many events a retry looks at before live events have their turn.
const PAGE: usize = 256;

/// How long a retry waits before it reads again where the store could not be read.
const PAUSE: Duration = Duration::from_millis(500);

/// How much of a parked sequence is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Its first event.
    First,
    /// All of it.
    All,
}

/// How an order about a parked sequence ended: how many of its events are done with, or why it stays parked.
pub(crate) type Outcome = Result<u64, String>;

/// What a worker is told about a parked sequence.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) key: String,
    pub(super) scope: Scope,
    /// Whether events are handled; otherwise they are left unhandled for good.
    pub(super) handle: bool,
    pub(super) done: oneshot::Sender<Outcome>,
}

/// Says that there is nothing to be done about a key.
pub(super) fn not_parked(key: &str) -> String {
    format!("no sequence of key `{key}` is parked")
}

/// A retry that is going on.
pub(super) struct Retry {
    order: Order,
    /// The sequence as it was when the retry began.
    sequence: ParkedSequence,
    /// Whether the partition has come past the parked event.
    is_ready: bool,
    /// The next event to look at.
    next: Position,
    /// How many events are done with.
    count: u64,
}

impl Retry {
    pub(super) fn is_ready(&self) -> bool {
        self.is_ready
    }

    /// The parked event.
    pub(super) fn first(&self) -> Position {
        self.sequence.position
    }

    pub(super) fn make_ready(&mut self) {
        self.is_ready = true;
    }

    /// Whether an event belongs to the sequence: the parked event does whatever its key is now.
    fn concerns(&self, event: &RecordedEvent, listener: &impl Listener) -> bool {
        event.position == self.sequence.position
            || (self.sequence.unreadable && event.stream.as_str() == self.sequence.key)
            || listener.belongs(event, &self.sequence.key)
    }
}

/// How a page of a retry ended.
enum Paged {
    /// There is more to look at.
    GoOn,
    /// Nothing waits any more.
    Through,
    /// Enough is done with; the sequence waits at this event.
    Enough(RecordedEvent),
    /// The worker is to end; the sequence waits at this event.
    Ended(RecordedEvent),
    /// This event cannot be handled.
    Failed(RecordedEvent, HandlerError),
}

impl<L: Listener> Worker<L> {
    /// Begins to do what it is told about a sequence.
    pub(super) fn obey(&mut self, order: Order) {
        match self.parked.get(&order.key) {
            None => {
                let _ = order.done.send(Err(not_parked(&order.key)));
            }
            Some(sequence) => {
                let next = sequence.position;
                let sequence = sequence.clone();
                self.retry = Some(Retry { order, sequence, is_ready: false, next, count: 0 });
            }
        }
    }

    /// Goes on with the retry by a page.
    pub(super) async fn go_on_with_retry(&mut self) -> Result<(), Told> {
        let Some(mut retry) = self.retry.take() else { return Ok(()) };
        let page = self.retry_page(&mut retry).await;
        if retry.order.handle && retry.count > 0 {
            self.secure().await?;
        }
        let outcome = match page {
            Err(error) => {
                tracing::warn!(handler = self.listener.name(), %error, "a retry waits for the store");
                self.retry = Some(retry);
                return self.rest(PAUSE).await;
            }
            Ok(Paged::GoOn) => {
                self.retry = Some(retry);
                return Ok(());
            }
            Ok(Paged::Through | Paged::Enough(_)) if !self.may_forget(&retry).await? => {
                Err("the checkpoint cannot be stored now: try again later".to_owned())
            }
            Ok(Paged::Through) => {
                self.forget(&retry.order.key).await?;
                Ok(retry.count)
            }
            Ok(Paged::Enough(event)) => {
                self.wait_at(&event, &retry, "waits behind an event that is done with", 0).await?;
                Ok(retry.count)
            }
            Ok(Paged::Ended(event)) => {
                if retry.order.handle && retry.count > 0 {
                    self.wait_at(&event, &retry, "the retry was broken off before it", 0).await?;
                }
                return Err(Told);
            }
            Ok(Paged::Failed(event, error)) => {
                let error = error.to_string();
                self.wait_at(&event, &retry, &error, 1).await?;
                Err(error)
            }
        };
        let _ = retry.order.done.send(outcome);
        Ok(())
    }

    /// Makes what was handled last, before it is forgotten that it was parked.
    async fn secure(&self) -> Result<(), Told> {
        let secured = self.listener.secure().await;
        secured.map_err(|error| self.tell(Report::StoreFailed(error.cause)))
    }

    async fn retry_page(&mut self, retry: &mut Retry) -> Result<Paged, ReadError> {
        let end = self.last_taken.max(Some(retry.first()));
        let request = ReadAll::forwards().from(retry.next).limit(PAGE).filter(self.filter.clone());
        let page = self.store.read_all(request).await?;
        for event in page.events {
            if Some(event.position) > end {
                return Ok(Paged::Through);
            }
            if !retry.concerns(&event, &*self.listener) {
                continue;
            }
            if self.check_stop().is_err() {
                return Ok(Paged::Ended(event));
            }
            if retry.count > 0 && retry.order.scope == Scope::First {
                return Ok(Paged::Enough(event));
            }
            let key = Some(retry.sequence.key.as_str().into());
            let attempt = Attempt { event, key, read: None, failures: 0 };
            if retry.order.handle
                && let Err(failure) = self.hand_out_late(&attempt).await
                && failure.error.wants != Some(Action::Skip)
            {
                return Ok(Paged::Failed(attempt.event, failure.error));
            }
            retry.count += 1;
        }
        let next = page.next.unwrap_or(retry.next);
        if page.end || Some(next) > end {
            return Ok(Paged::Through);
        }
        retry.next = next;
        Ok(Paged::GoOn)
    }

    /// What was discarded must not come back after a crash: the checkpoint has to be past it first.
    async fn may_forget(&self, retry: &Retry) -> Result<bool, Told> {
        if retry.order.handle { Ok(true) } else { self.store_checkpoint().await }
    }

    /// The events before this one are done with; the sequence waits at it, after so many more tries of it.
    async fn wait_at(
        &mut self,
        event: &RecordedEvent,
        retry: &Retry,
        error: &str,
        tries: u32,
    ) -> Result<(), Told> {
        let Some(sequence) = self.parked.get_mut(&retry.order.key) else { return Ok(()) };
        let before = if sequence.position == event.position { sequence.attempts } else { 0 };
        sequence.attempts = before.saturating_add(tries);
        sequence.position = event.position;
        sequence.stream = event.stream.clone();
        sequence.revision = event.revision;
        sequence.event_type = event.event_type.to_string();
        error.clone_into(&mut sequence.error);
        sequence.waiting = sequence.waiting.saturating_sub(retry.count);
        let sequence = sequence.clone();
        self.keep(&sequence).await
    }
}
