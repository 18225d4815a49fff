//! Storing what was decided, and the answer to the sender.

use std::sync::Arc;

use engine_store::{AppendError, AppendRequest, Appended, BoxError, ContentType, NewEvent};
use engine_types::{
    Aggregate, CurrentRevision, Event, EventMetadata, ExpectedRevision, Position, Revision, StreamName,
};
use uuid::Uuid;

use super::{
    Container, Order, guarded,
    instance::{Condition, Instance, Newest},
};
use crate::{Receipt, SendError, send_error::LoadError};

/// What became of a decision.
pub(super) enum Stored<A: Aggregate> {
    /// It is stored.
    Answered(Receipt<A>),
    /// Another writer came first. The answer to an earlier try may have been lost before that.
    Overtaken { answer_was_lost: bool },
}

/// What became of an append.
enum Outcome {
    /// With the last of these events.
    Written(Appended, Uuid),
    /// The same events stand there already, from an earlier sending of the command or, for all that can be
    /// known, from an earlier try of this one.
    WrittenBefore(Appended),
    Overtaken {
        answer_was_lost: bool,
    },
}

impl<A: Aggregate> Container<A> {
    /// Appends the events where the instance stands, and answers. No events: nothing to append.
    ///
    /// Folds before it appends: events that the domain cannot fold are never stored.
    pub(super) async fn store(
        &self,
        instance: &mut Instance<A>,
        events: Vec<A::Event>,
        order: &Order<'_>,
    ) -> Result<Stored<A>, SendError<A::Rejection>> {
        if events.is_empty() {
            return Ok(Stored::Answered(receipt(instance, events, None, order)));
        }
        let state = instance.after(&events).map_err(SendError::Internal)?;
        match self.append(instance, &events, order).await? {
            Outcome::Written(appended, id) => {
                let revision = end_of(&appended)?;
                instance.advance(state, &events, Newest { revision, id });
                instance.condition = Condition::Loaded;
                if let Some(recent) = &mut instance.recent {
                    recent.insert(order.command_id, revision, self.options.deduplication_window);
                }
                tracing::trace!(stream = %instance.stream, %revision, "appended");
                self.snapshot_if_due(instance);
                Ok(Stored::Answered(receipt(instance, events, appended.position, order)))
            }
            Outcome::WrittenBefore(appended) => {
                // Boxed, because it is rare, and every command would have to carry the room for it.
                let answer = Box::pin(self.answer_written_before(instance, end_of(&appended)?, order)).await;
                // The command took effect, and perhaps by this sending: not the time to say *not written*.
                Ok(Stored::Answered(answer.map_err(|error| unknown(order, Box::new(error)))?))
            }
            Outcome::Overtaken { answer_was_lost } => Ok(Stored::Overtaken { answer_was_lost }),
        }
    }

    /// Appends, and asks again when the answer is lost: the same events at the same place are written once.
    async fn append(
        &self,
        instance: &mut Instance<A>,
        events: &[A::Event],
        order: &Order<'_>,
    ) -> Result<Outcome, SendError<A::Rejection>> {
        let expected = ExpectedRevision::from(instance.revision);
        let mut lost = None;
        for _ in 0..=self.options.conflict_retries {
            let encoded = self.encode(&instance.stream, events, order)?;
            let last_id = encoded.last().map_or_else(Uuid::nil, |event| event.id);
            let request = AppendRequest::to(instance.stream.clone(), expected, encoded);
            // From here on, until the answer is folded in, the store may be ahead of the instance.
            instance.condition = Condition::Stale;
            match (self.store.append(request).await, &lost) {
                (Ok(appended), lost)
                    if appended.deduplicated && (lost.is_none() || order.may_be_repeated) =>
                {
                    return Ok(Outcome::WrittenBefore(appended));
                }
                (Ok(appended), _) => return Ok(Outcome::Written(appended, last_id)),
                (Err(AppendError::Conflict { .. }), lost) => {
                    return Ok(Outcome::Overtaken { answer_was_lost: lost.is_some() });
                }
                (Err(AppendError::OutcomeUnknown(cause)), _) => lost = Some(cause),
                (Err(error), None) => return Err(error.into()),
                (Err(_), Some(_)) => break,
            }
        }
        Err(unknown(order, lost.unwrap_or_else(|| "no attempt was made".into())))
    }

    /// Gives events the form in which they are stored. Ids derive from the command's, so that a second try
    /// writes the same ones.
    fn encode(
        &self,
        stream: &StreamName,
        events: &[A::Event],
        order: &Order<'_>,
    ) -> Result<Vec<NewEvent>, SendError<A::Rejection>> {
        let mut encoded = Vec::with_capacity(events.len());
        for (index, event) in events.iter().enumerate() {
            let event_type = event.event_type();
            let data = guarded("to_json", || event.to_json()).map_err(SendError::Internal)?;
            let data = data.map_err(|error| {
                SendError::Internal(format!("`{}` cannot be written as JSON: {error}", event_type.name))
            })?;
            let metadata = EventMetadata {
                correlation_id: order.correlation_id,
                command_id: order.command_id,
                command: order.command,
                command_causation_id: order.options.causation_id.as_ref(),
                process: order.options.process.as_ref().map(StreamName::as_str),
                schema_version: event_type.version,
                user: &order.options.metadata,
            };
            encoded.push(NewEvent {
                id: order.command_id.event_id(stream.as_str(), index),
                event_type: self.shared_name(event_type.name),
                content_type: ContentType::Json,
                // Without spare room, which a store in memory would keep, and `Bytes` keep an account of.
                data: data.into_boxed_slice().into(),
                metadata: metadata.to_json().into_boxed_slice().into(),
            });
        }
        Ok(encoded)
    }

    /// The name of an event type, as all events of this type share it.
    fn shared_name(&self, event_type: &'static str) -> Arc<str> {
        self.event_types.get(event_type).map_or_else(|| event_type.into(), Arc::clone)
    }

    async fn answer_written_before(
        &self,
        instance: &mut Instance<A>,
        last: Revision,
        order: &Order<'_>,
    ) -> Result<Receipt<A>, LoadError> {
        self.load(instance, false).await?;
        self.answer_at(instance, last, order).await
    }
}

fn unknown<R>(order: &Order<'_>, source: BoxError) -> SendError<R> {
    SendError::OutcomeUnknown { command_id: Some(order.command_id), source }
}

/// Where the instance's stream ends after an append to it.
fn end_of<R>(appended: &Appended) -> Result<Revision, SendError<R>> {
    let end = appended.streams.first().and_then(|stream| stream.revision.revision());
    end.ok_or_else(|| SendError::Internal("the store did not say where it wrote the events".to_owned()))
}

/// The answer to a command that led to these events.
pub(super) fn receipt<A: Aggregate>(
    instance: &Instance<A>,
    events: Vec<A::Event>,
    position: Option<Position>,
    order: &Order<'_>,
) -> Receipt<A> {
    Receipt {
        stream: instance.stream.clone(),
        revision: instance.newest.map_or(CurrentRevision::NoStream, |_| instance.revision),
        position,
        events,
        state: order.options.return_state.then(|| instance.state.clone()),
        command_id: order.command_id,
        correlation_id: order.correlation_id.clone(),
        duplicate: false,
    }
}
