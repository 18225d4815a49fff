//! Loading an instance: from its entries, one after the other.

use engine_store::{ReadError, ReadStream, RecordedEvent};
use engine_types::{CurrentRevision, Metadata, ProcessManager, Revision, event::Decoder};

use uuid::Uuid;

use super::{
    append::entry_id,
    entry::{Entry, Handled, HandledEvent},
    instance::Instance,
    manager::{Manager, Meaning},
};
use crate::{listen::HandlerError, panics::guarded};

impl<P: ProcessManager> Manager<P> {
    /// Makes sure that the instance is loaded.
    pub(super) async fn load(&self, instance: &mut Instance<P>) -> Result<(), HandlerError> {
        if instance.is_loaded {
            return Ok(());
        }
        instance.reset();
        let end = self.end_of(instance).await?;
        if end != CurrentRevision::NoStream {
            self.load_snapshot(instance, end).await;
            self.read_on(instance, end).await?;
        }
        instance.unnoted = instance.timers.keys().cloned().collect();
        instance.stale.clear();
        instance.is_loaded = true;
        Ok(())
    }

    /// Folds in the entries behind the newest known one.
    async fn read_on(&self, instance: &mut Instance<P>, end: CurrentRevision) -> Result<(), HandlerError> {
        let mut from = instance.revision.next();
        loop {
            let request =
                ReadStream::forwards(instance.stream.clone()).from(from).limit(self.options.load_page_events);
            let page = match self.store.read_stream(request).await {
                Ok(page) => page,
                Err(ReadError::StreamNotFound { .. }) => {
                    // A stream that was deleted goes on where it was.
                    instance.revision = end;
                    return Ok(());
                }
                Err(error @ ReadError::Unavailable(_)) => return Err(HandlerError::new(error)),
                Err(error) => return Err(HandlerError::park(error)),
            };
            for recorded in &page.events {
                self.fold_in(instance, recorded)?;
            }
            let Some(next) = page.next else {
                instance.revision = CurrentRevision::At(page.last);
                return Ok(());
            };
            from = next;
        }
    }

    /// Whether the instance has an entry that this led to.
    pub(super) async fn has_entry_of(
        &self,
        instance: &Instance<P>,
        cause: Uuid,
    ) -> Result<bool, HandlerError> {
        let id = entry_id(&instance.stream, cause);
        let mut from = Some(Revision::FIRST);
        while let Some(revision) = from {
            let request = ReadStream::forwards(instance.stream.clone()).from(revision);
            let page = match self.store.read_stream(request.limit(self.options.load_page_events)).await {
                Ok(page) => page,
                Err(ReadError::StreamNotFound { .. }) => return Ok(false),
                Err(error) => return Err(HandlerError::new(error)),
            };
            if page.events.iter().any(|entry| entry.id == id) {
                return Ok(true);
            }
            from = page.next;
        }
        Ok(false)
    }

    async fn end_of(&self, instance: &Instance<P>) -> Result<CurrentRevision, HandlerError> {
        let end = self.store.current_revision(&instance.stream).await;
        end.map_err(|error| match error {
            ReadError::Unavailable(_) => HandlerError::new(error),
            _ => HandlerError::park(error),
        })
    }

    /// Folds in one entry.
    pub(super) fn fold_in(
        &self,
        instance: &mut Instance<P>,
        recorded: &RecordedEvent,
    ) -> Result<(), HandlerError> {
        let at_fault = |fault: String| {
            HandlerError::park(format!(
                "stream `{}` revision {}: {fault}",
                recorded.stream, recorded.revision
            ))
        };
        let entry = Entry::read(recorded).map_err(|fault| at_fault(fault.to_string()))?;
        let revision = recorded.revision;
        instance.revision = CurrentRevision::At(revision);
        instance.newest = Some(recorded.id);
        match entry {
            None => {}
            Some(Entry::Handled(handled)) => {
                self.fold_handled(instance, &handled, revision).map_err(at_fault)?;
            }
            Some(Entry::Refused(refused)) => {
                let command = instance.pending.iter().find(|pending| pending.command.id == refused.command);
                let before = instance.state().cloned().unwrap_or_default();
                let state = match command {
                    None => before,
                    Some(pending) => {
                        let rejected = refused.as_message(&pending.command);
                        guarded("evolve_rejected", || before.evolve_rejected(&rejected)).map_err(at_fault)?
                    }
                };
                instance.note_refused(refused.command, state, &refused.decided, revision);
            }
            Some(Entry::TimerDue(due)) => instance.note_due(&due.name, due.skipped, revision),
            Some(Entry::Stopped(_)) => instance.note_stopped(revision),
        }
        Ok(())
    }

    fn fold_handled(
        &self,
        instance: &mut Instance<P>,
        handled: &Handled,
        revision: Revision,
    ) -> Result<(), String> {
        let before = if handled.begins { None } else { instance.running.take() };
        let (recorded, meaning) = meaning(&handled.event, &self.decoder)?;
        let mut state = before.unwrap_or_default();
        for heard in meaning.heard(&recorded) {
            // Of several events that one means today, an instance has heard those that concern it.
            let concerns = |id: &str| P::route(&heard).calls().iter().any(|call| call.id == id);
            if meaning.events.len() == 1 || guarded("route", || concerns(instance.id()))? {
                state = guarded("evolve", || state.evolve(&heard))?;
            }
        }
        instance.correlation_id = meaning.metadata.correlation_id.clone().or(instance.correlation_id.take());
        instance.note_handled((recorded.position, recorded.id), state, &handled.decided, revision);
        Ok(())
    }
}

/// The event that was handled, and what it means today.
fn meaning<E: engine_types::Event>(
    event: &HandledEvent,
    decoder: &Decoder<E>,
) -> Result<(RecordedEvent, Meaning<E>), String> {
    let data = event.data.get().as_bytes();
    let events = guarded("reading the event", || decoder.decode(&event.event_type, event.version, data))?;
    let events = events.map_err(|fault| fault.to_string())?;
    let metadata: Metadata = event.metadata.clone();
    Ok((event.as_recorded(), Meaning { events, metadata }))
}
