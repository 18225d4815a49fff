//! A witness of commands: hears of each before it is decided, and what became of it, and keeps that in its state.

use std::collections::BTreeMap;

use engine_macros::Event;
use engine_runtime::{Bus, ProcessOptions};
use engine_store::RecordedEvent;
use engine_types::{CommandId, Heard, Observed, ProcessManager, Reaction, Route, observed::OBSERVED};
use serde::{Deserialize, Serialize};

use super::{
    bank::{Ask, PayOut},
    checks::{data, is_of_the_bank},
};

/// The commands that are observed: one that people send, and one that a process manager sends.
#[derive(Debug, Clone, Event)]
#[event(crate = engine_types)]
pub enum WitnessEvent {
    #[event(flatten)]
    Ask(Observed<Ask>),
    #[event(flatten)]
    PayOut(Observed<PayOut>),
}

/// What was heard of one command, a letter for each: `d` dispatched, `a` accepted, `r` refused.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witness {
    pub heard: String,
}

fn stage<C>(observed: &Observed<C>) -> char {
    match observed {
        Observed::Dispatched(_) => 'd',
        Observed::Accepted(_) => 'a',
        Observed::Refused(..) => 'r',
    }
}

impl ProcessManager for Witness {
    const NAME: &'static str = "witness";
    const SNAPSHOT_EVERY: u64 = 0;
    type Event = WitnessEvent;

    fn route(heard: &Heard<'_, WitnessEvent>) -> Route {
        match heard.metadata.command_id() {
            Some(id) => Route::StartOrContinue(id.to_string()),
            None => Route::Ignore,
        }
    }

    fn react(&self, _: &Heard<'_, WitnessEvent>) -> Reaction {
        Reaction::none()
    }

    fn evolve(self, heard: &Heard<'_, WitnessEvent>) -> Self {
        let stage = match heard.event {
            WitnessEvent::Ask(observed) => stage(observed),
            WitnessEvent::PayOut(observed) => stage(observed),
        };
        Witness { heard: format!("{}{stage}", self.heard) }
    }
}

pub fn options(partitions: usize) -> ProcessOptions {
    ProcessOptions { partitions, cached_instances: 8, ..ProcessOptions::default() }
}

/// What was written down of a command, in order, each with its position.
type Noted = BTreeMap<CommandId, Vec<(char, u64)>>;

fn noted(events: &[RecordedEvent]) -> Noted {
    let mut noted = Noted::new();
    let prefix = format!("{OBSERVED}-");
    for event in events.iter().filter(|event| event.stream.as_str().starts_with(&prefix)) {
        let command = event.parsed_metadata().command_id().unwrap();
        let stage = data(event)["stage"].as_str().unwrap().chars().next().unwrap();
        noted.entry(command).or_default().push((stage, event.position.0));
    }
    noted
}

/// Each command is told before it is decided, once, and afterwards as accepted, once, if and only if it took effect. One
/// that was lost in a crash, and is sent again, may be told as refused before.
pub fn check(events: &[RecordedEvent]) -> Vec<String> {
    let mut effects: BTreeMap<CommandId, u64> = BTreeMap::new();
    let observed = ["OrderAsked", "PaidOut", "Declined"];
    for event in events.iter().filter(|event| is_of_the_bank(event) && observed.contains(&&*event.event_type))
    {
        effects.insert(event.parsed_metadata().command_id().unwrap(), event.position.0);
    }
    let noted = noted(events);
    for command in effects.keys() {
        assert!(noted.contains_key(command), "{command} took effect unobserved");
    }
    let mut told = Vec::new();
    for (command, stages) in &noted {
        let letters: String = stages.iter().map(|(stage, _)| *stage).collect();
        match effects.get(command) {
            Some(position) => {
                assert!(["da", "dra"].contains(&letters.as_str()), "{command} took effect: {letters}");
                let (first, last) = (stages[0].1, stages[stages.len() - 1].1);
                assert!(
                    first < *position && *position < last,
                    "{command}: {stages:?}, took effect at {position}"
                );
            }
            None => assert_eq!(letters, "dr", "{command} did not take effect"),
        }
        told.push(format!("observed {letters}"));
    }
    told
}

/// The witness has heard, of each command, what was written down, each once and in its order.
pub async fn check_heard(bus: &Bus, events: &[RecordedEvent]) {
    for (command, stages) in noted(events) {
        let letters: String = stages.iter().map(|(stage, _)| *stage).collect();
        let heard = bus.processes().show("witness", &command.to_string()).await.unwrap();
        assert_eq!(heard.value.unwrap()["heard"], letters, "{command}");
    }
}
