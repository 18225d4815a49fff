//! What the runner needs of a listener, whatever it is: a handler, a batch handler, a projection.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use async_trait::async_trait;
use engine_store::{Filter, RecordedEvent, filter::Choice};
use engine_types::{Event, Position, event::Decoder};
use futures_util::FutureExt;

use super::{
    Action, Failure,
    handler::{BatchError, BatchHandler, Delivered, EventHandler, HandlerError},
};

/// Hears events and handles them.
#[async_trait]
pub(crate) trait Listener: Send + Sync + 'static {
    fn name(&self) -> &str;

    /// The events that it can read.
    fn filter(&self) -> Filter;

    /// The sequence of an event. An event that cannot be read belongs to its stream.
    fn key(&self, event: &RecordedEvent) -> String;

    /// The sequences of an event that may belong to several, or to none; absent where each belongs to the one of its
    /// [`key`](Listener::key). In each the event is handled, retried and parked for itself.
    fn sequences(&self, event: &RecordedEvent) -> Option<Sequences> {
        let _ = event;
        None
    }

    /// Whether an event belongs to a sequence.
    fn belongs(&self, event: &RecordedEvent, key: &str) -> bool {
        match self.sequences(event) {
            None => self.key(event) == key,
            Some(Sequences { keys, .. }) => keys.iter().any(|other| other == key),
        }
    }

    /// Whether the event can be read, so that it has its own key.
    fn is_readable(&self, event: &RecordedEvent) -> bool {
        let _ = event;
        true
    }

    /// Handles events in order; each comes with the number of times that it failed. Never panics.
    async fn handle(&self, events: &[Attempt]) -> Result<(), BatchError>;

    /// Whether [`BatchError::handled`] may be too small, so that the event at fault must be looked for.
    fn guesses(&self) -> bool;

    /// What is to be done about a failure; none leaves it to the policy. Never panics.
    fn on_error(&self, failure: &Failure<'_>) -> Option<Action> {
        let _ = failure;
        None
    }

    async fn init(&self) -> Result<(), HandlerError>;

    async fn started(&self) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn before_reset(&self) -> Result<(), HandlerError>;

    /// Why it cannot be reset at all, and what to do instead.
    fn cannot_be_reset(&self) -> Option<String> {
        None
    }

    /// Whether it keeps its checkpoint with its own data, which belong to this process alone. The runner then
    /// keeps none. It has one partition, and hears every event behind its checkpoint once, but for late ones.
    fn keeps_own(&self) -> bool {
        false
    }

    /// Its own checkpoint: everything up to here is done with.
    async fn own_checkpoint(&self) -> Result<Option<Position>, HandlerError> {
        Ok(None)
    }

    /// Moves its own checkpoint.
    async fn keep(&self, position: Position) -> Result<(), HandlerError> {
        let _ = position;
        Ok(())
    }

    /// The name under which its parked sequences are recorded.
    fn records(&self) -> String {
        self.name().to_owned()
    }

    /// Handles an event of a parked sequence, which others have overtaken.
    async fn handle_late(&self, attempt: &Attempt) -> Result<(), BatchError> {
        self.handle(std::slice::from_ref(attempt)).await
    }

    /// Makes what was handled late last, before it is forgotten that it was parked.
    async fn secure(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// The sequences of an event that may belong to several.
pub(crate) struct Sequences {
    pub(crate) keys: Vec<String>,
    /// What was read of the event to tell them.
    pub(crate) read: Option<Reading>,
}

/// What a listener has read of an event, kept so that it need not be read again.
pub(crate) type Reading = Arc<dyn Any + Send + Sync>;

/// An event on its way to the worker of one of its sequences.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    pub(crate) event: RecordedEvent,
    /// The sequence, where the event may belong to several.
    pub(crate) key: Option<Box<str>>,
    pub(crate) read: Option<Reading>,
}

/// An event that is handed out.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) event: RecordedEvent,
    /// The sequence for which it is handed out, where the event may belong to several.
    pub(crate) key: Option<Box<str>>,
    /// What was read of it before, if anything was.
    pub(crate) read: Option<Reading>,
    /// How often it failed before.
    pub(crate) failures: u32,
}

impl Attempt {
    /// The first.
    pub(crate) fn first(delivery: Delivery) -> Self {
        let Delivery { event, key, read } = delivery;
        Attempt { event, key, read, failures: 0 }
    }
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

