//! Each key is known, given once, and has its value.

use engine_macros::Command;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(agregate = Account, id = id, crate = engine_types)]
struct UnknownKey {
    id: String,
}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
#[command(id = id)]
struct TwiceKey {
    id: String,
}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, name = " ", crate = engine_types)]
struct EmptyName {
    id: String,
}

fn main() {}
