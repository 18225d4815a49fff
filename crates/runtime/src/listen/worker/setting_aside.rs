//! Parking: an event that cannot be handled is put aside, and those of its key wait behind it.

use std::{sync::atomic::Ordering, time::Duration};

use engine_store::AppendError;
use tokio::sync::oneshot;

use super::{Report, Told, Worker};
use crate::listen::{
    handler::HandlerError,
    listener::{Attempt, Listener},
    records::{self, ParkedSequence},
};

/// How long a worker waits before it tries again to store something, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

impl<L: Listener> Worker<L> {
    /// Puts an event aside, where it is not forgotten.
    pub(super) async fn park(&mut self, failed: &Attempt, error: &HandlerError) -> Result<(), Told> {
        let Attempt { event, failures, .. } = failed;
        let parked = self.parked_by_all.load(Ordering::Relaxed);
        if parked >= self.options.parked_keys {
            let error = format!("{parked} keys are parked, which is the limit; the next failed: {error}");
            return Err(self.tell(Report::Stopped { position: event.position, error }));
        }
        let key = self.key(failed);
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
            unreadable: !self.listener.is_readable(event),
        };
        if self.is_shared && !self.store_checkpoint().await? {
            let fault = "the checkpoint could not be stored before an event was parked";
            return Err(self.tell(Report::StoreFailed(fault.into())));
        }
        self.keep(&sequence).await?;
        if let Err(error) = self.listener.put_aside(&key, event.position).await {
            return Err(self.tell_failure(error));
        }
        if self.parked.insert(key, sequence).is_none() {
            self.parked_by_all.fetch_add(1, Ordering::Relaxed);
        }
        self.tell_parked();
        Ok(())
    }

    /// Takes the events out whose key is parked: they wait, and are found again in the store when it is retried.
    pub(super) fn let_wait(&mut self, rest: &mut Vec<Attempt>) {
        if self.parked.is_empty() {
            return;
        }
        let mut waiting = Vec::new();
        rest.retain(|attempt| {
            let is_waiting = self.waits(attempt);
            if is_waiting {
                waiting.push(attempt.event.position);
            }
            !is_waiting
        });
        if !waiting.is_empty() {
            let report = Report::Finished { partition: self.partition, positions: waiting, aside: true };
            self.tell(report);
        }
    }

    /// Whether an event waits behind a parked one, or is one. Delivered again after a crash, the parked event
    /// itself comes too, and those before it, which were handled before it was parked; but a listener that keeps
    /// its own checkpoint has not handled what comes again.
    fn waits(&mut self, attempt: &Attempt) -> bool {
        let (key, event) = (self.key(attempt), &attempt.event);
        let Some(sequence) = self.parked.get_mut(&key) else { return false };
        if event.position < sequence.position && self.listener.keeps_own() {
            return false;
        }
        if sequence.position < event.position {
            sequence.waiting += 1;
            sequence.unreadable |= !self.listener.is_readable(event);
            self.uncounted.insert(key);
        }
        true
    }

    /// The sequence for which an event is handed out.
    fn key(&self, attempt: &Attempt) -> String {
        attempt.key.as_deref().map_or_else(|| self.listener.key(&attempt.event), str::to_owned)
    }

    /// Stores how many events wait, where that has changed. Where it fails, the next time will do.
    pub(super) async fn note_waiting(&mut self) {
        let mut later = std::collections::BTreeSet::new();
        while let Some(key) = self.uncounted.pop_first() {
            if let Some(sequence) = self.parked.get(&key)
                && self.try_to_keep(sequence).await.is_err()
            {
                later.insert(key);
            }
        }
        self.uncounted = later;
    }

    /// Stores a parked sequence; tries again until the store can be used, or the worker is to end.
    pub(in crate::listen) async fn keep(&self, sequence: &ParkedSequence) -> Result<(), Told> {
        let mut pause = PAUSE.0;
        loop {
            match self.try_to_keep(sequence).await {
                Ok(()) => return Ok(()),
                Err(AppendError::Unavailable(_) | AppendError::OutcomeUnknown(_)) => {}
                Err(error) => return Err(self.tell(Report::StoreFailed(error.into()))),
            }
            self.rest(pause).await?;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    async fn try_to_keep(&self, sequence: &ParkedSequence) -> Result<(), AppendError> {
        let key = records::parked_key(&self.listener.records(), &sequence.key)?;
        records::save(&*self.store, &key, sequence).await.map(drop)
    }

    /// Tells that what the listener keeps could not be changed.
    pub(in crate::listen) fn tell_failure(&self, error: HandlerError) -> Told {
        self.tell(if error.is_to_begin_anew() { Report::Outdated } else { Report::StoreFailed(error.cause) })
    }

    /// Forgets a parked sequence.
    pub(in crate::listen) async fn forget(&mut self, key: &str) -> Result<(), Told> {
        let mut pause = PAUSE.0;
        let document = records::parked_key(&self.listener.records(), key);
        let document = document.map_err(|error| self.tell(Report::StoreFailed(error.into())))?;
        while let Err(error) = self.store.delete_document(&document).await {
            if !matches!(error, AppendError::Unavailable(_) | AppendError::OutcomeUnknown(_)) {
                return Err(self.tell(Report::StoreFailed(error.into())));
            }
            self.rest(pause).await?;
            pause = (pause * 2).min(PAUSE.1);
        }
        self.parked.remove(key);
        self.parked_by_all.fetch_sub(1, Ordering::Relaxed);
        self.tell_parked();
        Ok(())
    }

    /// Has the checkpoint stored, with everything that this worker has finished; says whether it was.
    pub(in crate::listen) async fn store_checkpoint(&self) -> Result<bool, Told> {
        let (done, stored) = oneshot::channel();
        self.tell(Report::Store { partition: self.partition, done });
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(Told),
            stored = stored => Ok(stored.unwrap_or(false)),
        }
    }
}
