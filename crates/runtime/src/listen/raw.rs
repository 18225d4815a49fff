//! Handlers of raw events: of any type, as they are stored, whatever the application knows of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use async_trait::async_trait;
use engine_store::{Filter, RecordedEvent};

use super::{
    Action, Failure,
    handler::{BatchError, HandlerError},
    listener::{Attempt, Listener, unpanicked},
};

/// Listens to events as they are stored, of **any type**: for what needs no types of the domain, such as an audit log, a
/// copy in another system, or a search index.
///
/// It hears every event of the domain, of every application that writes to the store, now and to come; a
/// [`filter`](super::HandlerOptions::filter) narrows that, and [`Filter::everything`] lets the system's own events
/// pass too. Nothing is read for it: the data may be no JSON, and an old event comes as it was written once. All else is
/// as with an [`EventHandler`](super::EventHandler). Commands are not observed on its behalf.
#[async_trait]
pub trait RawHandler: Send + Sync + 'static {
    /// As [`EventHandler::name`](super::EventHandler::name).
    fn name(&self) -> &str;

    /// Handles one event.
    ///
    /// # Errors
    /// As [`EventHandler::handle`](super::EventHandler::handle).
    async fn handle(&self, event: &RecordedEvent) -> Result<(), HandlerError>;

    /// As [`EventHandler::key`](super::EventHandler::key).
    fn key(&self, event: &RecordedEvent) -> String {
        event.stream.to_string()
    }

    /// As [`EventHandler::on_error`](super::EventHandler::on_error).
    fn on_error(&self, failure: &Failure<'_>) -> Option<Action> {
        let _ = failure;
        None
    }

    /// As [`EventHandler::init`](super::EventHandler::init).
    ///
    /// # Errors
    /// The handler does not start, and tries again later.
    async fn init(&self) -> Result<(), HandlerError> {
        Ok(())
    }

    /// As [`EventHandler::started`](super::EventHandler::started).
    ///
    /// # Errors
    /// As [`RawHandler::init`].
    async fn started(&self) -> Result<(), HandlerError> {
        Ok(())
    }

    /// As [`EventHandler::before_reset`](super::EventHandler::before_reset).
    ///
    /// # Errors
    /// The handler is not reset.
    async fn before_reset(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}

/// Handles events as they are stored.
pub(crate) struct AsStored<H>(pub(crate) H);

#[async_trait]
impl<H: RawHandler> Listener for AsStored<H> {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn filter(&self) -> Filter {
        Filter::domain()
    }

    fn key(&self, event: &RecordedEvent) -> String {
        catch_unwind(AssertUnwindSafe(|| self.0.key(event))).unwrap_or_else(|_| event.stream.to_string())
    }

    async fn handle(&self, attempts: &[Attempt]) -> Result<(), BatchError> {
        for (handled, attempt) in attempts.iter().enumerate() {
            let handling = unpanicked(self.0.handle(&attempt.event)).await;
            handling.map_err(|error| BatchError { handled, error })?;
        }
        Ok(())
    }

    fn guesses(&self) -> bool {
        false
    }

    fn on_error(&self, failure: &Failure<'_>) -> Option<Action> {
        catch_unwind(AssertUnwindSafe(|| self.0.on_error(failure))).unwrap_or_default()
    }

    async fn init(&self) -> Result<(), HandlerError> {
        unpanicked(self.0.init()).await
    }

    async fn started(&self) -> Result<(), HandlerError> {
        unpanicked(self.0.started()).await
    }

    async fn before_reset(&self) -> Result<(), HandlerError> {
        unpanicked(self.0.before_reset()).await
    }
}
