//! What the API says, as types of its own: what happens inside may change without them.

use base64::{Engine, prelude::BASE64_STANDARD};
use engine_runtime::{JsonEvent, JsonReceipt};
use engine_store::{ContentType, RecordedEvent};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use utoipa::ToSchema;

/// An event as it is stored.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "as they are called everywhere")]
pub(crate) struct Event {
    /// Its stream.
    pub(crate) stream: String,
    /// Its place in the stream, from 0.
    pub(crate) revision: u64,
    /// Its place among all events.
    pub(crate) position: u64,
    /// Its identity.
    pub(crate) id: String,
    /// Its name on disk.
    #[serde(rename = "type")]
    pub(crate) event_type: String,
    /// What it states: JSON, or base64 text where `content_type` is not JSON. Null where the caller may not see it.
    #[schema(value_type = serde_json::Value)]
    pub(crate) data: Option<Box<RawValue>>,
    /// What is known about it. Null where the caller may not see it, or there is nothing.
    #[schema(value_type = serde_json::Value)]
    pub(crate) metadata: Option<Box<RawValue>>,
    /// What `data` is: `application/json` or `application/octet-stream`.
    pub(crate) content_type: &'static str,
    /// When the store accepted it, in UTC.
    pub(crate) created: String,
    /// Whether data and metadata are kept from the caller.
    pub(crate) hidden: bool,
}

impl Event {
    /// The event, as somebody sees it who sees data, or does not.
    pub(crate) fn of(event: &RecordedEvent, sees_payloads: bool) -> Self {
        let data = sees_payloads.then(|| json_or_base64(&event.data));
        let content_type = match (&data, event.content_type) {
            (None, ContentType::Json) | (Some((_, true)), _) => "application/json",
            _ => "application/octet-stream",
        };
        let has_metadata = sees_payloads && !event.metadata.is_empty();
        Event {
            stream: event.stream.to_string(),
            revision: event.revision.0,
            position: event.position.0,
            id: event.id.to_string(),
            event_type: event.event_type.to_string(),
            data: data.map(|(data, _)| data),
            metadata: has_metadata.then(|| json_or_base64(&event.metadata).0),
            content_type,
            created: event.created.to_string(),
            hidden: !sees_payloads,
        }
    }
}

/// JSON as it is, byte for byte, or else base64 text; says whether it is JSON.
fn json_or_base64(bytes: &[u8]) -> (Box<RawValue>, bool) {
    if let Ok(json) = serde_json::from_slice(bytes) {
        return (json, true);
    }
    let text = format!("\"{}\"", BASE64_STANDARD.encode(bytes));
    (RawValue::from_string(text).unwrap_or_default(), false)
}

/// An event that a command led to, or would lead to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DecidedEvent {
    /// Its name on disk.
    #[serde(rename = "type")]
    pub(crate) event_type: &'static str,
    /// What it states.
    #[schema(value_type = serde_json::Value)]
    pub(crate) data: Value,
}

impl From<JsonEvent> for DecidedEvent {
    fn from(event: JsonEvent) -> Self {
        DecidedEvent { event_type: event.event_type, data: event.data }
    }
}

/// The answer to a command that was accepted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Receipt {
    /// The stream of the instance.
    pub(crate) stream: String,
    /// Where the instance is now; null when it has no events.
    pub(crate) revision: Option<u64>,
    /// The position of the last of the events; null when there are none, and after a dry run.
    pub(crate) position: Option<u64>,
    /// The events, in order.
    pub(crate) events: Vec<DecidedEvent>,
    /// The command's identity.
    pub(crate) command_id: String,
    /// What the whole chain of causes is called.
    pub(crate) correlation_id: String,
    /// Whether this is the first answer again.
    pub(crate) duplicate: bool,
}

impl From<JsonReceipt> for Receipt {
    fn from(receipt: JsonReceipt) -> Self {
        Receipt {
            stream: receipt.stream.to_string(),
            revision: receipt.revision.revision().map(|revision| revision.0),
            position: receipt.position.map(|position| position.0),
            events: receipt.events.into_iter().map(Into::into).collect(),
            command_id: receipt.command_id.to_string(),
            correlation_id: receipt.correlation_id.0,
            duplicate: receipt.duplicate,
        }
    }
}
