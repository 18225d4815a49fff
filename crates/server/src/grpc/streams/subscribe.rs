//! Subscriptions: what is there, then what comes, as fast as the subscriber takes it.
//!
//! Messages wait in a bounded queue. Where it is full, the store is not read on; a subscriber that had caught up is
//! told that it fell behind; and one that leaves a full queue as it is for too long is ended with the reason,
//! which it finds behind the messages that wait.

use std::{
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use engine_store::{RecordedEvent, SubscribeFrom, SubscribeTo, Subscription, SubscriptionMessage};
use engine_types::{Position, Revision, StreamName};
use futures_util::{FutureExt, stream::Stream};
use tokio::sync::mpsc::{self, error::SendTimeoutError, error::TrySendError};
use tonic::Status;

use super::reply::{self, Form};
use crate::{
    core::Core,
    grpc::{
        filter::{EventFilter, Window},
        status,
    },
    proto::streams::ReadResp,
};

/// Where a subscription listens.
#[derive(Debug)]
pub(super) enum Source {
    Stream(StreamName, SubscribeFrom<Revision>),
    All(SubscribeFrom<Position>, EventFilter, Option<Window>),
}

/// Begins a subscription.
///
/// # Errors
/// What can be known at once: the stream was closed for ever, or the store cannot be read.
pub(super) async fn begin(core: Arc<Core>, source: Source, form: Form) -> Result<Messages, Status> {
    let (to, filter, window, in_stream) = match source {
        Source::Stream(stream, from) => {
            (SubscribeTo::Stream(stream, from), EventFilter::everything(), None, true)
        }
        Source::All(from, filter, window) => (SubscribeTo::All(from), filter, window, false),
    };
    let seen = match &to {
        SubscribeTo::All(SubscribeFrom::After(position)) => Some(*position),
        _ => None,
    };
    let subscription = core.store.subscribe(to, filter.for_store()).await.map_err(status::of_read)?;
    let (messages, receiver) = mpsc::channel(core.limits.subscriber_messages.max(1));
    let end = Arc::new(OnceLock::new());
    let mut feed = Feed {
        core,
        subscription,
        filter,
        in_stream,
        form,
        messages,
        checkpoints: window.map(|window| Checkpoints { window, counted_from: seen, told: seen }),
        revision: None,
        position: seen,
        mood: Mood::CatchingUp,
    };
    let told = end.clone();
    tokio::spawn(async move {
        if let Err(status) = feed.run().await {
            // Before the queue is closed, behind whose messages it is looked for.
            let _ = told.set(status);
        }
        drop(feed);
    });
    Ok(Messages { receiver, end })
}

/// The messages of a subscription, and at last why it ended.
pub(super) struct Messages {
    receiver: mpsc::Receiver<ReadResp>,
    end: Arc<OnceLock<Status>>,
}

impl Stream for Messages {
    type Item = Result<ReadResp, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.receiver.poll_recv(context).map(|message| match message {
            Some(message) => Some(Ok(message)),
            None => std::mem::take(&mut self.end).get().cloned().map(Err),
        })
    }
}

/// Where the subscriber stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    CatchingUp,
    Live,
    /// It was live, and its queue ran full.
    Behind,
}

struct Feed {
    core: Arc<Core>,
    subscription: Subscription,
    filter: EventFilter,
    in_stream: bool,
    form: Form,
    messages: mpsc::Sender<ReadResp>,
    checkpoints: Option<Checkpoints>,
    /// The newest event that was delivered from the stream.
    revision: Option<Revision>,
    /// How far all events have been looked at.
    position: Option<Position>,
    mood: Mood,
}

impl Feed {
    /// Delivers until the subscriber is gone, or there is a reason to end.
    async fn run(&mut self) -> Result<(), Status> {
        let core = self.core.clone();
        let _open = core.metrics.subscriptions.enter();
        let id = uuid::Uuid::new_v4().to_string();
        self.deliver(reply::confirmation(id)).await?;
        loop {
            let ready = self.subscription.next().now_or_never();
            let message = if let Some(message) = ready {
                message
            } else {
                self.all_taken().await?;
                tokio::select! {
                    message = self.subscription.next() => message,
                    () = self.messages.closed() => return Ok(()),
                    () = core.stopping.cancelled() => return Err(status::stopping()),
                }
            };
            if self.messages.is_closed() {
                return Ok(());
            }
            match message.map_err(status::of_read)? {
                SubscriptionMessage::Event(event) => self.event(event).await?,
                SubscriptionMessage::Progress(position) => self.looked_at(position).await?,
                SubscriptionMessage::CaughtUp => self.caught_up().await?,
            }
        }
    }

