//! Strong consistency: a command that counts as done when handlers have handled its events.

use std::time::Duration;

use engine_types::{Aggregate, Event, Position, command::InvalidCommand};
use tokio::time::Instant;

use crate::{Bus, Consistency, Receipt, SendError, listen};

impl Bus {
    /// Checks, before a command is decided, that its consistency can be waited for.
    pub(crate) fn check_consistency(&self, consistency: &Consistency) -> Result<(), InvalidCommand> {
        let names: Vec<&str> = match consistency {
            Consistency::Eventual => return Ok(()),
            Consistency::Strong => self.handlers().strong().collect(),
            Consistency::Handlers(names) => names.iter().map(String::as_str).collect(),
        };
        for name in names {
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
        let names: Vec<&str> = match consistency {
            Consistency::Eventual => return Ok(()),
            Consistency::Strong => self.handlers().strong().collect(),
            Consistency::Handlers(names) => names.iter().map(String::as_str).collect(),
        };
        let Some(last) = receipt.position else { return Ok(()) };
        // The events of one append stand next to each other.
        let first = last.0.saturating_sub(receipt.events.len() as u64 - 1);
        for name in names {
            for (position, event) in (first..).map(Position).zip(&receipt.events) {
                let event = (receipt.stream.as_str(), event.event_type().name);
                let handled =
                    self.handlers().wait_for_event(name, event, position, (limit, started + limit)).await;
                handled.map_err(|reason| SendError::NotYetHandled {
                    handler: name.to_owned(),
                    stream: receipt.stream.clone(),
                    revision: receipt.revision,
                    position,
                    reason,
                })?;
            }
        }
        Ok(())
    }
}
