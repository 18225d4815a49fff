//! One instance of an aggregate, as it is kept in memory.

use engine_types::{Aggregate, CurrentRevision, StreamName, stream::InvalidName};

use super::recent::RecentCommands;

pub(super) struct Instance<A> {
    pub(super) stream: StreamName,
    pub(super) state: A,
    /// Where the state stands; the next event is to be the one after it.
    pub(super) revision: CurrentRevision,
    /// Whether any event has been folded into the state.
    pub(super) has_events: bool,
    pub(super) condition: Condition,
    /// Where the newest snapshot stands.
    pub(super) snapshot: CurrentRevision,
    /// The commands that led to the newest events; absent until a command comes that may be a repetition.
    pub(super) recent: Option<RecentCommands>,
}

/// How much of an instance is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing.
    Absent,
    /// Its state up to a revision; there may be events behind it.
    Stale,
    /// Its state, as far as this process knows.
    Loaded,
}

impl<A: Aggregate> Instance<A> {
    pub(super) fn new(id: &str) -> Result<Self, InvalidName> {
        Ok(Instance::of_stream(StreamName::of_instance(A::CATEGORY, id)?))
    }

    pub(super) fn of_stream(stream: StreamName) -> Self {
        Instance {
            stream,
            state: A::default(),
            revision: CurrentRevision::NoStream,
            has_events: false,
            condition: Condition::Absent,
            snapshot: CurrentRevision::NoStream,
            recent: None,
        }
    }

    /// Forgets everything but the name.
    pub(super) fn reset(&mut self) {
        *self = Instance::of_stream(self.stream.clone());
    }

    /// Folds events in. When the domain's code panics the instance is as if never loaded.
    pub(super) fn evolve<'a>(
        &mut self,
        events: impl IntoIterator<Item = &'a A::Event>,
        revision: CurrentRevision,
    ) -> Result<(), String> {
        self.condition = Condition::Absent;
        let state = std::mem::take(&mut self.state);
        self.state = super::guarded("evolve", || engine_types::aggregate::fold(state, events))?;
        self.revision = revision;
        self.has_events = true;
        self.condition = Condition::Stale;
        Ok(())
    }
}
