//! A store whose positions have gaps between them, as places in a log file have: the in-memory one, seen through other
//! numbers. It refuses to go on from a number at which nothing stands, or has been said to stand.

use async_trait::async_trait;
use engine_store::{
    AllPage, AppendError, AppendRequest, Appended, EventStore, Filter, ReadAll, ReadError, ReadFrom,
    ReadStream, RecordedEvent, StreamMetadata, StreamPage, SubscribeFrom, SubscribeTo, Subscription,
    SubscriptionMessage, layer::Layer, memory::MemoryStore, subscribe::Source,
};
use engine_types::{ExpectedRevision, Position, StreamName};

/// The in-memory store, with gaps. Clones share events.
#[derive(Debug, Clone, Default)]
pub struct SparseStore(MemoryStore);

/// Where the event of this number stands.
fn place(number: Position) -> Position {
    Position(number.0 * 10 + 7)
}

fn number(place: Position) -> Result<Position, ReadError> {
    match place.0.checked_sub(7) {
        Some(gaps) if gaps % 10 == 0 => Ok(Position(gaps / 10)),
        _ => Err(ReadError::Invalid(format!("nothing stands at position {place}"))),
    }
}

/// The place where reading goes on after all events before this number.
fn place_behind(number: Position) -> Position {
    number.previous().map_or(Position::FIRST, |last| place(last).next())
}

fn number_from(start: Position) -> Result<Position, ReadError> {
    match (start, start.previous().map(number)) {
        (Position::FIRST, _) => Ok(Position::FIRST),
        (_, Some(Ok(before))) => Ok(before.next()),
        _ => number(start),
    }
}

fn placed(mut event: RecordedEvent) -> RecordedEvent {
    event.position = place(event.position);
    event
}

fn placed_answer(appended: Appended) -> Appended {
    Appended { position: appended.position.map(place), ..appended }
}

struct Placed(Subscription);

#[async_trait]
impl Source for Placed {
    async fn fill(
        &mut self,
        ready: &mut std::collections::VecDeque<SubscriptionMessage>,
    ) -> Result<(), ReadError> {
        ready.push_back(match self.0.next().await? {
            SubscriptionMessage::Event(event) => SubscriptionMessage::Event(placed(event)),
            SubscriptionMessage::Progress(position) => SubscriptionMessage::Progress(place(position)),
            SubscriptionMessage::CaughtUp => SubscriptionMessage::CaughtUp,
        });
        Ok(())
    }
}

#[async_trait]
impl Layer for SparseStore {
    fn inner(&self) -> &dyn EventStore {
        &self.0
    }

    async fn append(&self, request: AppendRequest) -> Result<Appended, AppendError> {
        self.0.append(request).await.map(placed_answer)
    }

    async fn read_stream(&self, request: ReadStream) -> Result<StreamPage, ReadError> {
        let page = self.0.read_stream(request).await?;
        Ok(StreamPage { events: page.events.into_iter().map(placed).collect(), ..page })
    }

    async fn read_all(&self, mut request: ReadAll) -> Result<AllPage, ReadError> {
        if let ReadFrom::At(start) = &mut request.from {
            *start = number_from(*start)?;
        }
        let page = self.0.read_all(request).await?;
        let next = page.next.map(place_behind);
        Ok(AllPage { events: page.events.into_iter().map(placed).collect(), next, ..page })
    }

    async fn subscribe(&self, to: SubscribeTo, filter: Filter) -> Result<Subscription, ReadError> {
        let to = match to {
            SubscribeTo::All(SubscribeFrom::After(seen)) => {
                SubscribeTo::All(SubscribeFrom::After(number(seen)?))
            }
            to => to,
        };
        Ok(Subscription::new(Placed(self.0.subscribe(to, filter).await?)))
    }

    async fn head(&self) -> Result<Option<Position>, ReadError> {
        Ok(self.0.head().await?.map(place))
    }

    async fn set_stream_metadata(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        metadata: StreamMetadata,
    ) -> Result<Appended, AppendError> {
        self.0.set_stream_metadata(stream, expected, metadata).await.map(placed_answer)
    }

    /// Closes nothing: the events outlive the bus.
    async fn close(&self) -> Result<(), AppendError> {
        Ok(())
    }
}
