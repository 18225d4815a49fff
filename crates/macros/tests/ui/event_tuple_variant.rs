//! Fields of events have names, and serde's functions belong to fields.

use engine_macros::Event;

#[derive(Event)]
#[event(crate = engine_types)]
enum AccountEvent {
    Deposited(u64, String),
    Closed(),
    #[serde(with = "path")]
    Opened {
        by: String,
    },
}

fn main() {}
