//! A flattened variant holds events.

use engine_macros::Event;

#[derive(Event)]
#[event(crate = engine_types)]
enum Everything {
    #[event(flatten)]
    Text(String),
}

fn main() {}
