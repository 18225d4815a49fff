//! Subscribing: what is there, then what comes, in order, without a hole at the hand-over.

mod cursor;
mod follow;
mod pace;

use std::{collections::VecDeque, fmt};

use async_trait::async_trait;
use engine_types::{Position, Revision, StreamName};

pub use cursor::{AllCursor, StreamCursor};
pub use follow::Follow;

use crate::{AllPage, ReadAll, ReadError, ReadStream, RecordedEvent, StreamPage};

/// What to subscribe to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscribeTo {
    /// One stream.
    Stream(StreamName, SubscribeFrom<Revision>),
    /// All streams together.
    All(SubscribeFrom<Position>),
}

/// Where a subscription begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeFrom<P> {
    /// With the oldest event.
    Start,
    /// With the first event after this place, which the subscriber has seen.
    After(P),
    /// With the next event that is appended.
    End,
}

/// What a subscription delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscriptionMessage {
    /// An event.
    Event(RecordedEvent),
    /// Nothing that passes the filter stands up to this position: a checkpoint may move here.
    Progress(Position),
    /// All that was there has been delivered; from here on events are live. Told again after falling behind.
    CaughtUp,
}

/// Delivers messages until it is dropped, or fails.
pub struct Subscription {
    source: Box<dyn Source>,
    ready: VecDeque<SubscriptionMessage>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Subscription").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

impl Subscription {
    /// A subscription that is fed by `source`.
    pub fn new(source: impl Source + 'static) -> Self {
        Subscription { source: Box::new(source), ready: VecDeque::new() }
    }

    /// Waits for the next message. Cancel-safe: nothing is lost when the wait is given up.
    ///
    /// # Errors
    /// What ended the subscription: subscribe again after the last event that was delivered.
    pub async fn next(&mut self) -> Result<SubscriptionMessage, ReadError> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(message);
            }
            self.source.fill(&mut self.ready).await?;
        }
    }

    /// Delivers without the rests by which many subscribers of one store leave room to those who append. For the
    /// few on whom others wait, such as event handlers.
    pub fn hurry(&mut self) {
        self.source.hurry();
    }

    /// Waits for the next event, passing over everything else.
    ///
    /// # Errors
    /// As [`Subscription::next`].
    pub async fn next_event(&mut self) -> Result<RecordedEvent, ReadError> {
        loop {
            if let SubscriptionMessage::Event(event) = self.next().await? {
                return Ok(event);
            }
        }
    }
}

/// Where the messages of a subscription come from: what a store implements.
#[async_trait]
pub trait Source: Send {
    /// Waits for messages and adds them to `ready`, a bounded number. Must be cancel-safe.
    async fn fill(&mut self, ready: &mut VecDeque<SubscriptionMessage>) -> Result<(), ReadError>;

    /// As [`Subscription::hurry`]; for sources that would rest otherwise.
    fn hurry(&mut self) {}
}

/// Reads pages without waiting: what a store of this process offers, so that [`Follow`] can do the rest.
pub trait Pages: Send + Sync + 'static {
    /// Reads one page of a stream.
    ///
    /// # Errors
    /// As `EventStore::read_stream`.
    fn stream_page(&self, request: &ReadStream) -> Result<StreamPage, ReadError>;

    /// Reads one page of all streams.
    ///
    /// # Errors
    /// As `EventStore::read_all`.
    fn all_page(&self, request: &ReadAll) -> Result<AllPage, ReadError>;
}
