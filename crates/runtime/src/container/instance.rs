//! One instance of an aggregate, as it is kept in memory.

use engine_types::{Aggregate, CurrentRevision, Revision, StreamName, aggregate::fold, stream::InvalidName};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{guarded, recent::RecentCommands};

pub(super) struct Instance<A> {
    pub(super) stream: StreamName,
    pub(super) state: A,
    /// A second copy of `state`, so that the next events can be folded before they are stored, and the state still
    /// be there when they are not: a state can be large, and a clone for each command take longer than the rest.
    /// Absent until the instance's first command, and after one that was not stored.
    copy: Option<A>,
    /// Where the stream ends, as far as is known; the next event is to be the one after it.
    pub(super) revision: CurrentRevision,
    /// The newest event that went into the state; absent when none did.
    pub(super) newest: Option<Newest>,
    pub(super) condition: Condition,
    /// Where the newest snapshot stands.
    pub(super) snapshot: CurrentRevision,
    /// The snapshot that is being stored.
    pub(super) saving: Option<JoinHandle<()>>,
    /// The commands that led to the newest events; absent until a command comes that may be a repetition.
    pub(super) recent: Option<RecentCommands>,
}

/// An event by its place and its identity: a stream that was deleted and written again has another there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Newest {
    pub(super) revision: Revision,
    pub(super) id: Uuid,
}

/// How much of an instance is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Condition {
    /// Nothing.
    Absent,
    /// Its state up to its newest event; there may be events behind it.
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
            copy: None,
            revision: CurrentRevision::NoStream,
            newest: None,
            condition: Condition::Absent,
            snapshot: CurrentRevision::NoStream,
            saving: None,
            recent: None,
        }
    }

    /// Forgets everything but the name, and what is under way.
    pub(super) fn reset(&mut self) {
        let saving = self.saving.take();
        *self = Instance { saving, ..Instance::of_stream(self.stream.clone()) };
    }

    /// Folds in what a stored event means. When the domain's code panics the instance is as if never loaded.
    pub(super) fn evolve(&mut self, events: &[A::Event], newest: Newest) -> Result<(), String> {
        self.condition = Condition::Absent;
        let state = std::mem::take(&mut self.state);
        self.stands_at(guarded("evolve", || fold(state, events))?, newest);
        self.condition = Condition::Stale;
        Ok(())
    }

    /// The state after these events, before they are stored.
    pub(super) fn after(&mut self, events: &[A::Event]) -> Result<A, String> {
        let copy = self.copy.take();
        guarded("evolve", || fold(copy.unwrap_or_else(|| self.state.clone()), events))
    }

    /// Takes over the state [`after`](Instance::after) these events, which are stored.
    pub(super) fn advance(&mut self, after: A, events: &[A::Event], newest: Newest) {
        let before = std::mem::replace(&mut self.state, after);
        self.stands_at_revision_of(newest);
        self.copy = guarded("evolve", || fold(before, events)).ok();
    }

    /// Takes over the state after `newest`.
    pub(super) fn stands_at(&mut self, state: A, newest: Newest) {
        self.state = state;
        self.copy = None;
        self.stands_at_revision_of(newest);
    }

    fn stands_at_revision_of(&mut self, newest: Newest) {
        self.newest = Some(newest);
        self.revision = CurrentRevision::At(newest.revision);
    }
}
