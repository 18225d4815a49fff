//! Looking at handlers: how far they have come, how far they are behind, what a reset would lead to.

use engine_store::{ReadAll, ReadError, Timestamp};
use engine_types::Position;
use serde::Serialize;

use super::{Handlers, HandlersError, Running, nothing_at};
use crate::listen::{HandlerState, records};

/// How many events are counted at most to tell how far a handler is behind.
const MAX_COUNTED: u64 = 10_000;

/// How a handler is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandlerReport {
    /// Its name.
    pub name: String,
    /// What it does at the moment.
    #[serde(flatten)]
    pub state: HandlerState,
    /// Everything up to here is handled; absent before the first event.
    pub checkpoint: Option<Position>,
    /// How many events it has yet to handle, counted up to 10,000. Where other processes share the work, what
    /// they have handled since their last checkpoint counts as not yet handled.
    pub lag_events: u64,
    /// When the oldest event was stored that it has yet to handle.
    pub oldest_unhandled: Option<Timestamp>,
    /// How old that event is, in milliseconds.
    pub lag_ms: u64,
    /// How many keys are parked; those that this process knows.
    pub parked_keys: usize,
    /// How many events it has handled, or skipped, since the process began.
    pub handled: u64,
    /// How many events it handles at the same time.
    pub partitions: usize,
    /// Whether strong consistency waits for it.
    pub strong: bool,
    /// Who works on each partition; absent where nobody does.
    pub owners: Vec<Option<String>>,
    /// Why its checkpoint cannot be stored at the moment. It goes on handling events meanwhile.
    pub fault: Option<String>,
}

/// What a reset would lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetPreview {
    /// How many events would be handled again, or for the first time.
    pub events: u64,
    /// How many parked sequences would be forgotten.
    pub parked_keys: usize,
}

impl Handlers {
    /// How all handlers are doing, by name.
    ///
    /// # Errors
    /// The failures of the store.
    pub async fn list(&self) -> Result<Vec<HandlerReport>, HandlersError> {
        let mut reports = Vec::with_capacity(self.inner.running.len());
        for name in self.inner.running.keys() {
            reports.push(self.report(name).await?);
        }
        Ok(reports)
    }

    /// How a handler is doing.
    ///
    /// # Errors
    /// An unknown name, and the failures of the store.
    pub async fn report(&self, name: &str) -> Result<HandlerReport, HandlersError> {
        let running = self.find(name)?;
        running.look_once().await;
        let status = running.status.borrow().clone();
        let checkpoint = running.progress.checkpoint();
        let (lag_events, oldest_unhandled) = self.lag(running).await?;
        let lag = oldest_unhandled.map(|oldest| self.inner.clock.now().since(oldest)).unwrap_or_default();
        let is_gone = running.task.lock().is_none();
        Ok(HandlerReport {
            name: name.to_owned(),
            state: if is_gone { HandlerState::Ended } else { status.state },
            checkpoint,
            lag_events,
            oldest_unhandled,
            lag_ms: u64::try_from(lag.as_millis()).unwrap_or(u64::MAX),
            parked_keys: status.parked_keys,
            handled: status.handled,
            partitions: running.work.partitions,
            strong: running.registered.options().strong,
            owners: running.ownership.owners(&running.work).await?,
            fault: status.fault,
        })
    }

    /// What a reset would lead to.
    ///
    /// # Errors
    /// As [`Handlers::reset`], which would be refused too.
    pub async fn preview_reset(
        &self,
        name: &str,
        after: Option<Position>,
    ) -> Result<ResetPreview, HandlersError> {
        self.check_resettable(name)?;
        let running = self.find(name)?;
        let head = self.inner.store.head().await?;
        if let Some(position) = after.filter(|after| head < Some(*after)) {
            return Err(HandlersError::Refused(nothing_at(position)));
        }
        let (events, _) = self.behind(running, after, u64::MAX).await?;
        let parked_keys = records::parked(&*self.inner.store, &running.registered.records()).await?.len();
        Ok(ResetPreview { events, parked_keys })
    }

    /// How many events a handler has yet to handle, and the time of the first: those that were handed out and are
    /// not finished, and those that stand behind them.
    async fn lag(&self, running: &Running) -> Result<(u64, Option<Timestamp>), ReadError> {
        let in_flight = running.progress.in_flight();
        let (behind, first) = self.behind(running, in_flight.seen, MAX_COUNTED).await?;
        let oldest = match in_flight.first {
            None => first,
            Some(position) => {
                let page = self.inner.store.read_all(ReadAll::forwards().from(position).limit(1)).await?;
                page.events.first().map(|event| event.created).or(first)
            }
        };
        Ok(((in_flight.events + behind).min(MAX_COUNTED), oldest))
    }

    /// Counts the events behind a position that concern a handler, up to a number, and tells the time of the
    /// first.
    async fn behind(
        &self,
        running: &Running,
        checkpoint: Option<Position>,
        most: u64,
    ) -> Result<(u64, Option<Timestamp>), ReadError> {
        let mut next = checkpoint.map_or(Position::FIRST, Position::next);
        let filter = running.registered.filter();
        let (mut count, mut oldest) = (0, None);
        loop {
            let page =
                self.inner.store.read_all(ReadAll::forwards().from(next).filter(filter.clone())).await?;
            oldest = oldest.or(page.events.first().map(|event| event.created));
            count += page.events.len() as u64;
            match page.next {
                Some(following) if !page.end && count < most => next = following,
                _ => return Ok((count.min(most), oldest)),
            }
        }
    }
}
