//! Storing an entry: one conditional append, again when its answer is lost.

use bytes::Bytes;
use engine_store::{AppendError, AppendRequest, ContentType, NewEvent};
use engine_types::{
    CommandId, CorrelationId, ExpectedRevision, ProcessManager, Revision, StreamName,
    metadata::{CAUSATION_ID, CORRELATION_ID},
};
use serde::Serialize;
use uuid::Uuid;

use super::{instance::Instance, manager::Manager};
use crate::listen::HandlerError;

/// Somebody else has written to the instance: it is to be loaded again, and decided anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Overtaken;

/// The number of an entry that says that a timer was due, among what derives from its command.
const DUE: usize = usize::MAX - 1;

/// The number of the entry among what derives from its cause: commands are numbered from 0 on.
const ENTRY: usize = usize::MAX;

/// The room that an entry usually takes.
const ENTRY_BYTES: usize = 1_024;

/// The id of the entry that `cause` led to in the stream of an instance.
pub(super) fn entry_id(stream: &StreamName, cause: Uuid) -> Uuid {
    CommandId(cause).event_id(stream.as_str(), ENTRY)
}

/// The id of the entry that says that the timer of this command was due.
pub(super) fn due_entry_id(stream: &StreamName, command: CommandId) -> Uuid {
    command.event_id(stream.as_str(), DUE)
}

impl<P: ProcessManager> Manager<P> {
    /// Appends an entry where the instance stands; answers its revision. By its id, which derives from its cause, the
    /// store knows it again.
    pub(super) async fn append(
        &self,
        instance: &mut Instance<P>,
        id: Uuid,
        (entry_type, entry): (&'static str, &impl Serialize),
        (correlation_id, cause): (Option<&CorrelationId>, Uuid),
    ) -> Result<Result<Revision, Overtaken>, HandlerError> {
        let mut data = Vec::with_capacity(ENTRY_BYTES);
        serde_json::to_writer(&mut data, entry).map_err(HandlerError::park)?;
        // Without spare room, which a store in memory would keep.
        let data = Bytes::from(data.into_boxed_slice());
        let metadata = Bytes::from(metadata(correlation_id, cause).into_boxed_slice());
        let expected = ExpectedRevision::from(instance.revision);
        let mut lost = None;
        for _ in 0..=self.options.conflict_retries {
            let event = NewEvent {
                id,
                event_type: entry_type.into(),
                content_type: ContentType::Json,
                data: data.clone(),
                metadata: metadata.clone(),
            };
            // From here on, until the entry is taken over, the store may be ahead of the instance.
            instance.is_loaded = false;
            let request = AppendRequest::to(instance.stream.clone(), expected, vec![event]);
            match self.store.append(request).await {
                // Another may have written it, from a state that was not quite the same.
                Ok(appended) if appended.deduplicated && lost.is_none() => return Ok(Err(Overtaken)),
                Ok(appended) => {
                    let end = appended.streams.first().and_then(|stream| stream.revision.revision());
                    let Some(revision) = end else {
                        return Err(HandlerError::new("the store did not say where it wrote the entry"));
                    };
                    instance.is_loaded = true;
                    instance.newest = Some(id);
                    return Ok(Ok(revision));
                }
                Err(AppendError::Conflict { .. }) => return Ok(Err(Overtaken)),
                Err(AppendError::OutcomeUnknown(cause)) => lost = Some(cause),
                Err(error @ AppendError::Unavailable(_)) => return Err(HandlerError::new(error)),
                Err(error) => return Err(HandlerError::park(error)),
            }
        }
        Err(HandlerError::new(lost.unwrap_or_else(|| "the entry was not appended".into())))
    }
}

fn metadata(correlation_id: Option<&CorrelationId>, cause: Uuid) -> Vec<u8> {
    let mut metadata = serde_json::Map::new();
    if let Some(id) = correlation_id {
        metadata.insert(CORRELATION_ID.to_owned(), id.0.clone().into());
    }
    metadata.insert(CAUSATION_ID.to_owned(), cause.to_string().into());
    serde_json::Value::Object(metadata).to_string().into_bytes()
}