    async fn event(&mut self, event: RecordedEvent) -> Result<(), Status> {
        let (position, revision) = (event.position, event.revision);
        if self.filter.matches(&event)? {
            let reply = reply::event(&*self.core.store, event, &self.form).await?;
            self.core.metrics.events_read.add(1);
            self.deliver(reply).await?;
        }
        self.revision = Some(revision);
        self.looked_at(position).await
    }

    /// Notes that everything up to here was looked at, and tells a checkpoint where one is due.
    async fn looked_at(&mut self, position: Position) -> Result<(), Status> {
        self.position = Some(position);
        if self.checkpoints.as_mut().is_some_and(|checkpoints| checkpoints.is_due(position)) {
            self.deliver(reply::checkpoint(position)).await?;
        }
        Ok(())
    }

    async fn caught_up(&mut self) -> Result<(), Status> {
        if let (Some(checkpoints), Some(position)) = (&mut self.checkpoints, self.position)
            && checkpoints.tell(position)
        {
            self.deliver(reply::checkpoint(position)).await?;
        }
        if self.mood == Mood::CatchingUp {
            self.tell_caught_up().await?;
        }
        Ok(())
    }

    /// Everything that the store has was handed over: a subscriber that fell behind is with it again.
    async fn all_taken(&mut self) -> Result<(), Status> {
        if self.mood == Mood::Behind { self.tell_caught_up().await } else { Ok(()) }
    }

    async fn tell_caught_up(&mut self) -> Result<(), Status> {
        let (revision, position) = self.place().await?;
        self.deliver(reply::caught_up(revision, position)).await?;
        self.mood = Mood::Live;
        Ok(())
    }

    /// Where the subscriber stands: in its stream, or among all events.
    async fn place(&mut self) -> Result<(Option<Revision>, Option<Position>), Status> {
        if self.in_stream {
            return Ok((self.revision, None));
        }
        match self.position {
            None => Ok((None, self.core.store.head().await.map_err(status::of_read)?)),
            known => Ok((None, known)),
        }
    }

    async fn deliver(&mut self, reply: ReadResp) -> Result<(), Status> {
        let reply = match self.messages.try_send(reply) {
            Ok(()) | Err(TrySendError::Closed(_)) => return Ok(()),
            Err(TrySendError::Full(reply)) => reply,
        };
        if self.mood == Mood::Live {
            self.mood = Mood::Behind;
            let (revision, position) = self.place().await?;
            self.wait_for_room(reply::fell_behind(revision, position)).await?;
        }
        self.wait_for_room(reply).await
    }

    async fn wait_for_room(&mut self, reply: ReadResp) -> Result<(), Status> {
        let patience = self.core.limits.subscriber_patience;
        tokio::select! {
            sent = self.messages.send_timeout(reply, patience) => match sent {
                Ok(()) | Err(SendTimeoutError::Closed(_)) => Ok(()),
                Err(SendTimeoutError::Timeout(_)) => {
                    self.core.metrics.slow_subscribers.add(1);
                    Err(status::too_slow())
                }
            },
            () = self.core.stopping.cancelled() => Err(status::stopping()),
        }
    }
}

/// When a filtered subscription is told how far the node has looked.
#[derive(Debug)]
struct Checkpoints {
    window: Window,
    /// The last position of the window before.
    counted_from: Option<Position>,
    /// The newest position that was told.
    told: Option<Position>,
}

impl Checkpoints {
    /// Whether so many events were looked at that a checkpoint is due.
    fn is_due(&mut self, position: Position) -> bool {
        let behind = self.counted_from.map_or(0, |from| from.next().0);
        if position.next().0.saturating_sub(behind) < self.window.0 {
            return false;
        }
        self.counted_from = Some(position);
        self.tell(position)
    }

    /// Whether this position has not been told yet.
    fn tell(&mut self, position: Position) -> bool {
        let new = self.told.is_none_or(|told| position > told);
        if new {
            self.told = Some(position);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_due_after_each_window_and_no_position_is_told_twice() {
        let mut checkpoints = Checkpoints { window: Window(3), counted_from: None, told: None };
        let due: Vec<u64> = (0..8).filter(|position| checkpoints.is_due(Position(*position))).collect();
        assert_eq!(due, [2, 5]);
        assert!(checkpoints.tell(Position(7)));
        assert!(!checkpoints.tell(Position(7)));
    }

    #[test]
    fn the_first_window_begins_behind_the_place_of_the_subscriber() {
        let from = Some(Position(10));
        let mut checkpoints = Checkpoints { window: Window(2), counted_from: from, told: from };
        assert!(!checkpoints.tell(Position(10)));
        assert!(!checkpoints.is_due(Position(11)));
        assert!(checkpoints.is_due(Position(12)));
    }
}
