//! Where a subscription by pages stands: which page is the next, and what a page that was read tells. Pure.

use engine_types::{Position, Revision, StreamName};

use super::{SubscribeFrom, SubscriptionMessage};
use crate::{AllPage, Direction, Filter, ReadAll, ReadError, ReadFrom, ReadStream, StreamPage};

/// How many events a subscription holds in memory at most.
const PAGE_EVENTS: usize = 256;

/// A place in a stream.
#[derive(Debug)]
pub struct StreamCursor {
    stream: StreamName,
    next: Revision,
}

/// A place among all events.
#[derive(Debug)]
pub struct AllCursor(Position);

impl StreamCursor {
    /// What is read to know where a stream ends.
    pub fn newest(stream: &StreamName) -> ReadStream {
        ReadStream::backwards(stream.clone()).limit(1)
    }

    /// The place where a subscription begins, given what was read of the end.
    ///
    /// # Errors
    /// Those of that read; but a stream that does not exist yet is an empty one to a subscriber.
    pub fn begin(
        stream: StreamName,
        from: SubscribeFrom<Revision>,
        newest: Result<StreamPage, ReadError>,
    ) -> Result<Self, ReadError> {
        let last = existing(newest)?;
        let next = match from {
            SubscribeFrom::Start => Revision::FIRST,
            SubscribeFrom::After(revision) => revision.next(),
            SubscribeFrom::End => last.map_or(Revision::FIRST, |page| page.last.next()),
        };
        Ok(StreamCursor { stream, next })
    }

    /// What is read next.
    pub fn request(&self) -> ReadStream {
        ReadStream {
            stream: self.stream.clone(),
            from: ReadFrom::At(self.next),
            direction: Direction::Forwards,
            limit: PAGE_EVENTS,
        }
    }

    /// Goes on behind a page, and says what to deliver of it and whether it was the last for now.
    ///
    /// # Errors
    /// Those of the read; but a stream that does not exist yet is an empty one to a subscriber.
    pub fn take(
        &mut self,
        page: Result<StreamPage, ReadError>,
        filter: &Filter,
        ready: &mut impl Extend<SubscriptionMessage>,
    ) -> Result<bool, ReadError> {
        let Some(page) = existing(page)? else { return Ok(true) };
        self.next = page.next.unwrap_or_else(|| page.last.next().max(self.next));
        let wanted = page.events.into_iter().filter(|event| filter.matches(event));
        ready.extend(wanted.map(SubscriptionMessage::Event));
        Ok(page.next.is_none())
    }
}

impl AllCursor {
    /// The place at which the next event is read.
    pub fn at(next: Position) -> Self {
        AllCursor(next)
    }

    /// What is read next.
    pub fn request(&self, filter: &Filter) -> ReadAll {
        ReadAll {
            from: ReadFrom::At(self.0),
            direction: Direction::Forwards,
            limit: PAGE_EVENTS,
            filter: filter.clone(),
        }
    }

    /// Goes on behind a page, and says what to deliver of it and whether it was the last for now.
    pub fn take(&mut self, page: AllPage, ready: &mut impl Extend<SubscriptionMessage>) -> bool {
        let before = self.0;
        self.0 = page.next.unwrap_or(before);
        let last_delivered = page.events.last().map(|event| event.position);
        ready.extend(page.events.into_iter().map(SubscriptionMessage::Event));
        let seen = self.0.previous().filter(|_| self.0 > before);
        if seen > last_delivered {
            ready.extend(seen.map(SubscriptionMessage::Progress));
        }
        page.end
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