    fn is_readable(&self, event: &RecordedEvent) -> bool {
        read(&self.decoder, event, 0).is_ok()
    }

    async fn handle(&self, attempts: &[Attempt]) -> Result<(), BatchError> {
        for (handled, attempt) in attempts.iter().enumerate() {
            // What an old event means today may be several events; they are handled together.
            let events = read(&self.decoder, &attempt.event, attempt.failures)
                .map_err(|error| BatchError { handled, error })?;
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

    fn on_error(&self, failure: &Failure<'_>) -> Option<Action> {
        catch_unwind(AssertUnwindSafe(|| self.handler.on_error(failure))).unwrap_or_default()
    }

    async fn init(&self) -> Result<(), HandlerError> {
        unpanicked(self.handler.init()).await
    }

    async fn started(&self) -> Result<(), HandlerError> {
        unpanicked(self.handler.started()).await
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

    fn is_readable(&self, event: &RecordedEvent) -> bool {
        read(&self.decoder, event, 0).is_ok()
    }

    async fn handle(&self, attempts: &[Attempt]) -> Result<(), BatchError> {
        let mut events = Vec::with_capacity(attempts.len());
        let mut ends = Vec::with_capacity(attempts.len());
        let mut unreadable = None;
        for attempt in attempts {
            match read(&self.decoder, &attempt.event, attempt.failures) {
                Ok(today) => events.extend(today),
                Err(error) => {
                    unreadable = Some(error);
                    break;
                }
            }
            ends.push(events.len());
        }
        let outcome = if events.is_empty() {
            Ok(Ok(()))
        } else {
            AssertUnwindSafe(self.handler.handle_batch(&events)).catch_unwind().await
        };
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

    fn on_error(&self, failure: &Failure<'_>) -> Option<Action> {
        catch_unwind(AssertUnwindSafe(|| self.handler.on_error(failure))).unwrap_or_default()
    }

    async fn init(&self) -> Result<(), HandlerError> {
        unpanicked(self.handler.init()).await
    }

    async fn started(&self) -> Result<(), HandlerError> {
        unpanicked(self.handler.started()).await
    }

    async fn before_reset(&self) -> Result<(), HandlerError> {
        unpanicked(self.handler.before_reset()).await
    }
}

/// The events that a decoder can read.
pub(crate) fn types_of<E: Event>(decoder: &Decoder<E>) -> Filter {
    Filter::new(Choice { event_types: decoder.readable_types(), ..Choice::default() })
}

/// What an event means today. Upcasters are a user's code and may panic.
pub(crate) fn read<E: Event>(
    decoder: &Decoder<E>,
    event: &RecordedEvent,
    failures: u32,
) -> Result<Vec<Delivered<E>>, HandlerError> {
    let mut metadata = event.parsed_metadata();
    let version = metadata.schema_version.unwrap_or(1);
    let decode = || decoder.decode(&event.event_type, version, &event.data);
    let today = catch_unwind(AssertUnwindSafe(decode))
        .map_err(|panic| {
            HandlerError::park(format!("reading the event panicked: {}", crate::panics::message(&*panic)))
        })?
        .map_err(HandlerError::park)?;
    let last = today.len().saturating_sub(1);
    let delivered = today.into_iter().enumerate().map(|(number, today)| {
        let metadata = if number == last { std::mem::take(&mut metadata) } else { metadata.clone() };
        Delivered::of(today, event, metadata, failures)
    });
    Ok(delivered.collect())
}

fn key<E: Event>(
    decoder: &Decoder<E>,
    event: &RecordedEvent,
    key: impl Fn(&Delivered<E>) -> String,
) -> String {
    let first = read(decoder, event, 0).ok().and_then(|events| events.into_iter().next());
    first
        .and_then(|first| catch_unwind(AssertUnwindSafe(|| key(&first))).ok())
        .unwrap_or_else(|| event.stream.to_string())
}

/// Runs a handler's code; a panic becomes an error.
pub(super) async fn unpanicked(
    run: impl Future<Output = Result<(), HandlerError>> + Send,
) -> Result<(), HandlerError> {
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> HandlerError {
    HandlerError::new(format!("the handler panicked: {}", crate::panics::message(panic)))
}
