//! A flattened variant is one event enum, with the names that the inner events have.

use engine_macros::Event;

#[derive(Event)]
#[event(crate = engine_types)]
enum Inner {
    Deposited,
}

#[derive(Event)]
#[event(crate = engine_types)]
enum Everything {
    #[event(flatten)]
    Unit,
    #[event(flatten)]
    Struct { inner: Inner },
    #[event(flatten, name = "Inner")]
    Named(Inner),
}

fn main() {}
