//! Storing what was decided, and the answer to the sender.

use bytes::Bytes;
use engine_store::{AppendRequest, Appended, ContentType, NewEvent};
use engine_types::{Aggregate, CausationId, CurrentRevision, Event, ExpectedRevision, Metadata};

use super::{
    Container, Order, append_failed,
    instance::{Condition, Instance},
};
use crate::{Receipt, SendError};

impl<A: Aggregate> Container<A> {
    /// Appends the events where the instance stands. No events: nothing to append.
    pub(super) async fn append(
        &self,
        instance: &mut Instance<A>,
        events: &[A::Event],
        order: &Order<'_>,
    ) -> Result<Option<Appended>, SendError<A::Rejection>> {
        if events.is_empty() {
            return Ok(None);
        }
        let events = encode(instance, events, order)?;
        let expected = ExpectedRevision::from(instance.revision);
        // From here on, until the answer is folded in, the store may be ahead of the instance.
        instance.condition = Condition::Stale;
        let request = AppendRequest::to(instance.stream.clone(), expected, events);
        self.store.append(request).await.map(Some).map_err(append_failed)
    }

    /// Folds the stored events in and answers.
    pub(super) fn accept(
        &self,
        instance: &mut Instance<A>,
        events: Vec<A::Event>,
        appended: Option<Appended>,
        order: &Order<'_>,
    ) -> Result<Receipt<A>, SendError<A::Rejection>> {
        let position = appended.as_ref().and_then(|appended| appended.position);
        if let Some(revision) = appended.and_then(|appended| appended.streams.first().map(|s| s.revision)) {
            let before = instance.revision;
            instance.evolve(&events, revision).map_err(|fault| {
                SendError::Internal(format!("the command took effect and its events are stored, but {fault}"))
            })?;
            instance.condition = Condition::Loaded;
            if let (Some(recent), Some(last)) = (&mut instance.recent, revision.revision()) {
                let first = last.0.saturating_sub(events.len() as u64 - 1);
                recent.insert(order.command_id, first, last.0, self.options.deduplication_window);
            }
            tracing::trace!(stream = %instance.stream, %before, %revision, "appended");
            self.snapshot_if_due(instance);
        }
        Ok(receipt(instance, events, position, order))
    }
}

/// The answer to a command that led to these events.
pub(super) fn receipt<A: Aggregate>(
    instance: &Instance<A>,
    events: Vec<A::Event>,
    position: Option<engine_types::Position>,
    order: &Order<'_>,
) -> Receipt<A> {
    Receipt {
        stream: instance.stream.clone(),
        revision: if instance.has_events { instance.revision } else { CurrentRevision::NoStream },
        position,
        events,
        state: order.options.return_state.then(|| instance.state.clone()),
        command_id: order.command_id,
        correlation_id: order.correlation_id.clone(),
        duplicate: false,
    }
}

/// Gives events the form in which they are stored. Ids derive from the command's, so that a second try
/// writes the same ones.
fn encode<A: Aggregate>(
    instance: &Instance<A>,
    events: &[A::Event],
    order: &Order<'_>,
) -> Result<Vec<NewEvent>, SendError<A::Rejection>> {
    let current = metadata(order, 1)?;
    events
        .iter()
        .enumerate()
        .map(|(index, event)| {
            let event_type = event.event_type();
            let metadata = match event_type.version {
                1 => current.clone(),
                version => metadata(order, version)?,
            };
            let unwritable = |error| {
                SendError::Internal(format!("`{}` cannot be written as JSON: {error}", event_type.name))
            };
            Ok(NewEvent {
                id: order.command_id.event_id(instance.stream.as_str(), index),
                event_type: event_type.name.into(),
                content_type: ContentType::Json,
                data: event.to_json().map_err(unwritable)?.into(),
                metadata,
            })
        })
        .collect()
}

fn metadata<R>(order: &Order<'_>, version: u32) -> Result<Bytes, SendError<R>> {
    let metadata = Metadata {
        correlation_id: Some(order.correlation_id.clone()),
        causation_id: Some(CausationId::from(order.command_id.0)),
        command_causation_id: order.options.causation_id.clone(),
        schema_version: (version > 1).then_some(version),
        user: order.options.metadata.clone(),
    };
    serde_json::to_vec(&metadata)
        .map(Bytes::from)
        .map_err(|error| SendError::Internal(format!("the metadata cannot be written as JSON: {error}")))
}
