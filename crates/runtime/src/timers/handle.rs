//! Setting, cancelling and listing timers.

use std::sync::Arc;

use engine_store::{AppendError, Clock, ReadError, Timestamp};
use engine_types::{
    Command, CommandId, CorrelationId, Decide,
    process_manager::{Due, Outgoing, Timer},
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    calendar::Calendar,
    record::{Owner, Record, Sending, Step, TimerId},
    schedule::Schedule,
};
use crate::{Bus, IdGenerator, listen::records::Versioned};

/// How often a change is tried again when others change the timer at the same time.
const CHANGES: usize = 20;

/// The timers of a running application.
///
/// They are sent where the application has process managers, or says [`App::timers`](crate::App::timers).
#[derive(Debug)]
pub struct Timers {
    calendar: Calendar,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn IdGenerator>,
    /// Absent where nothing is sent.
    schedule: Option<Schedule>,
}

/// Why a timer could not be set, cancelled or listed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TimersError {
    /// Nothing would send it.
    #[error("this application sends no timers: say `App::timers()`")]
    NotKept,
    /// The command cannot be sent, now or later.
    #[error("{0}")]
    Invalid(String),
    /// It waits no more: it was sent, or cancelled, or never set.
    #[error("no timer `{0}` waits: it was sent, or cancelled, or never set")]
    NotWaiting(TimerId),
    /// It is being sent.
    #[error("timer `{0}` is due and being sent: it cannot be cancelled any more")]
    IsDue(TimerId),
    /// It belongs to a process manager.
    #[error(
        "timer `{id}` belongs to `{process}` instance `{instance}`, which alone can cancel it: stop the instance"
    )]
    OfProcess {
        /// The timer.
        id: TimerId,
        /// The process manager.
        process: String,
        /// The instance.
        instance: String,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Write(#[from] AppendError),
}

/// A page of timers.
#[derive(Debug, Clone, Serialize)]
pub struct TimersPage {
    /// The timers, those that are due first before the others.
    pub timers: Vec<TimerReport>,
    /// Where the next page begins, if there is one: after this timer.
    pub next: Option<TimerId>,
}

/// A timer that waits.
#[derive(Debug, Clone, Serialize)]
pub struct TimerReport {
    /// Its identity.
    pub id: TimerId,
    /// When it is due.
    pub due: Timestamp,
    /// The name of the command that is sent then.
    pub command: String,
    /// The stream of the instance that it is sent to.
    pub target: String,
    /// The process manager that has set it, if one has.
    pub process: Option<String>,
    /// Its instance.
    pub instance: Option<String>,
    /// The name of the timer there.
    pub name: Option<String>,
    /// Why it is due and not sent yet, if it is so in this process.
    pub error: Option<String>,
}

impl Timers {
    pub(crate) fn new(
        calendar: Calendar,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdGenerator>,
        schedule: Option<Schedule>,
    ) -> Self {
        Timers { calendar, clock, ids, schedule }
    }

    /// Has a command sent when it is due. Where that is past, it is sent at once.
    ///
    /// # Errors
    /// A command that cannot be sent, an application that keeps no timers, and the failures of the store.
    pub async fn set(&self, timer: Timer) -> Result<TimerId, TimersError> {
        self.set_as(timer, None, None).await
    }

    /// The same, and says which command it is, so that it takes effect once however often it is set, and what the whole
    /// chain of causes is called. Set again for the same time, it is the same timer.
    ///
    /// # Errors
    /// As [`Timers::set`].
    pub async fn set_as(
        &self,
        timer: Timer,
        command_id: Option<CommandId>,
        correlation_id: Option<CorrelationId>,
    ) -> Result<TimerId, TimersError> {
        if self.schedule.is_none() {
            return Err(TimersError::NotKept);
        }
        let Timer { due, command, skip_if_late_by, .. } = timer;
        if let Some(fault) = command.fault() {
            return Err(TimersError::Invalid(fault));
        }
        let Outgoing { name, target, body, timeout, consistency, metadata, .. } = command;
        let body = body.and_then(|body| RawValue::from_string(body).map_err(|fault| fault.to_string()));
        let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let sending = Sending {
            body: body.map_err(TimersError::Invalid)?,
            name: name.to_string(),
            timeout_ms: timeout.map(millis),
            consistency,
            metadata,
            correlation_id,
            skip_if_late_by_ms: skip_if_late_by.map(millis),
            step: Step::Waits,
        };
        let command_id = command_id.unwrap_or_else(|| CommandId(self.ids.next()));
        let id = TimerId::new(due.at(self.clock.now()), command_id);
        let record = Record { command: name.into_owned(), target, owner: Owner::Sender(Box::new(sending)) };
        self.calendar.note(id, &record).await?;
        Ok(id)
    }

    /// Cancels a timer, which is then never sent.
    ///
    /// # Errors
    /// A timer that waits no more, or that a process manager has set, and the failures of the store.
    pub async fn cancel(&self, id: TimerId) -> Result<(), TimersError> {
        for _ in 0..CHANGES {
            let Some(Versioned { value: record, version }) = self.calendar.look_up(id).await? else {
                return Err(TimersError::NotWaiting(id));
            };
            let sending = match record.owner {
                Owner::Process { process, instance, .. } => {
                    return Err(TimersError::OfProcess { id, process, instance });
                }
                Owner::Sender(sending) => sending,
            };
            if sending.step == Step::Due {
                return Err(TimersError::IsDue(id));
            }
            let owner = Owner::Sender(Box::new(Sending { step: Step::Cancelled, ..*sending }));
            if self.calendar.change(id, &Record { owner, ..record }, version).await? {
                self.calendar.strike(id).await?;
                return Ok(());
            }
        }
        Err(TimersError::IsDue(id))
    }

    /// The timers that wait, those that are due first before the others, a page of at most `limit`, after this one.
    ///
    /// # Errors
    /// The failures of the store.
    pub async fn list(&self, after: Option<TimerId>, limit: usize) -> Result<TimersPage, TimersError> {
        let ids = self.calendar.next(after, limit.max(1)).await?;
        let next = ids.last().copied().filter(|_| ids.len() >= limit.max(1));
        let mut timers = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(Versioned { value: record, .. }) = self.calendar.look_up(id).await? {
                timers.extend(self.report(id, record));
            }
        }
        Ok(TimersPage { timers, next })
    }

    fn report(&self, id: TimerId, record: Record) -> Option<TimerReport> {
        let (process, instance, name) = match record.owner {
            Owner::Process { process, instance, name } => (Some(process), Some(instance), Some(name)),
            Owner::Sender(sending) if sending.step == Step::Cancelled => return None,
            Owner::Sender(_) => (None, None, None),
        };
        let error = self.schedule.as_ref().and_then(|schedule| schedule.fault(id));
        let (command, target) = (record.command, record.target);
        Some(TimerReport { id, due: id.due(), command, target, process, instance, name, error })
    }

    pub(crate) async fn end(&self) {
        if let Some(schedule) = &self.schedule {
            schedule.end().await;
        }
    }
}

impl Bus {
    /// Has a command sent when it is due: at a time, or after a while. It waits in the store, over restarts too.
    ///
    /// For options, see [`Timers::set`].
    ///
    /// # Errors
    /// As [`Timers::set`].
    pub async fn send_command_at<C>(&self, command: C, due: impl Into<Due>) -> Result<TimerId, TimersError>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        let timer =
            Timer { name: String::new(), due: due.into(), command: command.into(), skip_if_late_by: None };
        self.timers().set(timer).await
    }

    /// Cancels a timer, which is then never sent.
    ///
    /// # Errors
    /// As [`Timers::cancel`].
    pub async fn cancel(&self, timer: TimerId) -> Result<(), TimersError> {
        self.timers().cancel(timer).await
    }
}
