//! Following a command: waiting until the process managers have done what comes of it.

use std::time::Duration;

use engine_store::{ReadAll, ReadError, ReadStream, RecordedEvent};
use engine_types::{Aggregate, CorrelationId, CurrentRevision, Position, Revision, StreamName};
use tokio::time::{Instant, timeout_at};

use super::Processes;
use crate::{
    JsonReceipt, Receipt,
    listen::{self, NotHandled},
};

/// Where a command has left its events, and what the chain of its consequences is called.
#[derive(Debug, Clone, Copy)]
pub struct Trail<'a> {
    stream: &'a StreamName,
    /// The newest of the events.
    revision: CurrentRevision,
    position: Option<Position>,
    events: usize,
    correlation_id: &'a CorrelationId,
}

/// How soon is looked again for events that cannot be read yet, because others are being written before them.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

impl<'a, A: Aggregate> From<&'a Receipt<A>> for Trail<'a> {
    fn from(receipt: &'a Receipt<A>) -> Self {
        let Receipt { stream, revision, position, events, correlation_id, .. } = receipt;
        let (revision, position) = (*revision, *position);
        Trail { stream, revision, position, events: events.len(), correlation_id }
    }
}

impl<'a> From<&'a JsonReceipt> for Trail<'a> {
    fn from(receipt: &'a JsonReceipt) -> Self {
        let JsonReceipt { stream, revision, position, events, correlation_id, .. } = receipt;
        let (revision, position) = (*revision, *position);
        Trail { stream, revision, position, events: events.len(), correlation_id }
    }
}

/// Why not everything that comes of a command has been done. The command itself has taken effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotFollowed {
    /// A process manager has not handled an event of the chain.
    #[error("process manager `{process}` has not handled `{event_type}` of `{stream}`: {reason}")]
    NotHandled {
        /// The process manager.
        process: String,
        /// The stream of the event.
        stream: StreamName,
        /// Its name on disk.
        event_type: String,
        /// Why.
        reason: NotHandled,
    },
    /// The store did not answer in time.
    #[error("the store did not tell within {} ms what comes of the command", .limit.as_millis())]
    Late {
        /// How long was waited.
        limit: Duration,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] ReadError),
}

impl Processes {
    /// Waits until the process managers have done what comes of a command: they have handled its events, those of
    /// the commands that these led to, and so on. Timers that were set are not waited for.
    ///
    /// Called by a process manager's own work, it does not wait for that process manager.
    ///
    /// # Errors
    /// See [`NotFollowed`].
    pub async fn follow(
        &self,
        trail: impl Into<Trail<'_>> + Send,
        limit: Duration,
    ) -> Result<(), NotFollowed> {
        let trail = trail.into();
        let deadline = Instant::now() + limit;
        if self.managers.is_empty() {
            return Ok(());
        }
        let Some(mut next) = self.first(trail, limit, deadline).await? else { return Ok(()) };
        loop {
            let reading = self.store.read_all(ReadAll::forwards().from(next));
            let page = timeout_at(deadline, reading).await.map_err(|_| NotFollowed::Late { limit })??;
            let mut has_waited = false;
            for event in &page.events {
                if event.parsed_metadata().correlation_id.as_ref() == Some(trail.correlation_id) {
                    has_waited |= self.wait_for_event(event, (limit, deadline)).await?;
                }
            }
            next = page.next.unwrap_or(next);
            // What was handled has led to what stands behind this page by now.
            if page.end && !has_waited {
                if trail.position < Some(next) {
                    return Ok(());
                }
                let pause = tokio::time::sleep(LOOK_AGAIN);
                timeout_at(deadline, pause).await.map_err(|_| NotFollowed::Late { limit })?;
            }
        }
    }

    /// Waits until the process managers have handled everything that is stored, and what that has led to, or rest; no
    /// longer than this.
    pub async fn settle(&self, limit: Duration) {
        let all = async {
            let mut settled = None;
            while let Ok(Some(head)) = self.store.head().await {
                if settled == Some(head) {
                    return;
                }
                for name in self.names() {
                    // One that rests has settled too.
                    let _ = self.handlers.wait_for(name, head, limit).await;
                }
                settled = Some(head);
            }
        };
        let _ = tokio::time::timeout(limit, all).await;
    }

    /// Where the first event of a command stands.
    async fn first(
        &self,
        trail: Trail<'_>,
        limit: Duration,
        deadline: Instant,
    ) -> Result<Option<Position>, NotFollowed> {
        let Trail { stream, revision: CurrentRevision::At(last), events: 1.., .. } = trail else {
            return Ok(None);
        };
        let first = Revision(last.0.saturating_sub(trail.events as u64 - 1));
        let request = ReadStream::forwards(stream.clone()).from(first).limit(1);
        match timeout_at(deadline, self.store.read_stream(request)).await {
            Err(_) => Err(NotFollowed::Late { limit }),
            Ok(Ok(page)) => Ok(page.events.first().map(|event| event.position)),
            // Somebody has deleted the stream since: nobody can say any more what came of the command.
            Ok(Err(ReadError::StreamNotFound { .. } | ReadError::StreamDeleted { .. })) => Ok(None),
            Ok(Err(error)) => Err(error.into()),
        }
    }

    /// Waits until all process managers that can see an event have handled it; answers whether there are any.
    async fn wait_for_event(
        &self,
        event: &RecordedEvent,
        patience: (Duration, Instant),
    ) -> Result<bool, NotFollowed> {
        let own = listen::handling_now();
        let mut has_waited = false;
        for name in self.names().filter(|name| own.as_deref() != Some(*name)) {
            let (stream, event_type) = (event.stream.as_str(), &*event.event_type);
            if !self.handlers.can_see(name, stream, event_type) {
                continue;
            }
            has_waited = true;
            let handled =
                self.handlers.wait_for_event(name, (stream, event_type), event.position, patience).await;
            handled.map_err(|reason| NotFollowed::NotHandled {
                process: name.to_owned(),
                stream: event.stream.clone(),
                event_type: event_type.to_owned(),
                reason,
            })?;
        }
        Ok(has_waited)
    }
}
