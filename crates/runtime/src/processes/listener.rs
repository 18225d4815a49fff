//! A process manager as a listener: one sequence for each instance.

use std::{collections::BTreeMap, panic::AssertUnwindSafe, sync::Arc};

use async_trait::async_trait;
use engine_store::{Filter, RecordedEvent};
use engine_types::ProcessManager;
use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};

use super::manager::{Heeded, Manager};
use crate::listen::{Attempt, BatchError, HandlerError, Listener, Sequences, types_of};

pub(super) struct ProcessListener<P: ProcessManager> {
    pub(super) manager: Arc<Manager<P>>,
}

impl<P: ProcessManager> ProcessListener<P> {
    /// What an event means, and whom it concerns.
    fn read(&self, event: &RecordedEvent) -> Result<Heeded<P::Event>, HandlerError> {
        let meaning = self.manager.read(event)?;
        let calls = Manager::<P>::calls(event, &meaning)?;
        Ok(Heeded { meaning, calls })
    }

    /// Handles an event for the instance that it was handed out for. An event that could not be read when it was
    /// handed out was handed out for its stream: now it is handled for all its instances.
    async fn handle_one(&self, attempt: &Attempt, late: bool) -> Result<(), HandlerError> {
        let event = &attempt.event;
        let before = attempt.read.as_ref().and_then(|read| read.downcast_ref::<Heeded<P::Event>>());
        let now = if before.is_none() { Some(self.read(event)?) } else { None };
        let Some(heeded) = before.or(now.as_ref()) else { return Ok(()) };
        let key = attempt.key.as_deref().unwrap_or_default();
        if heeded.calls.iter().any(|(call, _)| call.id == key) {
            return self.manager.handle(event, heeded, key, late).await;
        }
        if key == event.stream.as_str() {
            for id in heeded.instances() {
                self.manager.handle(event, heeded, &id, true).await?;
            }
        }
        Ok(())
    }

    async fn handle_guarded(&self, attempt: &Attempt, late: bool) -> Result<(), HandlerError> {
        let handling = AssertUnwindSafe(self.handle_one(attempt, late)).catch_unwind();
        handling.await.unwrap_or_else(|panic| {
            let message = crate::panics::message(&*panic);
            Err(HandlerError::park(format!("the process manager panicked: {message}")))
        })
    }
}

#[async_trait]
impl<P: ProcessManager> Listener for ProcessListener<P> {
    fn name(&self) -> &str {
        P::NAME
    }

    fn filter(&self) -> Filter {
        types_of(&self.manager.decoder)
    }

    fn key(&self, event: &RecordedEvent) -> String {
        event.stream.to_string()
    }

    /// The instances that an event concerns; its stream where that cannot be told.
    fn sequences(&self, event: &RecordedEvent) -> Option<Sequences> {
        let Ok(heeded) = self.read(event) else {
            return Some(Sequences { keys: vec![event.stream.to_string()], read: None });
        };
        Some(Sequences { keys: heeded.instances(), read: Some(Arc::new(heeded)) })
    }

    fn is_readable(&self, event: &RecordedEvent) -> bool {
        self.read(event).is_ok()
    }

    /// Handles the events of different instances at the same time, those of one instance in their order.
    async fn handle(&self, attempts: &[Attempt]) -> Result<(), BatchError> {
        let mut sequences: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (number, attempt) in attempts.iter().enumerate() {
            sequences.entry(attempt.key.as_deref().unwrap_or_default()).or_default().push(number);
        }
        let run = |numbers: Vec<usize>| async move {
            for number in numbers {
                self.handle_guarded(&attempts[number], false).await.map_err(|error| (number, error))?;
            }
            Ok(())
        };
        let mut running: FuturesUnordered<_> = sequences.into_values().map(run).collect();
        let mut first: Option<(usize, HandlerError)> = None;
        while let Some(ended) = running.next().await {
            // What stands before the first failure is done with; what others have done behind it is known again.
            if let Err((number, error)) = ended
                && first.as_ref().is_none_or(|(first, _)| number < *first)
            {
                first = Some((number, error));
            }
        }
        match first {
            None => Ok(()),
            Some((handled, error)) => Err(BatchError { handled, error }),
        }
    }

    async fn handle_late(&self, attempt: &Attempt) -> Result<(), BatchError> {
        Ok(self.handle_guarded(attempt, false).await?)
    }

    fn guesses(&self) -> bool {
        false
    }

    async fn init(&self) -> Result<(), HandlerError> {
        Ok(())
    }

    async fn before_reset(&self) -> Result<(), HandlerError> {
        Ok(())
    }
}
