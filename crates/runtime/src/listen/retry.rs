//! Parked sequences: trying again, and giving up for good.
//!
//! A parked sequence is the place of its first event, nothing more: the events that wait behind it are found by
//! reading the store from there on. While a retry goes on, new events of the key still wait; when the retry has
//! come as far as the worker has taken events, the key is live again.

use engine_store::ReadAll;
use engine_types::Position;
use tokio::sync::oneshot;

use super::{
    listener::{Attempt, Listener},
    records,
    worker::{Report, Told, Worker},
};

/// How many events a retry looks at before live events have their turn.
const PAGE: usize = 256;

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

/// A retry that is going on.
pub(super) struct Retry {
    order: Order,
    /// The next event to look at.
    next: Position,
    /// How many events are done with.
    count: u64,
}

impl<L: Listener> Worker<L> {
    /// Begins to do what it is told about a sequence.
    pub(super) fn obey(&mut self, order: Order) {
        match self.parked.get(&order.key) {
            None => {
                let _ = order.done.send(Err(format!("no sequence of key `{}` is parked", order.key)));
            }
            Some(sequence) => self.retry = Some(Retry { next: sequence.position, count: 0, order }),
        }
    }

    /// Goes on with the retry by a page.
    pub(super) async fn go_on_with_retry(&mut self) -> Result<(), Told> {
        let Some(mut retry) = self.retry.take() else { return Ok(()) };
        let end = self.last_taken;
        let request = ReadAll::forwards().from(retry.next).limit(PAGE).filter(self.filter.clone());
        let page = match self.store.read_all(request).await {
            Ok(page) => page,
            Err(error) => return Err(self.tell(Report::StoreFailed(error.into()))),
        };
        for event in page.events {
            if Some(event.position) > end {
                break;
            }
            if self.listener.key(&event) != retry.order.key {
                continue;
            }
            if retry.count > 0 && retry.order.scope == Scope::First {
                return self.stay_parked_at(event, retry).await;
            }
            let attempt = Attempt { event, failures: 0 };
            if retry.order.handle
                && let Err(failure) = self.listener.handle(std::slice::from_ref(&attempt)).await
            {
                let failed = Attempt { failures: 1, ..attempt };
                self.park(&failed, &failure.error).await?;
                let _ = retry.order.done.send(Err(failure.error.to_string()));
                return Ok(());
            }
            retry.count += 1;
        }
        let next = page.next.unwrap_or(retry.next);
        if page.end || Some(next) > end {
            return self.live_again(retry).await;
        }
        retry.next = next;
        self.retry = Some(retry);
        Ok(())
    }

    /// The first event is done with; the sequence waits at the next.
    async fn stay_parked_at(&mut self, event: engine_store::RecordedEvent, retry: Retry) -> Result<(), Told> {
        if let Some(sequence) = self.parked.get_mut(&retry.order.key) {
            sequence.position = event.position;
            sequence.stream = event.stream;
            sequence.revision = event.revision;
            sequence.event_type = event.event_type.to_string();
            "waits behind an event that is done with".clone_into(&mut sequence.error);
            sequence.attempts = 0;
            sequence.waiting = sequence.waiting.saturating_sub(1);
            let sequence = sequence.clone();
            self.keep(&sequence).await?;
        }
        let _ = retry.order.done.send(Ok(retry.count));
        Ok(())
    }

    /// Nothing of the sequence waits any more.
    async fn live_again(&mut self, retry: Retry) -> Result<(), Told> {
        let removed = match records::parked_key(self.listener.name(), &retry.order.key) {
            Ok(key) => self.store.delete_document(&key).await,
            Err(error) => Err(error.into()),
        };
        removed.map_err(|error| self.tell(Report::StoreFailed(error.into())))?;
        self.parked.remove(&retry.order.key);
        self.tell_parked();
        let _ = retry.order.done.send(Ok(retry.count));
        Ok(())
    }

    /// Stores how many events wait, where that has changed.
    pub(super) async fn note_waiting(&mut self) -> Result<(), Told> {
        let changed: Vec<_> = self.uncounted.drain().collect();
        for key in changed {
            if let Some(sequence) = self.parked.get(&key) {
                self.keep(sequence).await?;
            }
        }
        Ok(())
    }
}
