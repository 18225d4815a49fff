//! One running projection: follows all streams, and writes links in batches.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use engine_store::{
    AppendError, AppendRequest, EventStore, Filter, NewEvent, RecordedEvent, SubscribeFrom, SubscribeTo,
    Subscription, SubscriptionMessage,
};
use engine_types::{ExpectedRevision, Position, StreamName};
use futures_util::{FutureExt, future::try_join_all};
use tokio_util::sync::CancellationToken;

use super::{
    Kind,
    system::{Place, keep},
};

/// How many events are looked at for one batch of links.
const BATCH: usize = 256;

/// After how many events the place is kept at the latest.
const EVENTS_PER_PLACE: u64 = 1_000;

/// How long to wait before the store is asked again that could not answer.
const REST: Duration = Duration::from_secs(1);

/// What a running projection tells of itself.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Behind the last position that was looked at; 0 where there is none.
    next: AtomicU64,
    /// How many events were looked at since it was started.
    pub(super) seen: AtomicU64,
}

impl Progress {
    pub(super) fn at(place: Option<Position>) -> Self {
        let progress = Progress::default();
        progress.reached(place);
        progress
    }

    pub(super) fn position(&self) -> Option<Position> {
        Position(self.next.load(Ordering::Acquire)).previous()
    }

    fn reached(&self, place: Option<Position>) {
        self.next.store(place.map_or(0, |place| place.next().0), Ordering::Release);
    }
}

/// Works until it is told to stop; then its place is kept.
pub(super) async fn run(
    store: Arc<dyn EventStore>,
    kind: Kind,
    mut place: Place,
    progress: Arc<Progress>,
    stopping: CancellationToken,
) -> Place {
    while !stopping.is_cancelled() {
        let worked = tokio::select! {
            worked = work(&store, kind, &mut place, &progress) => worked,
            () = stopping.cancelled() => break,
        };
        if let Err(error) = worked {
            tracing::warn!(projection = kind.name(), %error, "a projection was held up");
            tokio::select! {
                () = tokio::time::sleep(REST) => {}
                () = stopping.cancelled() => {}
            }
        }
    }
    // The work that was cut off is done again: its links are known by their ids.
    place.position = progress.position().map(|position| position.0);
    place
}

async fn work(
    store: &Arc<dyn EventStore>,
    kind: Kind,
    place: &mut Place,
    progress: &Progress,
) -> Result<(), AppendError> {
    let from = progress.position().map_or(SubscribeFrom::Start, SubscribeFrom::After);
    let mut events = store.subscribe(SubscribeTo::All(from), Filter::everything()).await?;
    let mut unkept = 0;
    loop {
        let (batch, reached) = next_batch(&mut events).await?;
        let looked_at = batch.len() as u64;
        write(&**store, kind, &batch).await?;
        if reached.is_some() {
            progress.reached(reached);
        }
        progress.seen.fetch_add(looked_at, Ordering::AcqRel);
        unkept += looked_at;
        if unkept >= EVENTS_PER_PLACE {
            place.position = progress.position().map(|position| position.0);
            keep(&**store, kind, place).await?;
            unkept = 0;
        }
    }
}

/// What is there, at least one message and at most a batch of events, and how far that goes.
async fn next_batch(
    events: &mut Subscription,
) -> Result<(Vec<RecordedEvent>, Option<Position>), AppendError> {
    let (mut batch, mut reached) = (Vec::new(), None);
    let mut message = Some(events.next().await?);
    while let Some(next) = message {
        match next {
            SubscriptionMessage::Event(event) => {
                reached = Some(event.position);
                batch.push(event);
            }
            SubscriptionMessage::Progress(position) => reached = Some(position),
            SubscriptionMessage::CaughtUp => {}
        }
        if batch.len() >= BATCH {
            break;
        }
        message = events.next().now_or_never().transpose()?;
    }
    Ok((batch, reached))
}

/// Writes the links of a batch: those of one stream in order, those of several at once.
async fn write(store: &dyn EventStore, kind: Kind, batch: &[RecordedEvent]) -> Result<(), AppendError> {
    let mut links: BTreeMap<StreamName, Vec<NewEvent>> = BTreeMap::new();
    for (stream, link) in batch.iter().filter_map(|event| kind.emit(event)) {
        links.entry(stream).or_default().push(link);
    }
    try_join_all(links.into_iter().map(|(stream, links)| append(store, stream, links))).await.map(drop)
}

async fn append(store: &dyn EventStore, stream: StreamName, links: Vec<NewEvent>) -> Result<(), AppendError> {
    let request = AppendRequest::to(stream.clone(), ExpectedRevision::Any, links.clone());
    match store.append(request).await {
        // Some of them are there already, from a batch that ended elsewhere: one after the other.
        Err(AppendError::Conflict { .. }) => {}
        // Somebody has closed the stream of links for ever: that is what he wanted.
        Err(AppendError::StreamDeleted { .. }) => return Ok(()),
        written => return written.map(drop),
    }
    for link in links {
        store.append(AppendRequest::to(stream.clone(), ExpectedRevision::Any, vec![link])).await?;
    }
    Ok(())
}
