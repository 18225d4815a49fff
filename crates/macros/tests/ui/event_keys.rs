//! Each key of an event is known, given once, and has a value that makes sense.

use engine_macros::Event;

#[derive(Event)]
#[event(crate = engine_types)]
enum AccountEvent {
    #[event(version = 0)]
    VersionZero,
    #[event(version = -1)]
    VersionNegative,
    #[event(version = 4294967296)]
    VersionTooLarge,
    #[event(name = "")]
    EmptyName,
    #[event(nam = "x")]
    UnknownKey,
    #[event(name = "x", name = "y")]
    TwiceKey,
}

#[derive(Event)]
#[event(crate = engine_types, upcaster = f)]
enum UnknownKeyOnEnum {
    Deposited,
}

fn main() {}
