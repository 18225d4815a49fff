//! Subscriptions: pages that are read by a task of their own, whenever there may be something new.
//!
//! The task reads and the subscriber takes; so that a wait that is given up gives up no read. What wakes the task is
//! only a hint: it reads where it stands, and goes by what it finds.

use std::{collections::VecDeque, sync::Arc};

use async_trait::async_trait;
use engine_store::{
    Filter, ReadError, SubscribeFrom, SubscribeTo, Subscription, SubscriptionMessage,
    subscribe::{AllCursor, Source, StreamCursor},
};
use engine_types::Position;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
};

use crate::{catalog, read, shared::Shared};

type Page = Result<Vec<SubscriptionMessage>, ReadError>;

/// Where a subscription stands.
enum Cursor {
    Stream(StreamCursor),
    All(AllCursor),
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
            let newest = StreamCursor::newest(&stream);
            let newest = read::stream_page(&shared, &newest, shared.options.clock.now()).await;
            Cursor::Stream(StreamCursor::begin(stream, from, newest)?)
        }
        SubscribeTo::All(SubscribeFrom::Start) => Cursor::All(AllCursor::at(Position::FIRST)),
        SubscribeTo::All(SubscribeFrom::After(position)) => Cursor::All(AllCursor::at(position.next())),
        SubscribeTo::All(SubscribeFrom::End) => {
            let head = shared.persist(|| catalog::head(&shared)).await?;
            Cursor::All(AllCursor::at(head.map_or(Position::FIRST, Position::next)))
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
            Cursor::Stream(cursor) => {
                let now = self.shared.options.clock.now();
                let page = read::stream_page(&self.shared, &cursor.request(), now).await;
                cursor.take(page, &self.filter, messages)
            }
            Cursor::All(cursor) => {
                let page = read::all_page(&self.shared, &cursor.request(&self.filter)).await?;
                Ok(cursor.take(page, messages))
            }
        }
    }
}
