//! Handlers as the API shows them.

use engine_runtime::listen::{HandlerReport, ParkedSequence, ResetPreview, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// How a handler is doing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Handler {
    /// Its name.
    name: String,
    /// What it does: `starting`, `catching_up`, `live`, `paused`, `stopped`, `failing`, `elsewhere`, `taken_over`, `ended`.
    state: &'static str,
    /// The same in words, with the error where there is one.
    state_text: String,
    /// Everything up to here is handled; null before the first event.
    checkpoint: Option<u64>,
    /// How many events it has yet to handle, counted up to 10,000.
    lag_events: u64,
    /// How old the oldest of them is, in milliseconds.
    lag_ms: u64,
    /// How many sequences are parked.
    parked_sequences: usize,
    /// How many events it has handled, or skipped, since the process began.
    handled: u64,
    /// How many events it handles at the same time.
    partitions: usize,
    /// Whether strong consistency waits for it.
    strong: bool,
    /// Who works on each partition; null where nobody does.
    owners: Vec<Option<String>>,
    /// Why its checkpoint cannot be stored at the moment.
    fault: Option<String>,
}

impl From<HandlerReport> for Handler {
    fn from(report: HandlerReport) -> Self {
        Handler {
            state: report.state.word(),
            state_text: report.state.to_string(),
            name: report.name,
            checkpoint: report.checkpoint.map(|position| position.0),
            lag_events: report.lag_events,
            lag_ms: report.lag_ms,
            parked_sequences: report.parked_keys,
            handled: report.handled,
            partitions: report.partitions,
            strong: report.strong,
            owners: report.owners,
            fault: report.fault,
        }
    }
}

/// Handlers, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HandlerList {
    /// The handlers.
    pub(super) handlers: Vec<Handler>,
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Done {
    /// The handler.
    pub(super) handler: String,
    /// How many events it concerned; null where that has no meaning.
    pub(super) events: Option<u64>,
}

/// What a reset would lead to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Preview {
    /// How many events would be handled again, or for the first time.
    events: u64,
    /// How many parked sequences would be forgotten.
    parked_sequences: usize,
}

impl From<ResetPreview> for Preview {
    fn from(preview: ResetPreview) -> Self {
        Preview { events: preview.events, parked_sequences: preview.parked_keys }
    }
}

/// Where a handler is to go on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reset {
    /// The position behind which it goes on; null is the first event.
    #[serde(default)]
    pub(super) after: Option<u64>,
}

/// Which parked sequence, and how much of it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SequenceOrder {
    /// The key of the sequence.
    pub(super) key: String,
    /// Only its first event.
    #[serde(default)]
    first: bool,
}

impl SequenceOrder {
    pub(super) fn scope(&self) -> Scope {
        if self.first { Scope::First } else { Scope::All }
    }

    /// The order as it is recorded.
    pub(super) fn details(&self) -> Value {
        json!({ "keys": [self.key], "first": self.first })
    }
}

/// A sequence that waits because one of its events could not be handled.
#[derive(Debug, Serialize, ToSchema)]
#[expect(clippy::struct_field_names, reason = "as they are called everywhere")]
pub(crate) struct Parked {
    /// The key of the sequence.
    key: String,
    /// The event at fault: where it stands among all events.
    position: u64,
    /// Its stream.
    stream: String,
    /// Its place in the stream.
    revision: u64,
    /// Its name on disk.
    #[serde(rename = "type")]
    event_type: String,
    /// Why it could not be handled.
    error: String,
    /// How often it was tried.
    attempts: u32,
    /// When it was parked, in UTC.
    parked_at: String,
    /// How many later events wait behind it, when last counted.
    waiting: u64,
}

impl From<ParkedSequence> for Parked {
    fn from(sequence: ParkedSequence) -> Self {
        Parked {
            parked_at: sequence.parked_at().to_string(),
            key: sequence.key,
            position: sequence.position.0,
            stream: sequence.stream.to_string(),
            revision: sequence.revision.0,
            event_type: sequence.event_type,
            error: sequence.error,
            attempts: sequence.attempts,
            waiting: sequence.waiting,
        }
    }
}

/// The sequences that a handler has parked.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParkedList {
    /// The handler.
    pub(super) handler: String,
    /// The sequences.
    pub(super) sequences: Vec<Parked>,
}
