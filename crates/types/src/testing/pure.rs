//! A check that a domain's functions are functions.

use serde_json::Value;

use crate::{Aggregate, Command, Decide, Event};

/// Checks that `decide` and `evolve` depend on nothing but their arguments and change nothing.
///
/// Both run twice on clones and once more in another thread; any difference in the events, the refusal or
/// the state fails. Clocks, random numbers, counters in statics and interior mutability show up here.
///
/// # Panics
/// When any two runs differ.
#[track_caller]
pub fn assert_pure<A, C>(given: &[A::Event], command: &C)
where
    A: Aggregate + Decide<C>,
    C: Command<Aggregate = A>,
{
    let here = run::<A, C>(given, command);
    let again = run::<A, C>(given, command);
    let elsewhere = std::thread::scope(|scope| scope.spawn(|| run::<A, C>(given, command)).join())
        .expect("the same call panicked in another thread");
    assert_same("a second call", &here, &again);
    assert_same("a call in another thread", &here, &elsewhere);
}

#[derive(Debug, PartialEq)]
struct Run {
    state_before: Value,
    command: Value,
    answer: Result<Vec<(String, String)>, String>,
    state_between: Value,
    state_after: Value,
}

fn run<A, C>(given: &[A::Event], command: &C) -> Run
where
    A: Aggregate + Decide<C>,
    C: Command<Aggregate = A>,
{
    let state = crate::aggregate::fold(A::default(), given);
    let state_before = json(&state);
    let answer = state.decide(command);
    let twice = state.clone().decide(command);
    let written = describe::<A>(&answer);
    assert!(written == describe::<A>(&twice), "`decide` answered the same state and command in two ways");
    Run {
        command: json(command),
        state_between: json(&state),
        state_after: json(&crate::aggregate::fold(state, answer.as_deref().unwrap_or_default())),
        answer: written,
        state_before,
    }
}

fn describe<A: Aggregate>(
    answer: &Result<Vec<A::Event>, A::Rejection>,
) -> Result<Vec<(String, String)>, String> {
    let event = |event: &A::Event| {
        let data = event.to_json().expect("an event can be written as JSON");
        (event.event_type().name.to_owned(), String::from_utf8_lossy(&data).into_owned())
    };
    match answer {
        Ok(events) => Ok(events.iter().map(event).collect()),
        Err(rejection) => Err(rejection.to_string()),
    }
}

fn json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).expect("states and commands can be written as JSON")
}

#[track_caller]
fn assert_same(which: &str, first: &Run, other: &Run) {
    assert!(first.state_before == first.state_between, "`decide` changed the state it was given");
    assert!(first == other, "{which} gave another result\n  first: {first:#?}\n  other: {other:#?}");
}
