//! Sending the command of a timer that is due: once, whatever crashes.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine_store::{Clock, EventStore};

use super::{
    calendar::Calendar,
    record::{Owner, Record, Sending, Step, TimerId},
};
use crate::{
    SendError, SendOptions,
    listen::records::Versioned,
    processes::{AnyManager, Door},
};

/// What timers are sent with.
pub(crate) struct Firing {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) calendar: Calendar,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) door: Door,
    pub(crate) managers: BTreeMap<&'static str, Arc<dyn AnyManager>>,
}

impl Firing {
    /// Sends the command of a timer that is due, and forgets the timer.
    pub(super) async fn fire(&self, id: TimerId) -> Result<(), String> {
        let Some(Versioned { value: record, version }) = self.calendar.look_up(id).await.map_err(text)?
        else {
            return Ok(());
        };
        match &record.owner {
            Owner::Process { process, instance, name } => {
                let Some(manager) = self.managers.get(process.as_str()) else {
                    return Err(format!("there is no process manager `{process}` any more: add it again"));
                };
                manager.timer_is_due(instance, name, id).await?;
            }
            Owner::Sender(sending) => {
                if !self.send(id, &record, sending, version).await? {
                    return Err("it was changed while it was sent".to_owned());
                }
            }
        }
        self.calendar.strike(id).await.map_err(text)
    }

    /// Sends a command that somebody has set; says whether that is settled.
    async fn send(
        &self,
        id: TimerId,
        record: &Record,
        sending: &Sending,
        version: u64,
    ) -> Result<bool, String> {
        if sending.step == Step::Cancelled {
            return Ok(true);
        }
        let late_by = self.clock.now().since(id.due());
        let skips =
            sending.skip_if_late_by_ms.map(Duration::from_millis).is_some_and(|limit| late_by > limit);
        if skips && sending.step == Step::Waits {
            tracing::warn!(timer = %id, command = sending.name, ?late_by, "a timer was too late and is given up");
            return Ok(true);
        }
        if sending.step == Step::Waits {
            let mut record = record.clone();
            record.owner = Owner::Sender(Box::new(Sending { step: Step::Due, ..sending.clone() }));
            if !self.calendar.change(id, &record, version).await.map_err(text)? {
                return Ok(false);
            }
        }
        let Some(bus) = self.door.bus().await else { return Err("the application was closed".to_owned()) };
        let options = SendOptions {
            command_id: Some(id.command_id()),
            correlation_id: sending.correlation_id.clone(),
            metadata: sending.metadata.clone(),
            consistency: sending.consistency.clone(),
            timeout: sending.timeout_ms.map(Duration::from_millis),
            ..SendOptions::default()
        };
        match bus.send_json(&sending.name, sending.body.get(), options).await {
            Ok(()) | Err(SendError::NotYetHandled { .. }) => Ok(true),
            Err(error @ (SendError::Rejected(_) | SendError::Halted(_) | SendError::Deleted(_))) => {
                tracing::warn!(timer = %id, command = sending.name, %error, "the command of a timer was refused");
                Ok(true)
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
