//! A subscription over pages and a wake-up: what a store of this process needs no code of its own for.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use async_trait::async_trait;
use engine_types::Position;
use tokio::sync::watch;

use super::{
    AllCursor, Pages, Source, StreamCursor, SubscribeFrom, SubscribeTo, Subscription, SubscriptionMessage,
    pace::Pace,
};
use crate::{Filter, ReadAll, ReadError, ReadFrom};

/// A [`Source`] over pages and a wake-up.
///
/// The wake-up is a counter that the store raises *after* new events can be read. `Follow` marks the counter
/// as seen *before* it reads, so an append between the two wakes it again: no event is slept through.
///
/// Where more than a few follow the same pages, each rests after it has read, for as long as keeps all of them
/// together within a small share of the machine: a crowd gets events some milliseconds later, and does not slow
/// those who append.
pub struct Follow<P> {
    pages: Arc<P>,
    wake: watch::Receiver<u64>,
    cursor: Cursor,
    filter: Filter,
    caught_up: bool,
    pace: Pace,
}

enum Cursor {
    Stream(StreamCursor),
    All(AllCursor),
}

impl<P: Pages> Follow<P> {
    /// Begins a subscription.
    ///
    /// # Errors
    /// As `EventStore::subscribe`.
    pub fn begin(
        pages: Arc<P>,
        wake: watch::Receiver<u64>,
        to: SubscribeTo,
        filter: Filter,
    ) -> Result<Subscription, ReadError> {
        let cursor = match to {
            SubscribeTo::Stream(stream, from) => {
                let newest = pages.stream_page(&StreamCursor::newest(&stream));
                Cursor::Stream(StreamCursor::begin(stream, from, newest)?)
            }
            SubscribeTo::All(SubscribeFrom::Start) => Cursor::All(AllCursor::at(Position::FIRST)),
            SubscribeTo::All(SubscribeFrom::After(position)) => Cursor::All(AllCursor::at(position.next())),
            SubscribeTo::All(SubscribeFrom::End) => {
                let end = ReadAll { from: ReadFrom::End, ..ReadAll::forwards() };
                Cursor::All(AllCursor::at(pages.all_page(&end)?.next.unwrap_or(Position::FIRST)))
            }
        };
        Ok(Subscription::new(Follow { pages, wake, cursor, filter, caught_up: false, pace: Pace::new() }))
    }

    /// Reads the next page into `ready`; says whether it was the last for now.
    fn read(&mut self, ready: &mut VecDeque<SubscriptionMessage>) -> Result<bool, ReadError> {
        match &mut self.cursor {
            Cursor::Stream(cursor) => {
                cursor.take(self.pages.stream_page(&cursor.request()), &self.filter, ready)
            }
            Cursor::All(cursor) => {
                let page = self.pages.all_page(&cursor.request(&self.filter))?;
                Ok(cursor.take(page, ready))
            }
        }
    }
}

#[async_trait]
impl<P: Pages> Source for Follow<P> {
    async fn fill(&mut self, ready: &mut VecDeque<SubscriptionMessage>) -> Result<(), ReadError> {
        loop {
            self.pace.rest().await;
            // A reader that always finds something would otherwise never let other tasks of its thread run.
            tokio::task::coop::consume_budget().await;
            self.wake.borrow_and_update();
            let begun = Instant::now();
            let at_end = self.read(ready)?;
            // Each follower holds on to the pages, and hardly anybody else does.
            let followers = Arc::strong_count(&self.pages);
            self.pace.worked(begun.elapsed(), ready.len(), followers);
            if !at_end {
                self.caught_up = false;
            } else if !self.caught_up {
                self.caught_up = true;
                ready.push_back(SubscriptionMessage::CaughtUp);
            }
            if !ready.is_empty() {
                return Ok(());
            }
            if at_end {
                let woken = self.wake.changed().await;
                woken.map_err(|_| ReadError::unavailable("the store was closed"))?;
                self.pace.woken(followers);
            }
        }
    }

    fn hurry(&mut self) {
        self.pace.hurry();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        sync::atomic::{AtomicU32, Ordering},
        task::{Context, Poll, Waker},
    };

    use engine_types::{ExpectedRevision, StreamName};

    use super::*;
    use crate::{AllPage, AppendRequest, EventStore, NewEvent, ReadStream, StreamPage, memory::MemoryStore};

    /// The output of a future that need not wait.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits, although what it waits for is there"),
        }
    }

    /// A store to which an event is appended between the second look at it and the answer to that look.
    struct Late {
        store: MemoryStore,
        looks: AtomicU32,
        appended: watch::Sender<u64>,
    }

    impl Pages for Late {
        fn stream_page(&self, request: &ReadStream) -> Result<StreamPage, ReadError> {
            now(self.store.read_stream(request.clone()))
        }

        fn all_page(&self, request: &ReadAll) -> Result<AllPage, ReadError> {
            let page = now(self.store.read_all(request.clone()));
            if self.looks.fetch_add(1, Ordering::SeqCst) == 1 {
                let stream = StreamName::new("account-1").unwrap();
                let event = NewEvent::json(uuid::Uuid::from_u128(1), "Opened", &()).unwrap();
                let request = AppendRequest::to(stream, ExpectedRevision::NoStream, vec![event]);
                now(self.store.append(request)).unwrap();
                self.appended.send_modify(|count| *count += 1);
            }
            page
        }
    }

    #[test]
    fn an_append_between_the_last_look_and_the_wait_is_not_slept_through() {
        let appended = watch::Sender::new(0);
        let wake = appended.subscribe();
        let late = Arc::new(Late { store: MemoryStore::new(), looks: AtomicU32::new(0), appended });
        let to = SubscribeTo::All(SubscribeFrom::Start);
        let mut subscription = Follow::begin(late, wake, to, Filter::domain()).unwrap();
        assert_eq!(now(subscription.next()).unwrap(), SubscriptionMessage::CaughtUp);
        assert_eq!(now(subscription.next_event()).unwrap().stream.as_str(), "account-1");
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_gets_every_event_although_it_rests_and_gives_up_waiting_now_and_then() {
        let store = MemoryStore::new();
        let to = SubscribeTo::All(SubscribeFrom::Start);
        let mut crowd = Vec::new();
        for _ in 0..100 {
            crowd.push(store.subscribe(to.clone(), Filter::domain()).await.unwrap());
        }
        for number in 0..600 {
            let event = NewEvent::json(uuid::Uuid::from_u128(number), "Opened", &()).unwrap();
            let stream = StreamName::new("account-1").unwrap();
            store.append(AppendRequest::to(stream, ExpectedRevision::Any, vec![event])).await.unwrap();
        }
        let moment = std::time::Duration::from_micros(100);
        for follower in &mut crowd {
            for expected in 0..600 {
                let event = loop {
                    if let Ok(event) = tokio::time::timeout(moment, follower.next_event()).await {
                        break event.unwrap();
                    }
                };
                assert_eq!(event.position, Position(expected));
            }
        }
    }
}
