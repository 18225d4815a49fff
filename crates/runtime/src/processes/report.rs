//! What can be seen of instances: their states, and how they came there.

use engine_store::{ReadStream, RecordedEvent, Timestamp};
use engine_types::{CommandId, ProcessManager, Revision, StreamName};
use serde::Serialize;
use serde_json::Value;

use super::{
    ProcessesError,
    entry::{Command, Decided, Entry, Refused, Timer},
    instance::Instance,
    manager::Manager,
};
use crate::listen::ParkedSequence;

/// What an instance does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InstanceState {
    /// It waits for events.
    Running,
    /// It has ended.
    Ended,
    /// It waits at an event until an operator has looked.
    Parked,
}

impl InstanceState {
    /// The state as one word.
    pub fn word(self) -> &'static str {
        match self {
            InstanceState::Running => "running",
            InstanceState::Ended => "ended",
            InstanceState::Parked => "parked",
        }
    }
}

/// An instance in a list.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Its id.
    pub id: String,
    /// What it does.
    pub state: InstanceState,
    /// The state of its machine, where it is one.
    pub stage: Option<&'static str>,
    /// The newest of its entries; absent where it has none yet.
    pub revision: Option<Revision>,
    /// How many timers wait.
    pub timers: usize,
    /// Why it is parked, if it is.
    pub error: Option<String>,
}

/// A page of instances.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstancesPage {
    /// The instances, by id.
    pub instances: Vec<Summary>,
    /// Where the next page begins, if there is one: after this id.
    pub next: Option<String>,
}

impl InstancesPage {
    /// Takes in an instance that is in this state; answers whether the page is full.
    pub(super) fn take(&mut self, summary: Summary, state: Option<&str>, limit: usize) -> bool {
        let is_meant = |word| summary.state.word() == word || summary.stage == Some(word);
        if !state.is_none_or(is_meant) {
            return false;
        }
        let is_last = self.instances.len() + 1 >= limit;
        self.next = is_last.then(|| summary.id.clone());
        self.instances.push(summary);
        is_last
    }
}

/// An instance and how it came to be what it is.
#[derive(Debug, Clone, Serialize)]
pub struct InstanceReport {
    /// The process manager.
    pub process: &'static str,
    /// The instance in short.
    #[serde(flatten)]
    pub summary: Summary,
    /// Its state, as JSON; absent before it begins.
    pub value: Option<Value>,
    /// What it has handled and decided, oldest first.
    pub history: Vec<EntryReport>,
    /// The timers that wait, by name.
    pub waiting: Vec<TimerReport>,
    /// The event that it is parked at, if it is.
    pub parked: Option<ParkedSequence>,
}

/// What an instance has handled, and what it decided.
#[derive(Debug, Clone, Serialize)]
pub struct EntryReport {
    /// Its place in the stream of the instance.
    pub revision: Revision,
    /// When it was stored.
    pub recorded_at: Timestamp,
    /// What it was about: `handled`, `refused`, `timer` or `stopped`.
    pub kind: &'static str,
    /// What was handled, in one line.
    pub about: String,
    /// The event that was handled, its stream and its place there.
    pub event: Option<HandledReport>,
    /// The commands that it led to.
    pub commands: Vec<SentReport>,
    /// What happened to timers.
    pub timers: Vec<String>,
    /// Whether the instance has ended here.
    pub ends: bool,
}

/// An event that was handled.
#[derive(Debug, Clone, Serialize)]
pub struct HandledReport {
    /// Its name on disk.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its stream.
    pub stream: StreamName,
    /// Its place there.
    pub revision: Revision,
    /// What it states.
    pub data: Value,
}

/// A command, and what has become of it.
#[derive(Debug, Clone, Serialize)]
pub struct SentReport {
    /// Its identity.
    pub id: CommandId,
    /// Its name.
    pub name: String,
    /// The stream of the instance that it is for.
    pub target: String,
    /// Its fields.
    pub body: Value,
    /// What has become of it: `accepted`, `refused`, or `sent` where the answer is not known here.
    pub outcome: &'static str,
    /// Why it was refused, if it was.
    pub refusal: Option<String>,
}

/// A timer that waits.
#[derive(Debug, Clone, Serialize)]
pub struct TimerReport {
    /// Its name.
    pub name: String,
    /// When it is due.
    pub due: Timestamp,
    /// What is sent then.
    pub command: String,
    /// The stream of the instance that it is sent to.
    pub target: String,
}

impl InstanceReport {
    /// An instance of which nothing is stored yet.
    pub(super) fn never_begun(process: &'static str, summary: Summary) -> Self {
        let (history, waiting) = (Vec::new(), Vec::new());
        InstanceReport { process, summary, value: None, history, waiting, parked: None }
    }
}

