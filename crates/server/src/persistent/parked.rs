//! The stream of parked events: links to what nobody could handle.

use engine_store::{
    AppendError, AppendRequest, ContentType, EventStore, NewEvent, ReadError, ReadStream, RecordedEvent,
    StreamMetadata,
};
use engine_types::{ExpectedRevision, Revision, StreamName};
use serde_json::json;

use super::{Key, group::ToPark};
use crate::{
    auth::Caller,
    grpc::links::{self, LINK_EVENT_TYPE},
};

/// The beginning of the names of these streams.
pub(super) const OWN_STREAMS: &str = "$persistentsubscription-";

/// The stream of a group's parked events. Absent where its name would be too long for one.
pub(crate) fn stream(key: &Key) -> Option<StreamName> {
    StreamName::new(format!("{OWN_STREAMS}{key}-parked")).ok()
}

/// Parks an event: what it linked to, if it was a link.
pub(super) async fn park(
    store: &dyn EventStore,
    stream: &StreamName,
    parked: &ToPark,
) -> Result<(), AppendError> {
    let event = &parked.message.event;
    let data = if *event.event_type == *LINK_EVENT_TYPE {
        event.data.clone()
    } else {
        format!("{}@{}", event.revision, event.stream).into()
    };
    let metadata = json!({
        "added": engine_store::Clock::now(&engine_store::SystemClock).to_string(),
        "reason": parked.reason,
        "subscriptionEventNumber": event.revision.0,
    });
    let link = NewEvent {
        id: uuid::Uuid::now_v7(),
        event_type: LINK_EVENT_TYPE.into(),
        content_type: ContentType::Binary,
        data,
        metadata: metadata.to_string().into(),
    };
    store.append(AppendRequest::to(stream.clone(), ExpectedRevision::Any, vec![link])).await.map(drop)
}

/// The parked events from this revision on, at most so many, each with what it links to and where it is parked.
pub(super) async fn read(
    store: &dyn EventStore,
    stream: &StreamName,
    from: Revision,
    limit: usize,
) -> Result<Vec<(Revision, Option<RecordedEvent>)>, ReadError> {
    let page =
        match store.read_stream(ReadStream::forwards(stream.clone()).from(from).limit(limit.max(1))).await {
            Ok(page) => page,
            Err(ReadError::StreamNotFound { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
    let mut parked = Vec::new();
    for link in page.events {
        let revision = link.revision;
        parked.push((revision, target(store, link).await?));
    }
    Ok(parked)
}

/// The newest parked events, at most so many, the oldest of them first: the links, each with what it links to.
pub(crate) async fn newest(
    store: &dyn EventStore,
    stream: &StreamName,
    limit: usize,
) -> Result<Vec<(RecordedEvent, Option<RecordedEvent>)>, ReadError> {
    if limit == 0 {
        return Ok(Vec::new());
    }
    let page = match store.read_stream(ReadStream::backwards(stream.clone()).limit(limit)).await {
        Ok(page) => page,
        Err(ReadError::StreamNotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut parked = Vec::new();
    for link in page.events.into_iter().rev() {
        let target = target(store, link.clone()).await?;
        parked.push((link, target));
    }
    Ok(parked)
}

/// What a link leads to. Who may read it is asked when it is delivered, or shown.
async fn target(store: &dyn EventStore, link: RecordedEvent) -> Result<Option<RecordedEvent>, ReadError> {
    let resolved = links::resolve(store, &Caller::Trusted, link).await;
    match resolved.map_err(|fault| ReadError::unavailable(fault.message().to_owned()))? {
        links::Resolved::Plain(event) => Ok(Some(event)),
        links::Resolved::Link { target, .. } => Ok(target),
    }
}

/// How many events are parked from this revision on.
pub(super) async fn count(
    store: &dyn EventStore,
    stream: &StreamName,
    from: Revision,
) -> Result<u64, ReadError> {
    match store.read_stream(ReadStream::backwards(stream.clone()).limit(1)).await {
        Ok(page) => {
            let (metadata, _) = store.stream_metadata(stream).await?;
            let first = metadata.first_readable(page.last).max(from);
            Ok((page.last.0 + 1).saturating_sub(first.0))
        }
        Err(ReadError::StreamNotFound { .. }) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Forgets the parked events up to this revision: they were handled after all.
pub(super) async fn forget(
    store: &dyn EventStore,
    stream: &StreamName,
    through: Revision,
) -> Result<(), AppendError> {
    let metadata = StreamMetadata { truncate_before: Some(through.next().0), ..StreamMetadata::default() };
    store.set_stream_metadata(stream, ExpectedRevision::Any, metadata).await.map(drop)
}
