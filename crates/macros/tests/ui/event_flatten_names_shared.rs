//! Flattened enums never share the name of an event.

use engine_macros::Event;

#[derive(Event)]
#[event(crate = engine_types)]
enum AccountEvent {
    Opened,
    Closed,
}

#[derive(Event)]
#[event(crate = engine_types)]
enum ShopEvent {
    #[event(name = "Closed")]
    ShopClosed,
}

#[derive(Event)]
#[event(crate = engine_types)]
enum Everything {
    #[event(flatten)]
    Account(AccountEvent),
    #[event(flatten)]
    Shop(ShopEvent),
}

fn main() {}
