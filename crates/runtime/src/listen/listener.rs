//! What the runner needs of a listener, whatever it is: a handler, a batch handler, a projection.

use std::{any::Any, panic::AssertUnwindSafe};

use async_trait::async_trait;
use engine_store::{Filter, RecordedEvent, filter::Choice};
use engine_types::{Event, event::Decoder};
use futures_util::FutureExt;

use super::handler::{BatchError, BatchHandler, Delivered, EventHandler, HandlerError};

/// Hears events and handles them.
#[async_trait]
pub(crate) trait Listener: Send + Sync + 'static {
    fn name(&self) -> &str;

    /// The events that it can read.
    fn filter(&self) -> Filter;

    /// The sequence of an event. An event that cannot be read belongs to its stream.
    fn key(&self, event: &RecordedEvent) -> String;

    /// Handles events in order; each comes with the number of times that it failed. Never panics.
    async fn handle(&self, events: &[Attempt]) -> Result<(), BatchError>;

    /// Whether [`BatchError::handled`] may be too small, so that the event at fault must be looked for.
    fn guesses(&self) -> bool;

    async fn init(&self) -> Result<(), HandlerError>;

    async fn before_reset(&self) -> Result<(), HandlerError>;
}

/// An event that is handed out.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) event: RecordedEvent,
    /// How often it failed before.
    pub(crate) failures: u32,
}

/// Handles events one by one.
pub(crate) struct OneByOne<H: EventHandler> {
    handler: H,
    decoder: Decoder<H::Event>,
}

/// Handles events in batches.
pub(crate) struct InBatches<H: BatchHandler> {
    handler: H,
    decoder: Decoder<H::Event>,
}

impl<H: EventHandler> OneByOne<H> {
    pub(crate) fn new(handler: H) -> Self {
        OneByOne { handler, decoder: Decoder::default() }
    }
}

impl<H: BatchHandler> InBatches<H> {
    pub(crate) fn new(handler: H) -> Self {
        InBatches { handler, decoder: Decoder::default() }
    }
}

#[async_trait]
impl<H: EventHandler> Listener for OneByOne<H> {
    fn name(&self) -> &str {
        self.handler.name()
    }

    fn filter(&self) -> Filter {
        types_of(&self.decoder)
    }

    fn key(&self, event: &RecordedEvent) -> String {
        key(&self.decoder, event, |delivered| self.handler.key(delivered))
    }

    async fn handle(&self, attempts: &[Attempt]) -> Result<(), BatchError> {
        for (handled, attempt) in attempts.iter().enumerate() {
            // What an old event means today may be several events; they are handled together.
            let events = read(&self.decoder, attempt).map_err(|error| BatchError { handled, error })?;
            for event in &events {
                unpanicked(self.handler.handle(event))
                    .await
                    .map_err(|error| BatchError { handled, error })?;
            }
        }
        Ok(())
    }

    fn guesses(&self) -> bool {
        false
    }

    async fn init(&self) -> Result<(), HandlerError> {
        unpanicked(self.handler.init()).await
    }

    async fn before_reset(&self) -> Result<(), HandlerError> {
        unpanicked(self.handler.before_reset()).await
    }
}

#[async_trait]
impl<H: BatchHandler> Listener for InBatches<H> {
    fn name(&self) -> &str {
        self.handler.name()
    }

    fn filter(&self) -> Filter {
        types_of(&self.decoder)
    }

    fn key(&self, event: &RecordedEvent) -> String {
        key(&self.decoder, event, |delivered| self.handler.key(delivered))
    }

    async fn handle(&self, attempts: &[Attempt]) -> Result<(), BatchError> {
        let mut events = Vec::with_capacity(attempts.len());
        let mut ends = Vec::with_capacity(attempts.len());
        let mut unreadable = None;
        for attempt in attempts {
            match read(&self.decoder, attempt) {
                Ok(today) => events.extend(today),
                Err(error) => {
                    unreadable = Some(error);
                    break;
                }
            }
            ends.push(events.len());
        }
        let outcome = AssertUnwindSafe(self.handler.handle_batch(&events)).catch_unwind().await;
        match (outcome, unreadable) {
            (Ok(Ok(())), None) => Ok(()),
            (Ok(Ok(())), Some(error)) => Err(BatchError { handled: ends.len(), error }),
            (Ok(Err(BatchError { handled, error })), _) => {
                Err(BatchError { handled: ends.partition_point(|end| *end <= handled), error })
            }
            (Err(panic), _) => Err(BatchError { handled: 0, error: panicked(&*panic) }),
        }
    }

    fn guesses(&self) -> bool {
        true
    }

    async fn init(&self) -> Result<(), HandlerError> {
        unpanicked(self.handler.init()).await
    }

    async fn before_reset(&self) -> Result<(), HandlerError> {
        unpanicked(self.handler.before_reset()).await
    }
}

fn types_of<E: Event>(decoder: &Decoder<E>) -> Filter {
    Filter::new(Choice { event_types: decoder.readable_types(), ..Choice::default() })
}

fn read<E: Event>(decoder: &Decoder<E>, attempt: &Attempt) -> Result<Vec<Delivered<E>>, HandlerError> {
    let Attempt { event, failures } = attempt;
    let today =
        decoder.decode(&event.event_type, event.schema_version(), &event.data).map_err(HandlerError::park)?;
    Ok(today.into_iter().map(|today| Delivered::of(today, event, *failures)).collect())
}

fn key<E: Event>(
    decoder: &Decoder<E>,
    event: &RecordedEvent,
    key: impl Fn(&Delivered<E>) -> String,
) -> String {
    let attempt = Attempt { event: event.clone(), failures: 0 };
    let first = read(decoder, &attempt).ok().and_then(|events| events.into_iter().next());
    first
        .and_then(|first| std::panic::catch_unwind(AssertUnwindSafe(|| key(&first))).ok())
        .unwrap_or_else(|| event.stream.to_string())
}

/// Runs a handler's code; a panic becomes an error.
async fn unpanicked(run: impl Future<Output = Result<(), HandlerError>> + Send) -> Result<(), HandlerError> {
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> HandlerError {
    HandlerError::new(format!("the handler panicked: {}", crate::panics::message(panic)))
}
