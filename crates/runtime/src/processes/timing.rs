//! The timers of an instance: noted where they are looked for, and sent when they are due.

use std::time::Duration;

use engine_types::ProcessManager;

use super::{
    append::{Overtaken, due_entry_id},
    entry::{TIMER, TimerDue},
    instance::{Instance, Origin, Waiting},
    manager::Manager,
    standing::Stands,
};
use crate::{
    listen::HandlerError,
    timers::{Owner, Record, TimerId},
};

impl Waiting {
    /// Its identity in the calendar.
    pub(super) fn timer_id(&self) -> TimerId {
        TimerId::new(self.due(), self.command.id)
    }
}

impl<P: ProcessManager> Manager<P> {
    /// Notes the timers that are not noted yet where they are looked for when they are due, and strikes those out
    /// that wait no more. One that is left there by a crash is found out when it is due.
    pub(super) async fn note_timers(&self, instance: &mut Instance<P>) -> Result<(), HandlerError> {
        while let Some(name) = instance.unnoted.first().cloned() {
            if let Some(waiting) = instance.timers.get(&name) {
                let record = Record {
                    command: waiting.command.name.to_string(),
                    target: waiting.command.target.clone(),
                    owner: Owner::Process {
                        process: P::NAME.to_owned(),
                        instance: instance.id().to_owned(),
                        name: name.clone(),
                    },
                };
                self.calendar.note(waiting.timer_id(), &record).await.map_err(HandlerError::new)?;
            }
            instance.unnoted.remove(&name);
        }
        while let Some(waiting) = instance.stale.last() {
            self.calendar.strike(waiting.timer_id()).await.map_err(HandlerError::new)?;
            instance.stale.pop();
        }
        Ok(())
    }

    /// Sends the command of a timer that is due, if the instance still waits for it; finishes what was begun before
    /// a crash.
    pub(super) async fn timer_is_due(
        &self,
        id: &str,
        name: &str,
        timer: TimerId,
    ) -> Result<(), HandlerError> {
        let kept = self.instance(id)?;
        let mut instance = kept.value.lock().await;
        let instance = &mut *instance;
        let mut tries = 0;
        loop {
            self.load(instance).await?;
            let waiting = instance.timers.get(name).filter(|waiting| waiting.timer_id() == timer).cloned();
            let Some(waiting) = waiting else { break };
            if self.note_due(instance, name, &waiting).await? == Ok(()) {
                break;
            }
            tries += 1;
            if tries > self.options.conflict_retries {
                let fault = format!("stream `{}` was changed by others again and again", instance.stream);
                return Err(HandlerError::new(fault));
            }
        }
        self.carry_out(instance, &Origin::Timer(timer.command_id())).await
    }

    async fn note_due(
        &self,
        instance: &mut Instance<P>,
        name: &str,
        waiting: &Waiting,
    ) -> Result<Result<(), Overtaken>, HandlerError> {
        let now = self.clock.now();
        let limit = waiting.skip_if_late_by_ms.map(Duration::from_millis);
        let skipped = limit.is_some_and(|limit| now.since(waiting.due()) > limit);
        let command = waiting.command.id;
        let stands = Stands::without_one_timer(instance);
        let entry = TimerDue { name: name.to_owned(), command, at_us: now.as_micros(), skipped, stands };
        let id = due_entry_id(&instance.stream, command);
        let correlation_id = instance.correlation_id.clone();
        let causes = (correlation_id.as_ref(), waiting.cause);
        let appended = self.append(instance, id, (TIMER, &entry), causes).await?;
        Ok(appended.map(|revision| instance.note_due(name, skipped, revision)))
    }
}
