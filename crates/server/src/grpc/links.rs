//! Links: events that stand for an event elsewhere. Their data is `REVISION@STREAM`.

use engine_store::{EventStore, ReadError, ReadStream, RecordedEvent};
use engine_types::{Revision, StreamName};
use tonic::{Code, Status};

use super::status;
use crate::auth::{self, Action, Caller};

/// The type of a link.
pub(crate) const LINK_EVENT_TYPE: &str = "$>";

/// An event as it was read, and what it links to.
#[derive(Debug)]
pub(crate) enum Resolved {
    /// The event is no link, or is wanted as it is.
    Plain(RecordedEvent),
    /// A link, and the event that it links to, if that can be read.
    Link { link: RecordedEvent, target: Option<RecordedEvent> },
}

/// The place that a link means, if it means one.
fn place(event: &RecordedEvent) -> Option<(StreamName, Revision)> {
    let text = std::str::from_utf8(&event.data).ok()?;
    let (revision, stream) = text.split_once('@')?;
    Some((StreamName::new(stream).ok()?, Revision(revision.parse().ok()?)))
}

/// Follows a link, once. Every other event stays as it is.
///
/// # Errors
/// The failures of the store. A link into nothing, to what is gone, or to what the caller may not read, is none.
pub(crate) async fn resolve(
    store: &dyn EventStore,
    caller: &Caller,
    event: RecordedEvent,
) -> Result<Resolved, Status> {
    if *event.event_type != *LINK_EVENT_TYPE {
        return Ok(Resolved::Plain(event));
    }
    let target = match place(&event) {
        Some((stream, revision)) => match auth::check(store, caller, &stream, Action::Read).await {
            Ok(()) => at(store, stream, revision).await.map_err(status::of_read)?,
            Err(denied) if denied.code() == Code::PermissionDenied => None,
            Err(failed) => return Err(failed),
        },
        None => None,
    };
    Ok(Resolved::Link { link: event, target })
}

async fn at(
    store: &dyn EventStore,
    stream: StreamName,
    revision: Revision,
) -> Result<Option<RecordedEvent>, ReadError> {
    match store.read_stream(ReadStream::forwards(stream).from(revision).limit(1)).await {
        Ok(page) => Ok(page.events.into_iter().next().filter(|event| event.revision == revision)),
        Err(ReadError::StreamNotFound { .. } | ReadError::StreamDeleted { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
