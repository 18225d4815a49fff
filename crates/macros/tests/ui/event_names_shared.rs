//! Two events never share a name on disk.

use engine_macros::Event;

#[derive(Event)]
#[event(crate = engine_types)]
enum AccountEvent {
    Deposited {
        amount: u64,
    },
    #[event(name = "Deposited")]
    PaidIn {
        amount: u64,
    },
}

fn main() {}
