//! One instance of a process manager, as it is kept in memory: its state, and what is still to be done.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine_store::Timestamp;
use engine_types::{
    CommandId, CorrelationId, CurrentRevision, Position, ProcessManager, Revision, StreamName,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::{Command, Decided, Timer};

#[derive(Debug)]
pub(super) struct Instance<P> {
    pub(super) stream: StreamName,
    /// Where its stream ends, as far as is known.
    pub(super) revision: CurrentRevision,
    /// The newest of its entries.
    pub(super) newest: Option<Uuid>,
    /// Where the newest snapshot stands.
    pub(super) snapshot: CurrentRevision,
    pub(super) is_loaded: bool,
    /// Its state while it runs.
    pub(super) running: Option<P>,
    /// Its last state, after it has ended.
    pub(super) ended: Option<P>,
    /// The last event that it has handled.
    pub(super) last: Option<Position>,
    /// The commands whose answers are not known, in order.
    pub(super) pending: VecDeque<Pending>,
    /// The timers that wait, by name.
    pub(super) timers: BTreeMap<String, Waiting>,
    /// Those of them that are perhaps not yet noted where they are looked for when they are due.
    pub(super) unnoted: BTreeSet<String>,
    /// Timers that wait no more and are perhaps still noted there.
    pub(super) stale: Vec<Waiting>,
    /// What its newest event belongs to.
    pub(super) correlation_id: Option<CorrelationId>,
}

/// A command whose answer is not known.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Pending {
    pub(super) command: Command,
    pub(super) origin: Origin,
    /// What caused it: the event, or the command that was refused.
    pub(super) cause: Uuid,
}

/// Why a command is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Origin {
    /// An event was handled.
    Event,
    /// The timer of this command was due.
    Timer(CommandId),
}

/// A timer that waits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Waiting {
    pub(super) due_us: i64,
    pub(super) skip_if_late_by_ms: Option<u64>,
    pub(super) command: Command,
    /// What caused it to be set.
    pub(super) cause: Uuid,
}

impl Waiting {
    /// When it is due.
    pub(super) fn due(&self) -> Timestamp {
        Timestamp::from_micros(self.due_us)
    }
}

impl<P: ProcessManager> Instance<P> {
    pub(super) fn new(stream: StreamName) -> Self {
        Instance {
            stream,
            revision: CurrentRevision::NoStream,
            newest: None,
            snapshot: CurrentRevision::NoStream,
            is_loaded: false,
            running: None,
            ended: None,
            last: None,
            pending: VecDeque::new(),
            timers: BTreeMap::new(),
            unnoted: BTreeSet::new(),
            stale: Vec::new(),
            correlation_id: None,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Instance::new(self.stream.clone());
    }

    /// Its id.
    pub(super) fn id(&self) -> &str {
        self.stream.id().unwrap_or_default()
    }

    /// The state that it was in last.
    pub(super) fn state(&self) -> Option<&P> {
        self.running.as_ref().or(self.ended.as_ref())
    }

    /// Takes over what handling an event has led to.
    ///
    /// That it was handled says that the commands of those before it have their answers.
    pub(super) fn note_handled(
        &mut self,
        (position, event): (Position, Uuid),
        state: P,
        decided: &Decided,
        revision: Revision,
    ) {
        if self.last < Some(position) {
            self.pending.retain(|pending| pending.origin != Origin::Event);
            self.last = Some(position);
        }
        self.running = Some(state);
        self.take_over(decided, (&Origin::Event, event), revision);
    }

    /// Takes over what the refusal of a command has led to.
    pub(super) fn note_refused(
        &mut self,
        command: CommandId,
        state: P,
        decided: &Decided,
        revision: Revision,
    ) {
        let origin = self.answered(command).map_or(Origin::Event, |pending| pending.origin);
        let place = if self.running.is_some() { &mut self.running } else { &mut self.ended };
        *place = Some(state);
        self.take_over(decided, (&origin, command.0), revision);
    }

    /// Notes that a timer was due: its command is to be sent, unless it is too late.
    pub(super) fn note_due(&mut self, name: &str, skipped: bool, revision: Revision) {
        self.revision = CurrentRevision::At(revision);
        self.unnoted.remove(name);
        if let Some(Waiting { command, cause, .. }) = self.timers.remove(name)
            && !skipped
        {
            let origin = Origin::Timer(command.id);
            self.pending.push_back(Pending { command, origin, cause });
        }
    }

    /// Notes that an operator has ended the instance: nothing of it is to be done any more.
    pub(super) fn note_stopped(&mut self, revision: Revision) {
        self.revision = CurrentRevision::At(revision);
        self.pending.clear();
        self.end();
    }

    fn take_over(&mut self, decided: &Decided, (origin, cause): (&Origin, Uuid), revision: Revision) {
        self.revision = CurrentRevision::At(revision);
        let pending = decided.commands.iter().map(|command| Pending {
            command: command.clone(),
            origin: origin.clone(),
            cause,
        });
        self.pending.extend(pending);
        for change in &decided.timers {
            match change {
                Timer::Cancel { name } => self.stale.extend(self.timers.remove(name)),
                Timer::Set { name, due_us, skip_if_late_by_ms, command } => {
                    let (skip_if_late_by_ms, command) = (*skip_if_late_by_ms, (**command).clone());
                    let waiting = Waiting { due_us: *due_us, skip_if_late_by_ms, command, cause };
                    self.stale.extend(self.timers.insert(name.clone(), waiting));
                    self.unnoted.insert(name.clone());
                }
            }
        }
        if decided.ends {
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended = self.running.take().or(self.ended.take());
        self.unnoted.clear();
        self.stale.extend(std::mem::take(&mut self.timers).into_values());
    }

    /// Notes that a command has its answer.
    pub(super) fn answered(&mut self, command: CommandId) -> Option<Pending> {
        let place = self.pending.iter().position(|pending| pending.command.id == command)?;
        self.pending.remove(place)
    }
}
