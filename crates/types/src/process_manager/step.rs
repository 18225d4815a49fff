//! One step of a process manager: an event or a refusal, seen from a state. What the runtime runs and tests check.

use super::{
    Entrance, Heard, Machine, ProcessManager, Reaction, Rejected, Trouble,
    machine::{Message, Otherwise, Transition},
};
use crate::Event;

/// What a message leads to.
#[derive(Debug, Clone, PartialEq)]
pub enum Step<P> {
    /// It is handled.
    Taken {
        /// What is to be done.
        reaction: Reaction,
        /// The state afterwards.
        after: P,
        /// Whether the instance ends.
        ends: bool,
    },
    /// It is of no interest to the instance.
    Ignored,
    /// It is not handled.
    Trouble(Trouble),
}

impl<P> Step<P> {
    /// The same without the state, to be shown.
    pub fn without_state(&self) -> Step<()> {
        match self {
            Step::Taken { reaction, ends, .. } => {
                Step::Taken { reaction: reaction.clone(), after: (), ends: *ends }
            }
            Step::Ignored => Step::Ignored,
            Step::Trouble(trouble) => Step::Trouble(trouble.clone()),
        }
    }
}

/// Lets an instance handle an event. `running` is its state where it runs.
pub fn hear<P: ProcessManager>(
    running: Option<&P>,
    entrance: Entrance,
    heard: &Heard<'_, P::Event>,
) -> Step<P> {
    let before = match (running, entrance) {
        (Some(_), Entrance::Start) => return refused(heard, "begins an instance that runs already"),
        (None, Entrance::Continue) => return refused(heard, "continues an instance that does not run"),
        (None, Entrance::ContinueIfRunning | Entrance::Stop) => return Step::Ignored,
        (running, _) => running.cloned().unwrap_or_default(),
    };
    let name = heard.event.event_type().name;
    let transition = match P::MACHINE {
        None => None,
        Some(machine) => match valid(machine, &before, Message::Event(name)) {
            Ok(transition) => Some(transition),
            Err(invalid) => return invalid,
        },
    };
    let reaction = before.react(heard);
    let step = taken(reaction, transition, || before.evolve(heard));
    match step {
        Step::Taken { reaction, after, ends } => {
            Step::Taken { reaction, after, ends: ends || entrance == Entrance::Stop }
        }
        other => other,
    }
}

/// Lets an instance handle the refusal of one of its commands.
pub fn reject<P: ProcessManager>(before: &P, rejected: &Rejected) -> Step<P> {
    let transition = P::MACHINE.zip(before.stage());
    // A refusal that the machine does not foresee is no message of its own: the state stays.
    let transition =
        transition.and_then(|(machine, stage)| machine.after_rejected(stage, &rejected.command.name));
    taken(before.on_rejected(rejected), transition, || before.clone().evolve_rejected(rejected))
}

fn taken<P: ProcessManager>(
    reaction: Reaction,
    transition: Option<&'static Transition>,
    after: impl FnOnce() -> P,
) -> Step<P> {
    if let Some(trouble) = reaction.trouble {
        return Step::Trouble(trouble);
    }
    if let Some(fault) = reaction.all_commands().find_map(super::Outgoing::fault) {
        return Step::Trouble(Trouble::Park(fault));
    }
    let after = after();
    let mut ends = reaction.stop;
    if let Some(transition) = transition {
        if let Some(fault) = strays(transition, &reaction, &after) {
            return Step::Trouble(Trouble::Park(fault));
        }
        ends |= P::MACHINE.is_some_and(|machine| machine.is_end(transition.to));
    }
    Step::Taken { reaction, after, ends }
}

/// How the code differs from the table, if it does.
fn strays<P: ProcessManager>(transition: &Transition, reaction: &Reaction, after: &P) -> Option<String> {
    let Transition { on, to, sends } = transition;
    let stage = after.stage().unwrap_or("no state at all");
    if stage != *to {
        return Some(format!("`{}`: `{on}` leads to {stage}, but its table says {to}", P::NAME));
    }
    let stray = reaction.all_commands().find(|command| !sends.contains(&&*command.name))?;
    Some(format!("`{}`: `{on}` sends `{}`, which its table does not name", P::NAME, stray.name))
}

fn valid<P: ProcessManager>(
    machine: &Machine,
    before: &P,
    message: Message,
) -> Result<&'static Transition, Step<P>> {
    let stage = before.stage().unwrap_or("no state at all");
    machine.transition(stage, message).ok_or_else(|| {
        let reason = format!("`{}`: `{message}` is not valid in state {stage}", P::NAME);
        match machine.otherwise {
            Otherwise::Ignore => Step::Ignored,
            Otherwise::Park => Step::Trouble(Trouble::Park(reason)),
            Otherwise::Fail => Step::Trouble(Trouble::Fail(reason)),
        }
    })
}

fn refused<P: ProcessManager>(heard: &Heard<'_, P::Event>, how: &str) -> Step<P> {
    let name = heard.event.event_type().name;
    Step::Trouble(Trouble::Park(format!("`{}`: `{name}` {how}", P::NAME)))
}
