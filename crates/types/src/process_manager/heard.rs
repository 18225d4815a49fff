//! An event as a process manager hears it: with everything that is known of it.

use uuid::Uuid;

use crate::{CorrelationId, Event, Metadata, Position, ProcessManager, Revision, StreamName, Timestamp};

/// An event and what is known of it. Pure: what the time was is a fact about the event.
#[derive(Debug, PartialEq)]
pub struct Heard<'a, E> {
    /// The event.
    pub event: &'a E,
    /// Its identity.
    pub id: Uuid,
    /// Its stream: of which instance of which aggregate it tells.
    pub stream: &'a StreamName,
    /// Its place in the stream.
    pub revision: Revision,
    /// Its place among all events.
    pub position: Position,
    /// When it was stored.
    pub recorded_at: Timestamp,
    /// What else is known.
    pub metadata: &'a Metadata,
}

impl<E> Clone for Heard<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Heard<'_, E> {}

impl<'a, E: Event> Heard<'a, E> {
    /// The id of the instance that it tells of: `jsdf` of `account-jsdf`.
    pub fn aggregate_id(&self) -> &'a str {
        self.stream.id().unwrap_or_else(|| self.stream.as_str())
    }

    /// What the whole chain of causes is called.
    pub fn correlation_id(&self) -> Option<&'a CorrelationId> {
        self.metadata.correlation_id.as_ref()
    }

    /// The instance of this process manager whose command led to the event, if one did: the way back for events
    /// that do not say themselves what they are about.
    pub fn answers<P: ProcessManager>(&self) -> Option<&'a str> {
        let (process, instance) = self.metadata.process.as_deref()?.split_once('-')?;
        (process == P::NAME).then_some(instance)
    }
}
