//! Subscriptions: pages that are read by a task of their own, whenever there may be something new.
//!
//! The task reads and the subscriber takes; so that a wait that is given up gives up no read. What wakes the task is
//! only a hint: it reads where it stands, and goes by what it finds.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use engine_store::{
    Direction, Filter, ReadAll, ReadError, ReadFrom, ReadStream, StreamPage, SubscribeFrom, SubscribeTo,
    Subscription, SubscriptionMessage, subscribe::Source,
};
use engine_types::{Position, Revision, StreamName};
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use crate::{catalog, read, shared::Shared};

/// How many events a subscription holds in memory at most.
const PAGE_EVENTS: usize = 256;

type Page = Result<Vec<SubscriptionMessage>, ReadError>;

/// Where a subscription stands.
enum Cursor {
    Stream(StreamName, Revision),
    All(Position),
}

/// Begins a subscription.
pub(crate) async fn begin(
    shared: Arc<Shared>,
    to: SubscribeTo,
    filter: Filter,
) -> Result<Subscription, ReadError> {
    let wake = shared.end.subscribe();
    let cursor = match to {
        SubscribeTo::Stream(stream, from) => {
            let newest = ReadStream::backwards(stream.clone()).limit(1);
            let last = existing(read::stream_page(&shared, &newest, shared.options.clock.now()).await)?;
            let next = match from {
                SubscribeFrom::Start => Revision::FIRST,
                SubscribeFrom::After(revision) => revision.next(),
                SubscribeFrom::End => last.map_or(Revision::FIRST, |page| page.last.next()),
            };
            Cursor::Stream(stream, next)
        }
        SubscribeTo::All(SubscribeFrom::Start) => Cursor::All(Position::FIRST),
        SubscribeTo::All(SubscribeFrom::After(position)) => Cursor::All(position.next()),
        SubscribeTo::All(SubscribeFrom::End) => {
            let head = shared.persist(|| catalog::head(&shared)).await?;
            Cursor::All(head.map_or(Position::FIRST, Position::next))
        }
    };
    let (pages, incoming) = mpsc::channel(1);
    let follower = Follower { shared, wake, cursor, filter, pages };
    let task = tokio::spawn(follower.run()).abort_handle();
    Ok(Subscription::new(Following { incoming, task }))
}

/// The subscriber's end.
struct Following {
    incoming: mpsc::Receiver<Page>,
    task: AbortHandle,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Source for Following {
    async fn fill(&mut self, ready: &mut VecDeque<SubscriptionMessage>) -> Result<(), ReadError> {
        match self.incoming.recv().await {
            Some(page) => ready.extend(page?),
            None => return Err(ReadError::unavailable("the subscription has ended")),
        }
        Ok(())
    }
}

/// The task that reads.
struct Follower {
    shared: Arc<Shared>,
    wake: watch::Receiver<u64>,
    cursor: Cursor,
    filter: Filter,
    pages: mpsc::Sender<Page>,
}

impl Follower {
    async fn run(mut self) {
        let mut caught_up = false;
        loop {
            let pages = self.pages.clone();
            // Read only what there is room for.
            let Ok(room) = pages.reserve().await else { return };
            self.wake.borrow_and_update();
            if self.shared.is_closed() {
                return room.send(Err(ReadError::unavailable("the store was closed")));
            }
            let mut messages = Vec::new();
            let at_end = match self.read(&mut messages).await {
                Ok(at_end) => at_end,
                Err(error) => return room.send(Err(error)),
            };
            if !at_end {
                caught_up = false;
            } else if !caught_up {
                caught_up = true;
                messages.push(SubscriptionMessage::CaughtUp);
            }
            if !messages.is_empty() {
                room.send(Ok(messages));
            }
            if at_end && !self.woken().await {
                return;
            }
        }
    }

    /// Waits until there may be something new; says whether there is anybody to tell it.
    async fn woken(&mut self) -> bool {
        tokio::select! {
            woken = self.wake.changed() => woken.is_ok(),
            () = self.pages.closed() => false,
        }
    }

    /// Reads the next page; says whether it was the last for now.
    async fn read(&mut self, messages: &mut Vec<SubscriptionMessage>) -> Result<bool, ReadError> {
        match &mut self.cursor {
            Cursor::Stream(stream, next) => {
                let request = ReadStream {
                    stream: stream.clone(),
                    from: ReadFrom::At(*next),
                    direction: Direction::Forwards,
                    limit: PAGE_EVENTS,
                };
                let now = self.shared.options.clock.now();
                let Some(page) = existing(read::stream_page(&self.shared, &request, now).await)? else {
                    return Ok(true);
                };
                *next = page.next.unwrap_or_else(|| page.last.next().max(*next));
                let wanted = page.events.into_iter().filter(|event| self.filter.matches(event));
                messages.extend(wanted.map(SubscriptionMessage::Event));
                Ok(page.next.is_none())
            }
            Cursor::All(next) => {
                let request = ReadAll::forwards().from(*next).limit(PAGE_EVENTS).filter(self.filter.clone());
                let page = read::all_page(&self.shared, &request).await?;
                let before = std::mem::replace(next, page.next.unwrap_or(*next));
                let last_delivered = page.events.last().map(|event| event.position);
                messages.extend(page.events.into_iter().map(SubscriptionMessage::Event));
                let seen = next.previous().filter(|_| *next > before);
                if seen > last_delivered {
                    messages.extend(seen.map(SubscriptionMessage::Progress));
                }
                Ok(page.end)
            }
        }
    }
}

/// A stream that does not exist yet is an empty one to a subscriber.
fn existing(page: Result<StreamPage, ReadError>) -> Result<Option<StreamPage>, ReadError> {
    match page {
        Ok(page) => Ok(Some(page)),
        Err(ReadError::StreamNotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
