//! What builds: events page by page into a generation that nobody sees yet.

use std::{collections::HashMap, sync::Arc, time::Duration};

use engine_store::{ReadAll, RecordedEvent, rows::RowError};
use engine_types::Position;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{RebuildProgress, RebuildState};
use crate::{
    listen::{Attempt, HandlerOptions, Handlers, ParkedSequence, read, records},
    read_models::{
        Projection,
        fold::{Fault, fold},
        generation::{Batch, Generation},
        home::{commit, on_generation, unreachable_store, unwritable_store},
        serving::Serving,
    },
};

/// Why a building ended before its end.
enum End {
    Cancelled,
    Failed(String),
}

impl<E: std::error::Error> From<E> for End {
    fn from(error: E) -> Self {
        End::Failed(error.to_string())
    }
}

/// A generation that is being built.
pub(super) struct Builder<P: Projection> {
    serving: Arc<Serving<P>>,
    generation: Arc<Generation<P::Row>>,
    /// The next event to look at.
    next: Position,
    /// Sequences that are put aside because one of their events cannot be projected.
    parked: HashMap<String, ParkedSequence>,
    progress: watch::Sender<RebuildProgress>,
    cancel: CancellationToken,
    started: Instant,
}

impl<P: Projection> Builder<P> {
    /// Builds, switches and tidies up; on any other end removes what was built.
    pub(super) async fn run(
        serving: Arc<Serving<P>>,
        handlers: Handlers,
        progress: watch::Sender<RebuildProgress>,
        cancel: CancellationToken,
    ) {
        let old = serving.number();
        let end = match serving.home.begin::<P>(old + 1).await {
            Ok(generation) => {
                let mut builder = Builder {
                    serving: serving.clone(),
                    generation: Arc::new(generation),
                    next: Position::FIRST,
                    parked: HashMap::new(),
                    progress: progress.clone(),
                    cancel,
                    started: Instant::now(),
                };
                builder.build_and_switch(&handlers).await
            }
            Err(error) => Err(error.into()),
        };
        let shown = serving.number();
        let tidied = if shown == old {
            serving.home.remove::<P>(old + 1).await
        } else {
            serving.home.tidy::<P>(shown).await
        };
        if let Err(fault) = tidied {
            tracing::warn!(projection = P::NAME, %fault, "something is left over, and removed at the next start");
        }
        let state = match end {
            Ok(()) => RebuildState::Done,
            Err(End::Cancelled) => RebuildState::Cancelled,
            Err(End::Failed(fault)) => RebuildState::Failed { fault },
        };
        progress.send_modify(|progress| progress.state = state);
    }

    async fn build_and_switch(&mut self, handlers: &Handlers) -> Result<(), End> {
        while !self.count_page().await? && !self.is_level().await? {}
        // From here on nothing is counted into the old generation, so that the new one is not behind it.
        let switching = handlers.while_resting(P::NAME, async {
            while !self.is_level().await? {
                self.count_page().await?;
            }
            for sequence in self.parked.values().filter(|sequence| sequence.waiting > 0) {
                self.keep(sequence).await?;
            }
            let seen = self.next.previous();
            commit(&self.generation, Batch { position: seen, ..Batch::default() }).await?;
            self.serving.home.make_ready::<P>(&self.generation).await?;
            self.serving.switch_to(self.generation.clone());
            Ok(())
        });
        switching.await?
    }

    /// Whether it has come as far as the generation that is shown.
    async fn is_level(&self) -> Result<bool, End> {
        let shown = on_generation(&self.serving.current()?, Generation::position).await?;
        Ok(self.next.previous() >= shown)
    }

