//! Without `crate = …`, the engine is found under the name of its façade.

#![allow(missing_docs)]

extern crate engine_types as engine;

use engine::{Aggregate, Decide, testing::given};
use engine_macros::{Command, Event};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Event)]
enum LampEvent {
    SwitchedOn { watts: u8 },
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

#[derive(Default, Clone, Serialize, Deserialize)]
struct Lamp;

impl Aggregate for Lamp {
    const CATEGORY: &'static str = "lamp";
    type Event = LampEvent;
    type Rejection = Never;
    fn evolve(self, _: &LampEvent) -> Self {
        self
    }
}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Lamp, id = id)]
struct SwitchOn {
    id: String,
}

impl Decide<SwitchOn> for Lamp {
    fn decide(&self, _: &SwitchOn) -> Result<Vec<LampEvent>, Never> {
        Ok(vec![LampEvent::SwitchedOn { watts: 9 }])
    }
}

#[test]
fn the_facade_is_the_default() {
    given::<Lamp>([]).when(SwitchOn { id: "desk".into() }).then([LampEvent::SwitchedOn { watts: 9 }]);
}
