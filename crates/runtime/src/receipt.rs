//! The answer to a command that was accepted.

use engine_types::{Aggregate, CommandId, CorrelationId, CurrentRevision, Event, Position, StreamName};
use serde::Serialize;
use serde_json::Value;

/// What a command led to.
#[derive(Debug, Clone)]
pub struct Receipt<A: Aggregate> {
    /// The stream of the instance.
    pub stream: StreamName,
    /// The revision of the last of the events; where there are none, that of the instance.
    pub revision: CurrentRevision,
    /// The position of the last of the events; absent when there are none. A reader that has come this far
    /// has seen them all.
    pub position: Option<Position>,
    /// The events, in order. A repeated command gives those that can still be read.
    pub events: Vec<A::Event>,
    /// The state after the events, where it was asked for. A repeated command gives the state of today.
    pub state: Option<A>,
    /// The command's identity.
    pub command_id: CommandId,
    /// What the chain of causes is called.
    pub correlation_id: CorrelationId,
    /// Whether this is the first answer again: the events had been stored for the same command id before. False
    /// only where this very sending stored them.
    pub duplicate: bool,
}

/// A receipt as JSON, for callers that know the domain only by name.
#[derive(Debug, Clone, Serialize)]
pub struct JsonReceipt {
    /// The stream of the instance.
    pub stream: StreamName,
    /// Where the instance is now; absent when it has no events.
    #[serde(serialize_with = "revision")]
    pub revision: CurrentRevision,
    /// The position of the last of the events; absent when there are none.
    pub position: Option<Position>,
    /// The events, in order.
    pub events: Vec<JsonEvent>,
    /// The state after the events, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<Value>,
    /// The command's identity.
    pub command_id: CommandId,
    /// What the chain of causes is called.
    pub correlation_id: CorrelationId,
    /// Whether this is the first answer again.
    pub duplicate: bool,
}

/// An event as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JsonEvent {
    /// Its name on disk.
    #[serde(rename = "type")]
    pub event_type: &'static str,
    /// What it states.
    pub data: Value,
}

impl JsonEvent {
    pub(crate) fn of<E: Event>(event: &E) -> Result<Self, serde_json::Error> {
        let data = serde_json::from_slice(&event.to_json()?)?;
        Ok(JsonEvent { event_type: event.event_type().name, data })
    }
}

impl<A: Aggregate> Receipt<A> {
    /// The same receipt as JSON.
    ///
    /// # Errors
    /// A state or an event that JSON cannot hold.
    pub fn to_json(&self) -> Result<JsonReceipt, serde_json::Error> {
        Ok(JsonReceipt {
            stream: self.stream.clone(),
            revision: self.revision,
            position: self.position,
            events: self.events.iter().map(JsonEvent::of).collect::<Result<_, _>>()?,
            state: self.state.as_ref().map(serde_json::to_value).transpose()?,
            command_id: self.command_id,
            correlation_id: self.correlation_id.clone(),
            duplicate: self.duplicate,
        })
    }
}

fn revision<S: serde::Serializer>(current: &CurrentRevision, serializer: S) -> Result<S::Ok, S::Error> {
    current.revision().serialize(serializer)
}
