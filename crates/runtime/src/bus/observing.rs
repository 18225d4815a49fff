//! Commands that somebody observes: written down before they are decided, and again when they have their answer.
//!
//! What is written down is heard like any event: in order, at least once, over restarts. Where a process dies between
//! the two, the next one looks whether the command took effect, by its id, and writes down what became of it.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use engine_store::{
    AppendError, AppendRequest, BoxError, Clock, ContentType, Direction, NewEvent, ReadError, ReadFrom,
    ReadStream, RecordedEvent,
};
use engine_types::{
    Aggregate, Command, CommandId, CorrelationId, Decide, EventMetadata, ExpectedRevision, StreamName,
    observed::{OBSERVED, Refusal},
};
use serde_json::{Map, Value, json};

use super::{Bus, Inner};
use crate::{Receipt, SendError, container::Container, middleware::Dispatch};

/// How many of the newest entries are looked through for commands without an answer.
const LOOK_BACK: usize = 1_000;

/// How often an answer is written down again when the store cannot be reached.
const TRIES: u32 = 5;

/// The numbers of what is written down, among what derives from the id of a command.
const DISPATCHED: usize = 0;
const ACCEPTED: usize = 1;
const REFUSED: usize = 2;

impl Bus {
    /// Carries out a command that somebody observes.
    pub(super) async fn execute_observed<C>(
        &self,
        container: &Container<C::Aggregate>,
        command: &C,
        dispatch: &Dispatch<'_>,
        may_be_repeated: bool,
    ) -> Result<Receipt<C::Aggregate>, SendError<<C::Aggregate as Aggregate>::Rejection>>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        let body = serde_json::to_value(command).map_err(|fault| {
            SendError::Internal(format!("`{}` cannot be written as JSON: {fault}", C::NAME))
        })?;
        let note = Note {
            name: C::NAME,
            body,
            id: dispatch.command_id,
            correlation_id: dispatch.correlation_id.clone(),
            process: dispatch.options.process.clone(),
            metadata: dispatch.options.metadata.clone(),
        };
        let dispatched = json!({ "stage": "dispatched", "command": note.body });
        if let Err(error) = self.write_down(&note, DISPATCHED, dispatched).await {
            // It may have been written down all the same, and will not be decided.
            self.inner.observers.has_unanswered();
            return Err(error);
        }
        let result = self.execute(container, command, dispatch, may_be_repeated).await;
        let refusal = |kind: &str, code: String, message: String| {
            Some(Some(Refusal { kind: kind.to_owned(), code, message }))
        };
        let outcome = match &result {
            Ok(_) | Err(SendError::NotYetHandled { .. }) => Some(None),
            Err(SendError::Rejected(rejection)) => {
                let told = crate::erased::Refusal::of(rejection);
                refusal("rejected", told.code, told.message)
            }
            Err(
                error @ (SendError::Invalid(_)
                | SendError::Conflict { .. }
                | SendError::Deleted(_)
                | SendError::TooManyConflicts { .. }),
            ) => refusal(error.kind(), String::new(), error.to_string()),
            // Whether it took effect is not known: looked up later.
            Err(_) => None,
        };
        let is_told = match outcome {
            Some(outcome) => self.tell_observers(&note, outcome).await,
            None => false,
        };
        if !is_told {
            self.inner.observers.has_unanswered();
        }
        result
    }

    /// Writes down what became of a command; says whether that is done.
    async fn tell_observers(&self, note: &Note, refusal: Option<Refusal>) -> bool {
        let (number, data) = match &refusal {
            None => (ACCEPTED, json!({ "stage": "accepted", "command": note.body })),
            Some(refusal) => {
                (REFUSED, json!({ "stage": "refused", "command": note.body, "refusal": refusal }))
            }
        };
        for _ in 0..TRIES {
            match self.write_down::<BoxError>(note, number, data.clone()).await {
                Ok(()) => return true,
                Err(SendError::Unavailable(_) | SendError::OutcomeUnknown { .. }) => {}
                Err(error) => {
                    tracing::warn!(command = note.name, %error, "observers were not told of an answer");
                    return false;
                }
            }
        }
        false
    }

    async fn write_down<R>(&self, note: &Note, number: usize, data: Value) -> Result<(), SendError<R>> {
        let stream = stream_of(note.name).map_err(SendError::Internal)?;
        let metadata = EventMetadata {
            correlation_id: &note.correlation_id,
            command_id: note.id,
            command: note.name,
            command_causation_id: None,
            process: note.process.as_ref().map(StreamName::as_str),
            schema_version: 1,
            user: &note.metadata,
        };
        let event = NewEvent {
            id: note.id.event_id(stream.as_str(), number),
            event_type: note.name.into(),
            content_type: ContentType::Json,
            data: data.to_string().into_bytes().into(),
            metadata: metadata.to_json().into(),
        };
        let request = AppendRequest::to(stream, ExpectedRevision::Any, vec![event]);
        match self.inner.store.append(request).await {
            Ok(_) => Ok(()),
            Err(AppendError::OutcomeUnknown(source)) => {
                // Nothing was decided yet where this is the first note: the sender may send again.
                Err(SendError::OutcomeUnknown { command_id: Some(note.id), source })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Looks up what became of commands whose answers were not written down.
    async fn look_up_unanswered(&self, name: &'static str, before_us: i64) -> Result<(), ReadError> {
        let stream = stream_of(name).map_err(ReadError::Invalid)?;
        let request =
            ReadStream { stream, from: ReadFrom::End, direction: Direction::Backwards, limit: LOOK_BACK };
        let page = match self.inner.store.read_stream(request).await {
            Ok(page) => page,
            Err(ReadError::StreamNotFound { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut answered = std::collections::HashSet::new();
        for event in &page.events {
            let Some((stage, note)) = read(name, event) else { continue };
            if stage != "dispatched" {
                answered.insert(note.id);
                continue;
            }
            if answered.contains(&note.id) {
                continue;
            }
            if event.created.as_micros() <= before_us {
                self.look_up(&note).await;
            } else {
                // Whoever dispatched it may still be at work on it: later.
                self.inner.observers.has_unanswered();
            }
        }
        Ok(())
    }

    async fn look_up(&self, note: &Note) {
        let Some(entry) = self.inner.app.commands.get(note.name) else { return };
        let lost = || Refusal {
            kind: "lost".to_owned(),
            code: String::new(),
            message: "the process ended before the command was decided".to_owned(),
        };
        match entry.took_effect(self, &note.body, note.id).await {
            Ok(took_effect) => {
                self.tell_observers(note, (!took_effect).then(lost)).await;
            }
            Err(error) => {
                tracing::warn!(command = note.name, %error, "what became of a command cannot be looked up");
                self.inner.observers.has_unanswered();
            }
        }
    }
}

/// A command as it is written down.
struct Note {
    name: &'static str,
    body: Value,
    id: CommandId,
    correlation_id: CorrelationId,
    process: Option<StreamName>,
    metadata: Map<String, Value>,
}

fn read(name: &'static str, event: &RecordedEvent) -> Option<(String, Note)> {
    let mut data: Value = serde_json::from_slice(&event.data).ok()?;
    let metadata = event.parsed_metadata();
    let id = metadata.command_id()?;
    let note = Note {
        name,
        body: data["command"].take(),
        id,
        correlation_id: metadata.correlation_id.unwrap_or_else(|| CorrelationId::from(id.0)),
        process: metadata.process.and_then(|stream| StreamName::new(stream).ok()),
        metadata: metadata.user,
    };
    Some((data["stage"].as_str()?.to_owned(), note))
}

fn stream_of(name: &str) -> Result<StreamName, String> {
    StreamName::of_instance(OBSERVED, name)
        .map_err(|fault| format!("command `{name}` cannot be observed: its name {fault}"))
}

/// Which commands are observed, and whether answers are to be looked up.
#[derive(Debug, Default)]
pub(crate) struct Observers {
    names: std::collections::BTreeSet<&'static str>,
    unanswered: tokio::sync::Notify,
}

impl Observers {
    pub(crate) fn of(names: impl IntoIterator<Item = &'static str>) -> Self {
        Observers { names: names.into_iter().collect(), unanswered: tokio::sync::Notify::new() }
    }

    pub(super) fn observe(&self, name: &str) -> bool {
        !self.names.is_empty() && self.names.contains(name)
    }

    fn has_unanswered(&self) {
        self.unanswered.notify_one();
    }
}

/// Looks up answers at the start, and again whenever one is missing, for as long as the bus lives.
pub(crate) fn look_up_answers(inner: &Arc<Inner>, clock: Arc<dyn Clock>) {
    if inner.observers.names.is_empty() {
        return;
    }
    // Whoever dispatched a command may still be at work on it.
    let patience = inner.options.command_timeout.max(Duration::from_millis(500)) * 2;
    inner.observers.has_unanswered();
    let bus = Arc::downgrade(inner);
    tokio::spawn(async move {
        while let Some(observers) = wait(&bus, patience).await {
            let patience_us = i64::try_from(patience.as_micros()).unwrap_or(i64::MAX);
            let before_us = clock.now().as_micros().saturating_sub(patience_us);
            for name in observers.inner.observers.names.iter().copied() {
                if let Err(error) = observers.look_up_unanswered(name, before_us).await {
                    tracing::warn!(command = name, %error, "answers cannot be looked up");
                    observers.inner.observers.has_unanswered();
                }
            }
        }
    });
}

/// Waits until there is something to look up; none where the bus is no more.
async fn wait(bus: &Weak<Inner>, patience: Duration) -> Option<Bus> {
    loop {
        tokio::time::sleep(patience).await;
        let inner = bus.upgrade()?;
        let raised = tokio::time::timeout(Duration::ZERO, inner.observers.unanswered.notified()).await;
        if raised.is_ok() {
            return Some(Bus { inner });
        }
    }
}
