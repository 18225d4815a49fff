//! A projection as a listener: what the runner hands out is folded and stored, with its position.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_store::{Filter, RecordedEvent, rows::RowError};
use engine_types::Position;

use super::{
    Projection,
    fold::{Fault, fold, fold_late},
    generation::{Batch, Generation},
    home::{blocking, commit, on_generation},
    serving::Serving,
};
use crate::listen::{Attempt, BatchError, HandlerError, Listener, OwnCheckpoint, read, records, types_of};

/// How long the runner waits before it tries again when rows cannot be written.
const PAUSE: Duration = Duration::from_secs(1);

/// How often events are folded anew at most because another process was faster. It has made progress each time.
const OVERTAKEN: u32 = 10;

/// Hears for a projection.
pub(super) struct ProjectionListener<P: Projection>(pub(super) Arc<Serving<P>>);

#[async_trait]
impl<P: Projection> Listener for ProjectionListener<P> {
    fn name(&self) -> &str {
        P::NAME
    }

    fn filter(&self) -> Filter {
        types_of(&self.0.decoder)
    }

    fn is_readable(&self, event: &RecordedEvent) -> bool {
        read(&self.0.decoder, event, 0).is_ok()
    }

    fn key(&self, event: &RecordedEvent) -> String {
        event.stream.to_string()
    }

    async fn handle(&self, events: &[Attempt]) -> Result<(), BatchError> {
        let generation = match self.0.current() {
            Ok(generation) => generation,
            Err(error) => return Err(BatchError { handled: 0, error: rows_failed(error) }),
        };
        let outcome = if generation.may_wait() {
            let (serving, generation, events) = (self.0.clone(), generation.clone(), events.to_vec());
            let counting = blocking(move || Ok(count(&serving, &generation, &events))).await;
            counting.unwrap_or_else(|error| Err(BatchError { handled: 0, error: rows_failed(error) }))
        } else {
            count(&self.0, &generation, events)
        };
        self.0.save_now_and_then(&generation, events.len());
        outcome
    }

    fn guesses(&self) -> bool {
        false
    }

    async fn init(&self) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn before_reset(&self) -> Result<(), HandlerError> {
        self.cannot_be_reset().map_or(Ok(()), |advice| Err(HandlerError::new(advice)))
    }

    fn cannot_be_reset(&self) -> Option<String> {
        Some(format!("`{0}` is a read model: build it anew with `projections rebuild {0}`", P::NAME))
    }

    fn records(&self) -> String {
        records::of_generation(P::NAME, self.0.number())
    }

    fn keeps_own(&self) -> bool {
        true
    }

    async fn own_checkpoint(&self) -> Result<OwnCheckpoint, HandlerError> {
        let begun = match on_generation(&self.0.open().await?, Generation::begin).await {
            Err(RowError::Outdated) => on_generation(&self.0.follow().await?, Generation::begin).await,
            begun => begun,
        };
        let (position, aside) = begun?;
        Ok(OwnCheckpoint { position, aside })
    }

    async fn put_aside(&self, sequence: &str, position: Position) -> Result<(), HandlerError> {
        if self.0.home.place.is_shared() {
            let aside = Some((sequence.to_owned(), position));
            commit(&self.0.current()?, Batch { aside, ..Batch::default() }).await.map_err(rows_failed)?;
        }
        Ok(())
    }

    async fn take_back(&self, sequence: &str, through: Position) -> Result<Option<Position>, HandlerError> {
        if !self.0.home.place.is_shared() {
            return Ok(None);
        }
        let sequence = sequence.to_owned();
        let taking = move |generation: &Generation<P::Row>| loop {
            generation.refresh();
            let further = generation.position()?.filter(|position| *position > through);
            if further.is_some() {
                return Ok(further);
            }
            let (position, forget) = (Some(through), vec![sequence.clone()]);
            match generation.commit(Batch { position, forget, ..Batch::default() }) {
                Err(RowError::Overtaken) => {}
                stored => return stored.map(|()| None),
            }
        };
        on_generation(&self.0.current()?, taking).await.map_err(rows_failed)
    }

