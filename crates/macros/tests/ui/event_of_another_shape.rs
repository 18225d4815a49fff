//! Events are an enum of one type.

use engine_macros::Event;

#[derive(Event)]
#[event(crate = engine_types)]
struct Deposited {
    amount: u64,
}

#[derive(Event)]
#[event(crate = engine_types)]
union Both {
    amount: u64,
    count: u64,
}

#[derive(Event)]
#[event(crate = engine_types)]
enum Generic<T> {
    Deposited { amount: T },
}

fn main() {}