impl<P: ProcessManager> Manager<P> {
    /// The instance in short; none where it has no entries.
    pub(super) fn summarize(instance: &Instance<P>) -> Option<Summary> {
        let state = instance.state()?;
        Some(Summary {
            id: instance.id().to_owned(),
            state: if instance.running.is_some() { InstanceState::Running } else { InstanceState::Ended },
            stage: state.stage(),
            revision: instance.revision.revision(),
            timers: instance.timers.len(),
            error: None,
        })
    }

    /// The instance and its history, the newest entries of it; none where it has no entries.
    pub(super) async fn look(&self, id: &str) -> Result<Option<InstanceReport>, ProcessesError> {
        // One that is at work is not waited for: what it is doing may hang.
        let unanswered: Vec<_> = match self.kept(id).as_ref().map(|kept| kept.value.try_lock()) {
            Some(Ok(instance)) => instance.pending.iter().map(|pending| pending.command.id).collect(),
            _ => Vec::new(),
        };
        let mut instance = Instance::new(StreamName::of_instance(P::NAME, id).map_err(ProcessesError::id)?);
        let entries = self.entries(&mut instance).await?;
        let Some(summary) = Self::summarize(&instance) else { return Ok(None) };
        let value =
            instance.state().map(serde_json::to_value).transpose().map_err(ProcessesError::unwritable)?;
        let refused: Vec<_> = entries.iter().filter_map(|(_, entry)| refusal(entry)).collect();
        let sent = |command: &Command| sent(command, &refused, &unanswered);
        let history = entries.iter().map(|(recorded, entry)| report(recorded, entry, &sent)).collect();
        let waiting = instance.timers.iter().map(|(name, waiting)| TimerReport {
            name: name.clone(),
            due: waiting.due(),
            command: waiting.command.name.to_string(),
            target: waiting.command.target.clone(),
        });
        let waiting = waiting.collect();
        Ok(Some(InstanceReport { process: P::NAME, summary, value, history, waiting, parked: None }))
    }

    /// Reads all entries of an instance, and folds them in.
    async fn entries(
        &self,
        instance: &mut Instance<P>,
    ) -> Result<Vec<(RecordedEvent, Entry)>, ProcessesError> {
        let mut entries = Vec::new();
        let mut from = Some(Revision::FIRST);
        while let Some(revision) = from {
            let request = ReadStream::forwards(instance.stream.clone()).from(revision);
            let page = match self.store.read_stream(request).await {
                Ok(page) => page,
                Err(engine_store::ReadError::StreamNotFound { .. }) => break,
                Err(error) => return Err(error.into()),
            };
            for recorded in page.events {
                self.fold_in(instance, &recorded)?;
                if let Ok(Some(entry)) = Entry::read(&recorded) {
                    entries.push((recorded, entry));
                }
            }
            from = page.next;
        }
        Ok(entries)
    }
}

fn refusal(entry: &Entry) -> Option<(CommandId, &Refused)> {
    match entry {
        Entry::Refused(refused) => Some((refused.command, refused)),
        _ => None,
    }
}

fn sent(command: &Command, refused: &[(CommandId, &Refused)], unanswered: &[CommandId]) -> SentReport {
    let refusal =
        refused.iter().find(|(id, _)| *id == command.id).map(|(_, refused)| refused.message.clone());
    let outcome = match &refusal {
        Some(_) => "refused",
        None if unanswered.contains(&command.id) => "sent",
        None => "accepted",
    };
    SentReport {
        id: command.id,
        name: command.name.to_string(),
        target: command.target.clone(),
        body: serde_json::from_str(command.body.get()).unwrap_or(Value::Null),
        outcome,
        refusal,
    }
}

fn report(recorded: &RecordedEvent, entry: &Entry, sent: &impl Fn(&Command) -> SentReport) -> EntryReport {
    let nothing = Decided::default();
    let (kind, about, event, decided) = match entry {
        Entry::Handled(handled) => {
            let event = &handled.event;
            let event = HandledReport {
                event_type: event.event_type.clone(),
                stream: event.stream.clone(),
                revision: event.revision,
                data: serde_json::from_str(event.data.get()).unwrap_or(Value::Null),
            };
            ("handled", event.event_type.clone(), Some(event), &handled.decided)
        }
        Entry::Refused(refused) => ("refused", refused.message.clone(), None, &refused.decided),
        Entry::TimerDue(due) => {
            let what = if due.skipped { "too late" } else { "due" };
            ("timer", format!("{}: {what}", due.name), None, &nothing)
        }
        Entry::Stopped(stopped) => ("stopped", stopped.reason.clone(), None, &nothing),
    };
    let timer = |change: &Timer| match change {
        Timer::Cancel { name } => format!("{name}: cancelled"),
        Timer::Set { name, due_us, command, .. } => {
            format!("{name}: `{}` at {}", command.name, Timestamp::from_micros(*due_us))
        }
    };
    EntryReport {
        revision: recorded.revision,
        recorded_at: recorded.created,
        kind,
        about,
        event,
        commands: decided.commands.iter().map(sent).collect(),
        timers: decided.timers.iter().map(timer).collect(),
        ends: decided.ends || kind == "stopped",
    }
}
