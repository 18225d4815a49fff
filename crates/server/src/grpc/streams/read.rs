//! Reads: page after page, as the client takes them.

use std::{collections::VecDeque, sync::Arc};

use engine_store::{Direction, ReadAll, ReadError, ReadFrom, ReadStream, RecordedEvent};
use engine_types::{Position, Revision, StreamName};
use futures_util::stream::{self, Stream};
use tonic::Status;

use super::reply::{self, Form};
use crate::{
    core::Core,
    grpc::{filter::EventFilter, status},
    proto::streams::ReadResp,
};

/// What is read, and how far it has come.
pub(super) struct Reader {
    core: Arc<Core>,
    source: Source,
    /// How many events are still wanted.
    left: u64,
    form: Form,
    ready: VecDeque<ReadResp>,
    page_events: usize,
    done: bool,
}

enum Source {
    Stream {
        stream: StreamName,
        from: ReadFrom<Revision>,
        direction: Direction,
        tell_ends: bool,
        begun: bool,
    },
    All {
        from: ReadFrom<Position>,
        direction: Direction,
        filter: EventFilter,
    },
}

impl Reader {
    /// Begins a read of one stream. Its first page is read here, so that what cannot be read fails at once.
    pub(super) async fn stream(
        core: Arc<Core>,
        form: Form,
        request: ReadStream,
        count: u64,
        tell_ends: bool,
    ) -> Result<Self, Status> {
        let ReadStream { stream, from, direction, .. } = request;
        let source = Source::Stream { stream, from, direction, tell_ends, begun: false };
        Reader::begin(core, form, source, count).await
    }

    /// Begins a read of all streams.
    pub(super) async fn all(
        core: Arc<Core>,
        form: Form,
        from: Option<ReadFrom<Position>>,
        direction: Direction,
        count: u64,
        filter: EventFilter,
    ) -> Result<Self, Status> {
        let count = if from.is_some() { count } else { 0 };
        let source = Source::All { from: from.unwrap_or(ReadFrom::Start), direction, filter };
        Reader::begin(core, form, source, count).await
    }

    async fn begin(core: Arc<Core>, form: Form, source: Source, count: u64) -> Result<Self, Status> {
        let page_events = core.limits.page_events.max(1);
        let mut reader =
            Reader { core, source, left: count, form, ready: VecDeque::new(), page_events, done: false };
        reader.fill().await?;
        Ok(reader)
    }

    /// The answers, one after the other.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<ReadResp, Status>> + Send {
        stream::unfold(Some(self), async |reader| {
            let mut reader = reader?;
            loop {
                if let Some(ready) = reader.ready.pop_front() {
                    return Some((Ok(ready), Some(reader)));
                }
                if reader.done {
                    return None;
                }
                if let Err(status) = reader.fill().await {
                    return Some((Err(status), None));
                }
                // A store may answer at once, again and again, that nothing matches: others are to have their turn.
                if reader.ready.is_empty() {
                    tokio::task::yield_now().await;
                }
            }
        })
    }

    /// Reads the next page.
    async fn fill(&mut self) -> Result<(), Status> {
        let limit = self.page_events.min(usize::try_from(self.left).unwrap_or(usize::MAX)).max(1);
        match &mut self.source {
            Source::Stream { .. } => self.fill_from_stream(limit).await,
            Source::All { .. } => self.fill_from_all(limit).await,
        }
    }

    async fn fill_from_stream(&mut self, limit: usize) -> Result<(), Status> {
        let Source::Stream { stream, from, direction, tell_ends, begun } = &mut self.source else {
            return Ok(());
        };
        let request = ReadStream { stream: stream.clone(), from: *from, direction: *direction, limit };
        let page = match self.core.store.read_stream(request).await {
            Ok(page) => page,
            Err(ReadError::StreamNotFound { stream }) => {
                // Deleted while it was being read, it ends where it was.
                if !*begun {
                    self.ready.push_back(reply::not_found(&stream));
                }
                self.done = true;
                return Ok(());
            }
            Err(error) => return Err(status::of_read(error)),
        };
        let tell_ends = *tell_ends;
        if let Some(first) = page.events.first()
            && !std::mem::replace(begun, true)
            && tell_ends
            && *direction == Direction::Forwards
            && first.revision > asked_for(*from)
        {
            self.ready.push_back(reply::first_revision(first.revision));
        }
        self.done = match page.next {
            Some(next) => {
                *from = ReadFrom::At(next);
                false
            }
            None => true,
        };
        self.add(page.events).await?;
        if self.done && tell_ends {
            self.ready.push_back(reply::last_revision(page.last));
        }
        Ok(())
    }

    async fn fill_from_all(&mut self, limit: usize) -> Result<(), Status> {
        let Source::All { from, direction, filter } = &mut self.source else { return Ok(()) };
        if self.left == 0 {
            self.done = true;
            return Ok(());
        }
        let request = ReadAll { from: *from, direction: *direction, limit, filter: filter.for_store() };
        let page = self.core.store.read_all(request).await.map_err(status::of_read)?;
        self.done = match page.next {
            Some(next) if !page.end => {
                *from = ReadFrom::At(next);
                false
            }
            _ => true,
        };
        let mut wanted = Vec::with_capacity(page.events.len());
        for event in page.events {
            if filter.matches(&event)? {
                wanted.push(event);
            }
        }
        self.add(wanted).await
    }

    /// Adds events, as many as are still wanted.
    async fn add(&mut self, events: Vec<RecordedEvent>) -> Result<(), Status> {
        let bytes: usize = events.iter().map(|event| event.data.len() + event.metadata.len()).sum();
        self.page_events = next_page(self.page_events, events.len(), bytes, &self.core.limits);
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX);
        self.core.metrics.events_read.add(events.len().min(wanted) as u64);
        for event in events.into_iter().take(wanted) {
            let reply = reply::event(&*self.core.store, event, &self.form).await?;
            self.ready.push_back(reply);
            self.left -= 1;
        }
        self.done |= self.left == 0;
        Ok(())
    }
}

/// The revision from which events were asked for.
fn asked_for(from: ReadFrom<Revision>) -> Revision {
    match from {
        ReadFrom::Start => Revision::FIRST,
        ReadFrom::At(revision) => revision,
        ReadFrom::End => Revision(u64::MAX),
    }
}

/// How many events the next page may hold, so that it has about as many bytes as are allowed.
fn next_page(last: usize, events: usize, bytes: usize, limits: &crate::Limits) -> usize {
    if events == 0 {
        return last;
    }
    let typical = (bytes / events).max(1);
    (limits.page_bytes / typical).clamp(1, limits.page_events.max(1)).min(last.saturating_mul(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_shrink_with_large_events_and_grow_again() {
        let limits = crate::Limits { page_events: 256, page_bytes: 1_000_000, ..Default::default() };
        let small = next_page(256, 256, 256 * 500_000, &limits);
        assert_eq!(small, 2);
        assert_eq!(next_page(small, 2, 200, &limits), 4);
        assert_eq!(next_page(200, 200, 200, &limits), 256);
        assert_eq!(next_page(7, 0, 0, &limits), 7);
    }
}
