//! How an instance stands: noted with each entry, so that instances are listed by reading the newest entry of each.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use engine_store::{ReadError, ReadStream};
use engine_types::{ProcessManager, StreamName};
use serde::{Deserialize, Serialize};

use super::{
    ProcessesError,
    entry::{Decided, Entry, Timer, is_default},
    instance::{Instance, Waiting},
    manager::Manager,
    report::{InstanceState, Summary},
};

/// How an instance stands behind an entry. What is written down follows from the entries, which are the truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stands {
    /// The version of the functions that say so.
    version: u32,
    running: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    stage: Option<Cow<'static, str>>,
    #[serde(default, skip_serializing_if = "is_default")]
    timers: usize,
}

impl Stands {
    /// Behind a decision that leads to this state; `running` where it does not end here.
    pub(super) fn after<P: ProcessManager>(
        instance: &Instance<P>,
        state: &P,
        decided: &Decided,
        running: bool,
    ) -> Self {
        let timers = if decided.ends { 0 } else { timers_after(&instance.timers, &decided.timers) };
        Stands::new(state, running && !decided.ends, timers)
    }

    /// Behind the end that an operator has made.
    pub(super) fn stopped<P: ProcessManager>(instance: &Instance<P>) -> Option<Self> {
        instance.state().map(|state| Stands::new(state, false, 0))
    }

    /// Behind a timer that was due.
    pub(super) fn without_one_timer<P: ProcessManager>(instance: &Instance<P>) -> Option<Self> {
        let timers = instance.timers.len().saturating_sub(1);
        instance.state().map(|state| Stands::new(state, instance.running.is_some(), timers))
    }

    fn new<P: ProcessManager>(state: &P, running: bool, timers: usize) -> Self {
        Stands { version: P::VERSION, running, stage: state.stage().map(Cow::Borrowed), timers }
    }

    /// The stage by its name in the machine of today; none where there is no such stage, or these are not the
    /// functions of today.
    #[expect(clippy::option_option, reason = "an instance may have no stage, or one that is not known")]
    fn stage_today<P: ProcessManager>(&self) -> Option<Option<&'static str>> {
        if self.version != P::VERSION {
            return None;
        }
        let Some(stage) = &self.stage else { return Some(None) };
        let stages = P::MACHINE?.states.iter().map(|state| state.name);
        stages.into_iter().find(|name| name == stage).map(Some)
    }
}

fn timers_after(waiting: &BTreeMap<String, Waiting>, changes: &[Timer]) -> usize {
    if changes.is_empty() {
        return waiting.len();
    }
    let mut names: BTreeSet<&str> = waiting.keys().map(String::as_str).collect();
    for change in changes {
        match change {
            Timer::Set { name, .. } => names.insert(name),
            Timer::Cancel { name } => names.remove(name.as_str()),
        };
    }
    names.len()
}

impl<P: ProcessManager> Manager<P> {
    /// The instance in short, from its newest entry alone; none where that does not say it, as entries of other versions.
    pub(super) async fn standing(&self, id: &str) -> Result<Option<Summary>, ProcessesError> {
        let stream = StreamName::of_instance(P::NAME, id).map_err(ProcessesError::id)?;
        let newest = match self.store.read_stream(ReadStream::backwards(stream).limit(1)).await {
            Ok(page) => page.events.into_iter().next(),
            Err(ReadError::StreamNotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let Some(recorded) = newest else { return Ok(None) };
        let Ok(Some(entry)) = Entry::read(&recorded) else { return Ok(None) };
        let Some(stands) = entry.stands() else { return Ok(None) };
        let Some(stage) = stands.stage_today::<P>() else { return Ok(None) };
        Ok(Some(Summary {
            id: id.to_owned(),
            state: if stands.running { InstanceState::Running } else { InstanceState::Ended },
            stage,
            revision: Some(recorded.revision),
            timers: stands.timers,
            error: None,
        }))
    }
}