    async fn keep(&self, position: Position) -> Result<(), HandlerError> {
        let generation = self.0.current()?;
        commit(&generation, Batch { position: Some(position), ..Batch::default() }).await.map_err(rows_failed)
    }

    async fn handle_late(&self, attempt: &Attempt) -> Result<(), BatchError> {
        let (serving, attempt) = (self.0.clone(), attempt.clone());
        let counted = async {
            let work = move |generation: &Generation<P::Row>| Ok(count_late(&serving, generation, &attempt));
            on_generation(&self.0.current()?, work).await
        };
        let counted = counted.await.unwrap_or_else(|error| Err(rows_failed(error)));
        counted.map_err(|error| BatchError { handled: 0, error })
    }

    async fn secure(&self) -> Result<(), HandlerError> {
        Ok(self.0.home.secure::<P>(&self.0.current()?).await?)
    }
}

/// Counts events, as far as possible; the rows and the position are stored together.
pub(super) fn count<P: Projection>(
    serving: &Serving<P>,
    generation: &Generation<P::Row>,
    events: &[Attempt],
) -> Result<(), BatchError> {
    let rows_failed = |error| BatchError { handled: 0, error: rows_failed(error) };
    let mut tries = 0;
    loop {
        generation.refresh();
        let folded = fold::<P>(generation, &serving.decoder, events);
        let is_counted =
            folded.rows.is_empty() && generation.position().map_err(rows_failed)? >= folded.position;
        if !is_counted {
            let (basis, position) = (folded.basis, folded.position);
            let batch = Batch { rows: folded.rows, basis, position, ..Batch::default() };
            match generation.commit(batch) {
                // Another process was faster: what it has counted is passed over the next time.
                Err(RowError::Overtaken) if tries < OVERTAKEN => {
                    tries += 1;
                    continue;
                }
                stored => stored.map_err(rows_failed)?,
            }
        }
        return match folded.fault {
            None => Ok(()),
            Some(fault) => Err(BatchError { handled: folded.counted, error: failed(fault) }),
        };
    }
}

/// Counts an event that was put aside, and notes that it is counted.
fn count_late<P: Projection>(
    serving: &Serving<P>,
    generation: &Generation<P::Row>,
    attempt: &Attempt,
) -> Result<(), HandlerError> {
    let mut tries = 0;
    loop {
        generation.refresh();
        let folded = fold_late::<P>(generation, &serving.decoder, attempt).map_err(failed)?;
        let Some((rows, basis)) = folded else { return Ok(()) };
        let late = Some((attempt.event.stream.to_string(), attempt.event.position));
        match generation.commit(Batch { rows, basis: Some(basis), late, ..Batch::default() }) {
            // Others go on meanwhile.
            Err(RowError::Overtaken) if tries < OVERTAKEN => tries += 1,
            stored => return stored.map_err(rows_failed),
        }
    }
}

fn failed(fault: Fault) -> HandlerError {
    match fault {
        Fault::Event(cause) => HandlerError::new(cause),
        Fault::Rows(error) => rows_failed(error),
    }
}

/// No event is at fault where rows cannot be read or written.
fn rows_failed(error: RowError) -> HandlerError {
    match error {
        RowError::Damaged(_) => HandlerError::stop(error),
        RowError::Outdated => HandlerError::begin_anew(error),
        error => HandlerError::retry_after(error, PAUSE),
    }
}

impl<P: Projection> Serving<P> {
    /// Saves rows that are in memory after enough events, beside the work, one saving at a time.
    fn save_now_and_then(self: &Arc<Self>, generation: &Arc<Generation<P::Row>>, events: usize) {
        if generation.may_wait() {
            return;
        }
        let mut unsaved = self.unsaved.lock();
        *unsaved += events as u64;
        let mut saving = self.saving.lock();
        if *unsaved < self.options.snapshot_every.max(1)
            || saving.as_ref().is_some_and(|task| !task.is_finished())
        {
            return;
        }
        *unsaved = 0;
        let (serving, generation) = (self.clone(), generation.clone());
        *saving = Some(tokio::spawn(async move {
            if let Err(fault) = serving.home.save::<P>(&generation).await {
                tracing::warn!(projection = P::NAME, %fault, "the rows were not saved");
            }
        }));
    }
}
