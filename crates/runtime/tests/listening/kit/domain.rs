//! A domain that counts.

use engine_macros::{Command, Event};
use engine_types::{Aggregate, Decide, RawEvent, Upcasters};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Counter, id = id, crate = engine_types)]
pub struct Count {
    pub id: String,
    pub number: u64,
}

pub fn count(id: &str, number: u64) -> Count {
    Count { id: id.to_owned(), number }
}

/// Counts several at once.
#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Counter, id = id, crate = engine_types)]
pub struct CountAll {
    pub id: String,
    pub numbers: Vec<u64>,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(upcasters = history, crate = engine_types)]
pub enum CounterEvent {
    #[event(version = 2)]
    Counted {
        number: u64,
    },
    Reset,
}

/// Version 1 had its number as `count`; where that is not a number, reading it fails, or panics at 13.
fn history() -> Upcasters<'static> {
    Upcasters::new().many("Counted", 1, |data| {
        assert!(data["count"] != 13, "the upcaster cannot bear 13");
        Ok(vec![RawEvent::new("Counted", 2, json!({ "number": data["count"] }))])
    })
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Counter;

impl Aggregate for Counter {
    const CATEGORY: &'static str = "counter";
    type Event = CounterEvent;
    type Rejection = std::fmt::Error;
    fn evolve(self, _: &CounterEvent) -> Self {
        self
    }
}

impl Decide<Count> for Counter {
    fn decide(&self, command: &Count) -> Result<Vec<CounterEvent>, std::fmt::Error> {
        Ok(vec![CounterEvent::Counted { number: command.number }])
    }
}

impl Decide<CountAll> for Counter {
    fn decide(&self, command: &CountAll) -> Result<Vec<CounterEvent>, std::fmt::Error> {
        Ok(command.numbers.iter().map(|number| CounterEvent::Counted { number: *number }).collect())
    }
}
