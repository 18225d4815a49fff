//! Tests of pure code as sentences: given events, when a command comes, then these events.
//!
//! Nothing is mocked and nothing is stored: the functions under test need nothing but their arguments.

mod process;
mod pure;

use std::fmt::Debug;

use crate::{Aggregate, Command, Decide, Event, aggregate::fold, command::from_json, event::Decoder};

pub use process::{GivenProcess, ProcessAfter, Reacted, given_process};
pub use pure::assert_pure;

/// Begins a test: these events have happened.
pub fn given<A: Aggregate>(events: impl IntoIterator<Item = A::Event>) -> Given<A> {
    Given { state: events.into_iter().fold(A::default(), |state, event| state.evolve(&event)) }
}

/// An aggregate with a past.
#[derive(Debug)]
pub struct Given<A> {
    state: A,
}

impl<A: Aggregate> Given<A> {
    /// Sends the command to the aggregate.
    ///
    /// The command travels through JSON first, as it would from the prompt or over HTTP.
    ///
    /// # Panics
    /// When the command does not survive the way through JSON.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test reads as a sentence, without `&`")]
    pub fn when<C>(self, command: C) -> Outcome<A>
    where
        C: Command<Aggregate = A>,
        A: Decide<C>,
    {
        let body = serde_json::to_value(&command).expect("a command can be written as JSON");
        let command: C = from_json(body).expect("a command can be read back from JSON");
        let result = self.state.decide(&command);
        Outcome { before: self.state, result }
    }

    /// Checks the state that the given events lead to.
    pub fn state(self, check: impl FnOnce(&A)) -> Self {
        check(&self.state);
        self
    }
}

/// What the aggregate answered.
#[derive(Debug)]
#[must_use = "say what should have happened with `then…`"]
pub struct Outcome<A: Aggregate> {
    before: A,
    result: Result<Vec<A::Event>, A::Rejection>,
}

impl<A: Aggregate> Outcome<A>
where
    A::Event: Debug + PartialEq,
    A::Rejection: Debug,
{
    /// Expects exactly these events, in this order, and that each survives the way to disk and back.
    ///
    /// # Panics
    /// When the command was refused, or answered with other events.
    #[track_caller]
    pub fn then(self, expected: impl IntoIterator<Item = A::Event>) -> After<A> {
        let expected: Vec<_> = expected.into_iter().collect();
        let events = match self.result {
            Ok(events) => events,
            Err(rejection) => panic!("the command was refused ({rejection}); expected events: {expected:#?}"),
        };
        assert!(events == expected, "events\n  expected: {expected:#?}\n  actual:   {events:#?}");
        for event in &events {
            assert_survives_storage(event);
        }
        After { state: fold(self.before, &events) }
    }

    /// Expects an answer without events: there was nothing to change.
    ///
    /// # Panics
    /// When the command was refused, or answered with events.
    #[track_caller]
    pub fn then_nothing(self) -> After<A> {
        self.then([])
    }

    /// Expects this refusal.
    ///
    /// # Panics
    /// When the command was accepted, or refused for another reason.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "a test reads as a sentence, without `&`")]
    pub fn then_rejected(self, expected: A::Rejection)
    where
        A::Rejection: PartialEq,
    {
        match self.result {
            Ok(events) => panic!("the command was accepted ({events:#?}); expected the refusal {expected:?}"),
            Err(rejection) => {
                assert!(
                    rejection == expected,
                    "refusal\n  expected: {expected:?}\n  actual:   {rejection:?}"
                );
            }
        }
    }
}

/// The aggregate after the answer.
#[derive(Debug)]
pub struct After<A> {
    state: A,
}

impl<A: Aggregate> After<A> {
    /// Checks the state after the answer's events.
    pub fn state(self, check: impl FnOnce(&A)) -> Self {
        check(&self.state);
        self
    }
}

/// Checks that an event is the same after it was written as JSON and read back.
///
/// # Panics
/// When it cannot be written, cannot be read, or came back different.
#[track_caller]
pub fn assert_survives_storage<E: Event + Debug + PartialEq>(event: &E) {
    let event_type = event.event_type();
    let data = event.to_json().expect("an event can be written as JSON");
    let read = Decoder::<E>::default()
        .decode(event_type.name, event_type.version, &data)
        .expect("an event that was written can be read");
    assert!(
        read.len() == 1 && read[0] == *event,
        "storage changed an event\n  before: {event:#?}\n  after:  {read:#?}"
    );
}
