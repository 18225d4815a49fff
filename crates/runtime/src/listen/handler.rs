//! Event handlers: the place for side effects. What a user writes.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use engine_store::{BoxError, RecordedEvent, Timestamp};
use engine_types::{Event, Metadata, Position, Revision, StreamName};
use uuid::Uuid;

use super::{Action, Failure};

/// Listens to events, one at a time, and does something about them in the world outside.
///
/// An event is delivered **at least once**: after a crash, those since the last checkpoint come again. Events of
/// one sequence key come in order. A handler may keep what it likes in its own fields.
#[async_trait]
pub trait EventHandler: Send + Sync + 'static {
    /// The events that it can read; by default it hears all of these types.
    type Event: Event;

    /// Its name, under which its checkpoint is stored. Another name is another handler, from the beginning.
    fn name(&self) -> &str;

    /// Handles one event.
    ///
    /// # Errors
    /// Why the event could not be handled; `?` makes one of any error. What happens then is the policy's, unless
    /// the error says what it wants ([`HandlerError::skip`] and its sisters).
    async fn handle(&self, event: &Delivered<Self::Event>) -> Result<(), HandlerError>;

    /// The sequence that an event belongs to: order is kept within a key, and a parked event holds up its key
    /// only. By default the stream.
    ///
    /// Must give the same key for the same event each time. To change how keys are made, first retry or discard
    /// what is parked: the events behind a parked one are found again by their key. Runs where events are handed
    /// out, so it must be quick; where it panics, or the event cannot be read, the stream is the key.
    fn key(&self, event: &Delivered<Self::Event>) -> String {
        event.stream.to_string()
    }

    /// Decides what happens after a failure, unless the error itself says so; `None` leaves it to the policy.
    fn on_error(&self, failure: &Failure<'_>) -> Option<Action> {
        let _ = failure;
        None
    }

    /// Runs at each start, before anything is read: when the application starts, and when the handler goes on
    /// after a pause, a reset, or a failure of the store.
    ///
    /// # Errors
    /// The handler does not start, and tries again later.
    async fn init(&self) -> Result<(), HandlerError> {
        Ok(())
    }

    /// Runs at each start, when the handler listens, before the first event.
    ///
    /// # Errors
    /// As [`EventHandler::init`].
    async fn started(&self) -> Result<(), HandlerError> {
        Ok(())
    }

    /// Runs before the handler is reset: the place to forget what earlier events led to. Runs again where the
    /// process died before the reset was finished.
    ///
    /// # Errors
    /// The handler is not reset.
    async fn before_reset(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// Listens to events in batches.
#[async_trait]
pub trait BatchHandler: Send + Sync + 'static {
    /// As [`EventHandler::Event`].
    type Event: Event;

    /// As [`EventHandler::name`].
    fn name(&self) -> &str;

    /// Handles events, in order; there is at least one.
    ///
    /// # Errors
    /// As [`EventHandler::handle`]; [`BatchError::handled`] tells how many of the first events are done with.
    /// Where a batch fails for good, its events are handed out one by one to find the one at fault.
    async fn handle_batch(&self, events: &[Delivered<Self::Event>]) -> Result<(), BatchError>;

    /// As [`EventHandler::key`].
    fn key(&self, event: &Delivered<Self::Event>) -> String {
        event.stream.to_string()
    }

    /// As [`EventHandler::on_error`], for the first event that is not done with.
    fn on_error(&self, failure: &Failure<'_>) -> Option<Action> {
        let _ = failure;
        None
    }

    /// As [`EventHandler::init`].
    ///
    /// # Errors
    /// The handler does not start, and tries again later.
    async fn init(&self) -> Result<(), HandlerError> {
        Ok(())
    }

    /// As [`EventHandler::started`].
    ///
    /// # Errors
    /// As [`EventHandler::init`].
    async fn started(&self) -> Result<(), HandlerError> {
        Ok(())
    }

    /// As [`EventHandler::before_reset`].
    ///
    /// # Errors
    /// The handler is not reset.
    async fn before_reset(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// An event on its way to a handler.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered<E> {
    /// The event.
    pub event: E,
    /// Its stream.
    pub stream: StreamName,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its place among all events.
    pub position: Position,
    /// Its identity.
    pub id: Uuid,
    /// What is known about it.
    pub metadata: Metadata,
    /// When it was stored.
    pub created: Timestamp,
    /// How often it was handed out before and failed, in this run.
    pub failures: u32,
}

impl<E> Delivered<E> {
    pub(crate) fn of(event: E, recorded: &RecordedEvent, metadata: Metadata, failures: u32) -> Self {
        Delivered {
            event,
            stream: recorded.stream.clone(),
            revision: recorded.revision,
            position: recorded.position,
            id: recorded.id,
            metadata,
            created: recorded.created,
            failures,
        }
    }
}

/// Why an event could not be handled.
pub struct HandlerError {
    /// The cause.
    pub cause: BoxError,
    /// What the handler wants to be done, where it knows better than the policy.
    pub wants: Option<Action>,
}

impl HandlerError {
    /// A failure that the policy decides about.
    pub fn new(cause: impl Into<BoxError>) -> Self {
        HandlerError { cause: cause.into(), wants: None }
    }

    /// A failure after which the event is to be handed out again after this time, whatever the policy says.
    pub fn retry_after(cause: impl Into<BoxError>, pause: Duration) -> Self {
        HandlerError { cause: cause.into(), wants: Some(Action::Retry(pause)) }
    }

    /// A failure after which the event is to be left unhandled.
    pub fn skip(cause: impl Into<BoxError>) -> Self {
        HandlerError { cause: cause.into(), wants: Some(Action::Skip) }
    }

    /// A failure after which the event is to be parked at once.
    pub fn park(cause: impl Into<BoxError>) -> Self {
        HandlerError { cause: cause.into(), wants: Some(Action::Park) }
    }

    /// A failure after which the handler is to stop.
    pub fn stop(cause: impl Into<BoxError>) -> Self {
        HandlerError { cause: cause.into(), wants: Some(Action::Stop) }
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for HandlerError {
    fn from(cause: E) -> Self {
        HandlerError::new(cause)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HandlerError({}, wants {:?})", self.cause, self.wants)
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(formatter)
    }
}

/// Why a batch could not be handled.
#[derive(Debug)]
pub struct BatchError {
    /// How many of the first events are done with; the next one is at fault, if only one is.
    pub handled: usize,
    /// Why the rest is not.
    pub error: HandlerError,
}

impl<E: Into<HandlerError>> From<E> for BatchError {
    /// Nothing of the batch is done with.
    fn from(error: E) -> Self {
        BatchError { handled: 0, error: error.into() }
    }
}
