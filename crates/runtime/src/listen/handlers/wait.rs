//! Waiting for handlers: read your own writes.

use std::time::Duration;

use engine_types::Position;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::{Handlers, HandlersError, NotHandled, Running};
use crate::listen::{HandlerState, progress::Past, records::checkpoints, status::Status};

/// How often is looked how far other processes have come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

impl Handlers {
    /// Waits until a handler has handled everything up to this position: read your own writes.
    ///
    /// Events that are parked count as handled: they no longer hold up the others.
    ///
    /// # Errors
    /// An unknown name, [`HandlersError::Timeout`], and at once [`HandlersError::AtRest`] where the handler is
    /// paused or has stopped before it came as far.
    pub async fn wait_for(
        &self,
        name: &str,
        position: Position,
        limit: Duration,
    ) -> Result<(), HandlersError> {
        let running = self.find(name)?;
        let reached = running.progress.wait_for_all_up_to(position);
        running.wait(reached, limit, Instant::now() + limit).await.map_err(|reason| {
            let handler = name.to_owned();
            match reason {
                NotHandled::AtRest(state) => HandlersError::AtRest { handler, position, state },
                _ => HandlersError::Timeout { handler, position, limit },
            }
        })
    }

    /// Waits until a handler has handled everything up to this position, however long it takes.
    pub(crate) async fn wait_without_limit(&self, name: &str, position: Position) {
        if let Ok(running) = self.find(name) {
            running.progress.wait_for_all_up_to(position).await;
        }
    }

    /// Waits until every handler has found its place: it has handled what is there, or rests, or fails; no longer
    /// than this.
    pub async fn settle(&self, limit: Duration) {
        let head = self.inner.store.head().await.ok().flatten();
        let all = self.inner.running.values().map(|running| running.settle(head, limit));
        let _ = tokio::time::timeout(limit, join_all(all)).await;
    }

    /// Whether a handler can see events of this type in this stream.
    pub(crate) fn can_see(&self, name: &str, stream: &str, event_type: &str) -> bool {
        self.find(name).is_ok_and(|running| running.registered.filter().matches_names(stream, event_type))
    }

    /// Waits until a handler has handled this event, if it can see it.
    pub(crate) async fn wait_for_event(
        &self,
        name: &str,
        (stream, event_type): (&str, &str),
        position: Position,
        (limit, deadline): (Duration, Instant),
    ) -> Result<(), NotHandled> {
        let Ok(running) = self.find(name) else { return Ok(()) };
        if !running.registered.filter().matches_names(stream, event_type) {
            return Ok(());
        }
        match running.wait(running.progress.wait_for(position), limit, deadline).await? {
            Past::Handled => Ok(()),
            Past::Aside => Err(NotHandled::Parked),
        }
    }
}

impl Running {
    /// Waits until the handler has handled everything up to `head`, or will not for now.
    async fn settle(&self, head: Option<Position>, limit: Duration) {
        let has_begun =
            |status: &Status| !matches!(status.state, HandlerState::Starting | HandlerState::CatchingUp);
        // What was waited for locks the status: it is let go before the next wait, or the runner could not tell.
        let is_live = match self.status.clone().wait_for(has_begun).await {
            Ok(status) => status.state == HandlerState::Live,
            Err(_) => false,
        };
        if let (true, Some(head)) = (is_live, head) {
            let reached = self.progress.wait_for_all_up_to(head);
            let _ = self.wait(reached, limit, Instant::now() + limit).await;
        }
    }

    /// Waits for the handler to reach something, for as long as it moves and there is time.
    async fn wait<T>(
        &self,
        reached: impl Future<Output = T>,
        limit: Duration,
        deadline: Instant,
    ) -> Result<T, NotHandled> {
        let waited = async {
            tokio::select! {
                biased;
                reached = reached => Ok(reached),
                state = self.at_rest() => Err(NotHandled::AtRest(state)),
                () = self.look_elsewhere() => unreachable!("it looks for ever"),
            }
        };
        timeout_at(deadline, waited).await.unwrap_or(Err(NotHandled::Late { limit }))
    }

    /// Waits until the handler rests; answers how.
    async fn at_rest(&self) -> HandlerState {
        let mut status = self.status.clone();
        let state = status.wait_for(|status| status.state.is_at_rest()).await;
        // Where the runner is gone without a word, it was broken off.
        state.map_or(HandlerState::Ended, |status| status.state.clone())
    }

    /// Looks how far other processes have come, again and again.
    async fn look_elsewhere(&self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            self.look_once().await;
        }
    }

    /// Looks how far other processes have come, where some of the work is theirs.
    pub(super) async fn look_once(&self) {
        if self.progress.is_whole() {
            return;
        }
        let known = checkpoints::look(&*self.work.store, &self.work.handler, self.work.partitions).await;
        if let Ok(known) = known {
            let stored: Vec<_> = known.iter().map(|checkpoint| checkpoint.value.position).collect();
            self.progress.note_stored(&stored);
        }
    }
}