    /// Counts a page of events; says whether it was the last.
    async fn count_page(&mut self) -> Result<bool, End> {
        if self.cancel.is_cancelled() {
            return Err(End::Cancelled);
        }
        let store = self.serving.home.store.clone();
        let request = ReadAll::forwards()
            .from(self.next)
            .limit(self.serving.options.batch_events)
            .filter(self.serving.filter());
        let page = store.read_all(request).await?;
        let head = store.head().await?;
        let count = page.events.len() as u64;
        self.count(page.events).await?;
        self.next = page.next.unwrap_or(self.next);
        self.tell(head, count);
        tokio::task::yield_now().await;
        Ok(page.end)
    }

    /// Counts events; one that cannot be projected is put aside, and its sequence with it.
    async fn count(&mut self, events: Vec<RecordedEvent>) -> Result<(), End> {
        let mut rest: Vec<_> =
            events.into_iter().map(|event| Attempt { event, key: None, read: None, failures: 0 }).collect();
        loop {
            self.let_wait(&mut rest);
            if rest.is_empty() {
                return Ok(());
            }
            let serving = self.serving.clone();
            let counting = move |generation: &Generation<P::Row>| {
                let folded = fold::<P>(generation, &serving.decoder, &rest);
                if folded.position.is_some() {
                    let batch = Batch { rows: folded.rows, position: folded.position, ..Batch::default() };
                    generation.commit(batch)?;
                }
                Ok((rest.split_off(folded.counted), folded.fault))
            };
            let (left, fault) = on_generation(&self.generation, counting).await?;
            rest = left;
            match fault {
                None => {}
                Some(Fault::Rows(error)) => return Err(error.into()),
                Some(Fault::Event(cause)) => self.park(&rest.remove(0), &cause.to_string()).await?,
            }
        }
    }

    /// Takes the events out whose sequence is put aside.
    fn let_wait(&mut self, rest: &mut Vec<Attempt>) {
        if self.parked.is_empty() {
            return;
        }
        rest.retain(|attempt| match self.parked.get_mut(attempt.event.stream.as_str()) {
            Some(sequence) => {
                sequence.waiting += 1;
                false
            }
            None => true,
        });
    }

    async fn park(&mut self, attempt: &Attempt, error: &str) -> Result<(), End> {
        let event = &attempt.event;
        if self.parked.len() >= HandlerOptions::default().parked_keys {
            let position = event.position;
            return Err(End::Failed(format!("too many sequences are parked; position {position}: {error}")));
        }
        let sequence = ParkedSequence {
            key: event.stream.to_string(),
            position: event.position,
            stream: event.stream.clone(),
            revision: event.revision,
            event_type: event.event_type.to_string(),
            error: error.to_owned(),
            attempts: 1,
            parked_at_us: event.created.as_micros(),
            waiting: 0,
            unreadable: read(&self.serving.decoder, event, 0).is_err(),
        };
        self.keep(&sequence).await?;
        self.parked.insert(sequence.key.clone(), sequence);
        Ok(())
    }

    async fn keep(&self, sequence: &ParkedSequence) -> Result<(), RowError> {
        let recorded = records::of_generation(P::NAME, self.generation.number());
        let key = records::parked_key(&recorded, &sequence.key).map_err(unreachable_store)?;
        let store = &*self.serving.home.store;
        records::save(store, &key, sequence).await.map(drop).map_err(unwritable_store)
    }

    fn tell(&self, head: Option<Position>, count: u64) {
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        self.progress.send_modify(|progress| {
            progress.position = self.next.previous();
            progress.head = head;
            progress.events += count;
            progress.events_per_second = rounded(as_f64(progress.events) / seconds);
            let done = progress.position.map_or(0, |position| position.0 + 1);
            let left = head.map_or(0, |head| head.0 + 1).saturating_sub(done);
            let per_position = seconds / as_f64(done.max(1));
            progress.eta = Duration::try_from_secs_f64(per_position * as_f64(left)).unwrap_or_default();
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "for an estimate")]
fn as_f64(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate, which is not negative"
)]
fn rounded(number: f64) -> u64 {
    number.round() as u64
}
