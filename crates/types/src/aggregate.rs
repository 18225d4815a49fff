//! The write side: an aggregate answers one command with events, and folds events into state.
//!
//! Pure: time, ids and chance arrive inside the command. Loading and saving are the runtime's.

use serde::{Serialize, de::DeserializeOwned};

use crate::{Command, Event};

/// A consistency boundary: the state that decides, rebuilt from the events of one stream.
///
/// The value of [`Default`] is the state before the first event. The state is also what `engine show`
/// prints and what a snapshot stores, hence the serde bounds.
pub trait Aggregate: Default + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The first part of every stream name of this aggregate: `account` for `account-jsdf`.
    ///
    /// Checked at compile time where the aggregate is registered: not empty, no `-`, no white space,
    /// no control characters, not starting with `$`.
    const CATEGORY: &'static str;

    /// Take a snapshot after this many events; 0 (the default) takes none.
    const SNAPSHOT_EVERY: u64 = 0;

    /// The version of the state's form. Raise it whenever a field or the meaning of `evolve` changes:
    /// snapshots of another version are ignored and the state is folded from its events again.
    const SNAPSHOT_VERSION: u32 = 1;

    /// The events that this aggregate emits.
    type Event: Event;

    /// The ways in which the domain refuses a command. Say in the message what is missing.
    type Rejection: std::error::Error + Send + Sync + 'static;

    /// Returns the state after `event`. Never fails: an event is a fact.
    #[must_use]
    fn evolve(self, event: &Self::Event) -> Self;
}

/// How an [`Aggregate`] answers the command `C`.
///
/// A command names its one aggregate ([`Command::Aggregate`]), so a second handler, or none, does not
/// compile.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not handle the command `{C}`",
    label = "no handler for this command",
    note = "write `impl Decide<{C}> for {Self}`: each command has exactly one handler"
)]
pub trait Decide<C: Command<Aggregate = Self>>: Aggregate {
    /// Returns the events that answer `command`; no events means that there is nothing to change.
    ///
    /// # Errors
    /// The domain's refusal. Nothing is written.
    fn decide(&self, command: &C) -> Result<Vec<Self::Event>, Self::Rejection>;
}

/// Folds `events` over `state`, oldest first.
pub fn fold<'a, A: Aggregate>(state: A, events: impl IntoIterator<Item = &'a A::Event>) -> A {
    events.into_iter().fold(state, A::evolve)
}
