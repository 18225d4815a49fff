//! Subscriptions: one task for each takes messages from the server, and comes back after the last of them when the
//! connection is lost.

use std::collections::VecDeque;

use async_trait::async_trait;
use engine_store::{
    Filter, ReadError, RecordedEvent, SubscribeFrom, SubscribeTo, Subscription, SubscriptionMessage,
    subscribe::Source,
};
use engine_types::{CurrentRevision, Position, Revision, StreamName};
use kurrentdb::{StreamPosition, SubscribeToAllOptions, SubscribeToStreamOptions, SubscriptionEvent};
use tokio::sync::mpsc;

use crate::{connection::Patience, convert, fault::Fault, filter, read, store::KurrentStore};

/// How many messages a subscription holds at most: as many as a page of the other stores.
const MESSAGES: usize = 256;

/// After how many events that were not told a subscription tells how far it has come.
const SILENT_EVENTS: usize = 256;

type Message = Result<SubscriptionMessage, ReadError>;

/// Begins a subscription: it stands when this returns.
pub(crate) async fn begin(
    store: &KurrentStore,
    to: SubscribeTo,
    filter: Filter,
) -> Result<Subscription, ReadError> {
    let place = Place::of(store, to).await?;
    let (sender, receiver) = mpsc::channel(MESSAGES);
    let mut feed = Feed { store: store.clone(), place, filter, sender, silent: 0 };
    let first = feed.connect().await.map_err(|fault| fault.of_read(feed.place.stream()))?;
    let closed = store.connection.closed.clone();
    tokio::spawn(async move {
        let ended = tokio::select! {
            ended = feed.run(first) => ended,
            () = closed.cancelled() => Fault::Closed,
        };
        let error = ended.of_read(feed.place.stream());
        // The subscriber may be gone; then there is nobody to tell.
        let _ = feed.sender.send(Err(error)).await;
    });
    Ok(Subscription::new(Channel(receiver)))
}

struct Channel(mpsc::Receiver<Message>);

#[async_trait]
impl Source for Channel {
    async fn fill(&mut self, ready: &mut VecDeque<SubscriptionMessage>) -> Result<(), ReadError> {
        let ended =
            || ReadError::unavailable("the subscription has ended: subscribe again after the last event");
        ready.push_back(self.0.recv().await.ok_or_else(ended)??);
        Ok(())
    }
}

/// What is followed, and the last that was told of it.
#[derive(Debug)]
enum Place {
    Stream(StreamName, Option<Revision>),
    All(Option<Position>),
}

impl Place {
    /// The end is looked up, so that what comes while the connection is lost is not passed over.
    async fn of(store: &KurrentStore, to: SubscribeTo) -> Result<Self, ReadError> {
        Ok(match to {
            SubscribeTo::Stream(stream, SubscribeFrom::Start) => Place::Stream(stream, None),
            SubscribeTo::Stream(stream, SubscribeFrom::After(revision)) => {
                Place::Stream(stream, Some(revision))
            }
            SubscribeTo::Stream(stream, SubscribeFrom::End) => {
                let state = crate::append::stream_state(&store.connection, &stream).await;
                let state = state.map_err(|fault| fault.of_read(Some(&stream)))?;
                if state.tombstoned {
                    return Err(ReadError::StreamDeleted { stream });
                }
                let last = match state.current {
                    CurrentRevision::NoStream => None,
                    CurrentRevision::At(revision) => Some(revision),
                };
                Place::Stream(stream, last)
            }
            SubscribeTo::All(SubscribeFrom::Start) => Place::All(None),
            SubscribeTo::All(SubscribeFrom::After(position)) => Place::All(Some(position)),
            SubscribeTo::All(SubscribeFrom::End) => {
                Place::All(read::newest(store).await.map_err(|fault| fault.of_read(None))?)
            }
        })
    }

    fn stream(&self) -> Option<&StreamName> {
        match self {
            Place::Stream(stream, _) => Some(stream),
            Place::All(_) => None,
        }
    }
}

struct Feed {
    store: KurrentStore,
    place: Place,
    filter: Filter,
    sender: mpsc::Sender<Message>,
    /// How many events were not told since the last message.
    silent: usize,
}

/// A subscription of the client, and the number of that client.
struct Connected(kurrentdb::Subscription, u64);

impl Feed {
    /// Delivers until it cannot, or nobody listens; gives the reason.
    async fn run(&mut self, first: Connected) -> Fault {
        let mut connected = first;
        loop {
            let Err(fault) = self.deliver(&mut connected).await else { return Fault::Closed };
            let Some(trouble) = fault.may_pass() else { return fault };
            tracing::debug!(?fault, "a subscription was lost");
            self.store.connection.mend(trouble, connected.1);
            connected = match self.connect().await {
                Ok(connected) => connected,
                Err(fault) => return fault,
            };
        }
    }

