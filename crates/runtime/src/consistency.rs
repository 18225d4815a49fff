//! Strong consistency: a command that counts as done when handlers have handled its events.

use std::{sync::Arc, time::Duration};

use engine_store::ReadError;
use engine_types::{Aggregate, CurrentRevision, Event, Position, Revision, command::InvalidCommand};
use tokio::time::{Instant, timeout_at};

use crate::{
    Bus, Consistency, Receipt, SendError, container,
    listen::{self, NotHandled},
    middleware::Dispatch,
};

/// How long is waited before events are looked for again where the store cannot be read, at first and at most.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Where an event stands, and its name on disk.
type Place = (Position, Arc<str>);

impl Bus {
    /// When a command counts as done.
    pub(crate) fn consistency_of<'a>(&'a self, dispatch: &'a Dispatch<'_>) -> &'a Consistency {
        dispatch.options.consistency.as_ref().unwrap_or_else(|| self.handlers().sends_now())
    }

    /// Checks, before a command is decided, that its consistency can be waited for.
    pub(crate) fn check_consistency(&self, consistency: &Consistency) -> Result<(), InvalidCommand> {
        for name in self.waited_for(consistency) {
            self.handlers().check_name(name).map_err(|fault| InvalidCommand::field("consistency", fault))?;
            if listen::handling_now().as_deref() == Some(name) {
                let fault =
                    format!("handler `{name}` would wait for itself: send without strong consistency");
                return Err(InvalidCommand::field("consistency", fault));
            }
        }
        Ok(())
    }

    /// Waits until the handlers that can see the events of a receipt have handled them.
    pub(crate) async fn wait_until_handled<A: Aggregate, R>(
        &self,
        receipt: &Receipt<A>,
        consistency: &Consistency,
        started: Instant,
        limit: Duration,
    ) -> Result<(), SendError<R>> {
        let (Some(last), CurrentRevision::At(revision)) = (receipt.position, receipt.revision) else {
            return Ok(());
        };
        let deadline = started + limit;
        let not_yet = |handler: &str, position, reason| SendError::NotYetHandled {
            handler: handler.to_owned(),
            stream: receipt.stream.clone(),
            revision: receipt.revision,
            position,
            reason,
        };
        let names = self.waited_for(consistency);
        let Some(first) = names.first() else { return Ok(()) };
        let placing = timeout_at(deadline, self.places(receipt, (revision, last), &names));
        let Ok(places) = placing.await else { return Err(not_yet(first, last, NotHandled::Late { limit })) };
        for name in names {
            for (position, event_type) in &places {
                let event = (receipt.stream.as_str(), &**event_type);
                let handled = self.handlers().wait_for_event(name, event, *position, (limit, deadline)).await;
                handled.map_err(|reason| not_yet(name, *position, reason))?;
            }
        }
        Ok(())
    }

    /// Where the events of a receipt stand, each with its name on disk.
    ///
    /// An append tells where its last event stands, and how far apart positions are is the store's affair: where
    /// these handlers can see others too, those are looked up.
    async fn places<A: Aggregate>(
        &self,
        receipt: &Receipt<A>,
        (revision, last): (Revision, Position),
        names: &[&str],
    ) -> Vec<Place> {
        let newest = receipt.events.last().map(|event| (last, Arc::from(event.event_type().name)));
        let earlier = receipt.events.split_last().map_or(&[][..], |(_, earlier)| earlier);
        let is_seen = |event: &A::Event| {
            let (stream, event_type) = (receipt.stream.as_str(), event.event_type().name);
            names.iter().any(|name| self.handlers().can_see(name, stream, event_type))
        };
        // A repeated command tells its events as they read today, which is not what handlers are chosen by.
        if !receipt.duplicate && !earlier.iter().any(is_seen) {
            return newest.into_iter().collect();
        }
        let mut pause = LOOK_AGAIN.0;
        loop {
            let store = &*self.inner.store;
            match container::events_of(store, &receipt.stream, revision, receipt.command_id).await {
                // The stream was deleted meanwhile.
                Ok(events) if events.is_empty() => return newest.into_iter().collect(),
                Ok(events) => {
                    return events.into_iter().map(|event| (event.position, event.event_type)).collect();
                }
                Err(ReadError::StreamDeleted { .. }) => return newest.into_iter().collect(),
                Err(error) => tracing::debug!(%error, "where the events stand is looked up again"),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LOOK_AGAIN.1);
        }
    }

    /// The handlers that a consistency waits for.
    fn waited_for<'a>(&'a self, consistency: &'a Consistency) -> Vec<&'a str> {
        match consistency {
            Consistency::Eventual => Vec::new(),
            Consistency::Strong => self.handlers().strong().collect(),
            Consistency::Handlers(names) => names.iter().map(String::as_str).collect(),
        }
    }
}
