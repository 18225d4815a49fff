//! Carrying out what was decided: commands go out in their order, and refusals are told.

use engine_types::{
    CausationId, ProcessManager,
    process_manager::{
        Trouble,
        step::{Step, reject},
    },
};

use super::{
    append::{Overtaken, entry_id},
    entry::{Decided, REFUSED, Refused},
    instance::{Instance, Origin, Pending},
    manager::Manager,
    standing::Stands,
};
use crate::{
    SendError, SendOptions,
    erased::Refusal,
    listen::{self, HandlerError},
    panics::guarded,
};

/// How many refusals of commands one event may lead to.
const MAX_REFUSALS: u32 = 100;

/// What became of a command.
enum Answer {
    Accepted,
    Refused { kind: &'static str, refusal: Refusal },
}

impl<P: ProcessManager> Manager<P> {
    /// Sends the commands of this origin that have no answer yet, and notes the timers that are not noted yet.
    pub(super) async fn carry_out(
        &self,
        instance: &mut Instance<P>,
        origin: &Origin,
    ) -> Result<(), HandlerError> {
        let mut refusals = 0;
        self.note_timers(instance).await?;
        while let Some(pending) = instance.pending.iter().find(|pending| pending.origin == *origin) {
            let (answer, command) = (self.send(instance, pending).await?, pending.command.id);
            match answer {
                Answer::Accepted => drop(instance.answered(command)),
                Answer::Refused { kind, refusal } => {
                    refusals += 1;
                    if refusals > MAX_REFUSALS {
                        let last = &refusal.message;
                        let fault = format!(
                            "{MAX_REFUSALS} commands were refused one after the other, the last: {last}"
                        );
                        return Err(HandlerError::park(fault));
                    }
                    let pending = pending.clone();
                    self.tell_refusal(instance, &pending, kind, refusal).await?;
                    self.note_timers(instance).await?;
                }
            }
        }
        Ok(())
    }

    async fn send(&self, instance: &Instance<P>, pending: &Pending) -> Result<Answer, HandlerError> {
        let Some(bus) = self.door.bus().await else {
            return Err(HandlerError::new("the application was closed"));
        };
        let command = &pending.command;
        let options = SendOptions {
            command_id: Some(command.id),
            correlation_id: instance.correlation_id.clone(),
            causation_id: Some(CausationId::from(pending.cause)),
            metadata: command.metadata.clone(),
            consistency: command.consistency.clone(),
            timeout: command.timeout_ms.map(std::time::Duration::from_millis),
            process: Some(instance.stream.clone()),
            ..SendOptions::default()
        };
        let sending = bus.send_json(&command.name, command.body.get(), options);
        // Whoever is handling is not waited for: strong consistency must not wait for itself.
        let answer = listen::HANDLING.scope(P::NAME.to_owned(), sending).await;
        let refused = |kind, message: String| Answer::Refused {
            kind,
            refusal: Refusal { code: String::new(), message },
        };
        match answer {
            // It took effect; that another handler is late is no reason to send it again.
            Ok(()) | Err(SendError::NotYetHandled { .. }) => Ok(Answer::Accepted),
            Err(SendError::Rejected(refusal)) => Ok(Answer::Refused { kind: "rejected", refusal }),
            Err(error @ (SendError::Halted(_) | SendError::Invalid(_) | SendError::Deleted(_))) => {
                Ok(refused(error.kind(), error.to_string()))
            }
            Err(
                error @ (SendError::Timeout { .. }
                | SendError::Unavailable(_)
                | SendError::OutcomeUnknown { .. }
                | SendError::Conflict { .. }
                | SendError::TooManyConflicts { .. }),
            ) => Err(HandlerError::new(format!("`{}` for `{}`: {error}", command.name, command.target))),
            Err(error) => {
                Err(HandlerError::park(format!("`{}` for `{}`: {error}", command.name, command.target)))
            }
        }
    }

    /// Tells the instance that one of its commands was refused, and stores what it makes of that.
    async fn tell_refusal(
        &self,
        instance: &mut Instance<P>,
        pending: &Pending,
        kind: &'static str,
        refusal: Refusal,
    ) -> Result<(), HandlerError> {
        let now = self.clock.now();
        let mut refused = Refused {
            process_version: P::VERSION,
            command: pending.command.id,
            attempt: pending.command.attempt.saturating_add(1),
            kind: kind.to_owned(),
            code: refusal.code,
            message: refusal.message,
            at_us: now.as_micros(),
            decided: Decided::default(),
            stands: None,
        };
        let rejected = refused.as_message(&pending.command);
        let before = instance.state().cloned().unwrap_or_default();
        let step = guarded("on_rejected", || reject(&before, &rejected)).map_err(HandlerError::park)?;
        let (reaction, after, ends) = match step {
            Step::Taken { reaction, after, ends } => (reaction, after, ends),
            Step::Ignored => (engine_types::Reaction::none(), before, false),
            Step::Trouble(Trouble::Park(reason)) => return Err(HandlerError::park(reason)),
            Step::Trouble(Trouble::Fail(reason)) => return Err(HandlerError::stop(reason)),
        };
        let place = (&instance.stream, pending.command.id.0);
        refused.decided = Decided::of(reaction, ends, place, now).map_err(HandlerError::park)?;
        let running = instance.running.is_some();
        refused.stands = Some(Stands::after(instance, &after, &refused.decided, running));
        let correlation_id = instance.correlation_id.clone();
        let causes = (correlation_id.as_ref(), pending.command.id.0);
        let id = entry_id(&instance.stream, pending.command.id.0);
        match self.append(instance, id, (REFUSED, &refused), causes).await? {
            Ok(revision) => {
                instance.note_refused(pending.command.id, after, &refused.decided, revision);
                Ok(())
            }
            // Whatever it was, the loaded instance says what is still to be done.
            Err(Overtaken) => self.load(instance).await,
        }
    }
}