    /// Subscribes after the last that was told, and waits until the server has confirmed.
    async fn connect(&self) -> Result<Connected, Fault> {
        let connection = &self.store.connection;
        let mut patience = Patience::new(connection.options.subscription_patience);
        loop {
            let (client, number) = connection.client();
            let confirmed = tokio::select! {
                biased;
                () = connection.closed.cancelled() => return Err(Fault::Closed),
                () = self.sender.closed() => return Err(Fault::Closed),
                confirmed = self.subscribe(&client) => confirmed,
            };
            let fault = match confirmed {
                Ok(subscription) => return Ok(Connected(subscription, number)),
                Err(error) => Fault::from(error),
            };
            match fault.may_pass() {
                Some(trouble) if patience.wait(&connection.closed).await => connection.mend(trouble, number),
                _ => return Err(fault),
            }
        }
    }

    async fn subscribe(
        &self,
        client: &kurrentdb::Client,
    ) -> Result<kurrentdb::Subscription, kurrentdb::Error> {
        let mut subscription = match &self.place {
            Place::Stream(stream, after) => {
                let from =
                    after.map_or(StreamPosition::Start, |revision| StreamPosition::Position(revision.0));
                let options = SubscribeToStreamOptions::default().start_from(from);
                client.subscribe_to_stream(stream.as_str(), &options).await
            }
            Place::All(after) => {
                let from = after.map_or(StreamPosition::Start, StreamPosition::Position);
                let options = SubscribeToAllOptions::default().position(from.map(convert::position_out));
                let options = match filter::of_server(&self.filter) {
                    Some(filter) => options.filter(filter),
                    None => options,
                };
                client.subscribe_to_all(&options).await
            }
        };
        loop {
            if let SubscriptionEvent::Confirmed(_) = subscription.next_subscription_event().await? {
                return Ok(subscription);
            }
        }
    }

    /// Delivers messages; `Ok` when nobody listens any more.
    async fn deliver(&mut self, connected: &mut Connected) -> Result<(), Fault> {
        let Connected(subscription, _) = connected;
        loop {
            let message = tokio::select! {
                message = subscription.next_subscription_event() => message?,
                () = self.sender.closed() => return Ok(()),
            };
            let message = match message {
                SubscriptionEvent::EventAppeared(event) => {
                    let position = convert::position_in(event.get_original_event().position);
                    match convert::event_in(event.get_original_event()) {
                        Some(event) => self.event(event),
                        None => self.passed(position),
                    }
                }
                SubscriptionEvent::Checkpoint(position) => self.checkpoint(convert::position_in(position)),
                SubscriptionEvent::CaughtUp(_) => {
                    if let Some(progress) = self.progress()
                        && self.sender.send(Ok(progress)).await.is_err()
                    {
                        return Ok(());
                    }
                    Some(SubscriptionMessage::CaughtUp)
                }
                _ => None,
            };
            if let Some(message) = message
                && self.sender.send(Ok(message)).await.is_err()
            {
                return Ok(());
            }
        }
    }

    fn event(&mut self, event: RecordedEvent) -> Option<SubscriptionMessage> {
        let told = self.filter.matches(&event) && !convert::is_own(event.stream.as_str());
        if let Place::Stream(_, last) = &mut self.place {
            *last = Some(event.revision);
            return told.then_some(SubscriptionMessage::Event(event));
        }
        if !told {
            return self.passed(event.position);
        }
        self.silent = 0;
        self.place = Place::All(Some(event.position));
        Some(SubscriptionMessage::Event(event))
    }

    /// An event was passed over: now and then it is told how far the subscription has come.
    fn passed(&mut self, position: Position) -> Option<SubscriptionMessage> {
        if let Place::All(place) = &mut self.place {
            *place = Some(position);
            self.silent += 1;
        }
        if self.silent < SILENT_EVENTS { None } else { self.progress() }
    }

    /// The server has looked so far. What was told already is not told again.
    fn checkpoint(&mut self, position: Position) -> Option<SubscriptionMessage> {
        let Place::All(place) = &mut self.place else { return None };
        if *place >= Some(position) {
            return None;
        }
        *place = Some(position);
        self.silent = 1;
        self.progress()
    }

    /// Tells how far the subscription has come, where events were passed over since the last message.
    fn progress(&mut self) -> Option<SubscriptionMessage> {
        let Place::All(Some(position)) = self.place else { return None };
        if self.silent == 0 {
            return None;
        }
        self.silent = 0;
        Some(SubscriptionMessage::Progress(position))
    }
}
