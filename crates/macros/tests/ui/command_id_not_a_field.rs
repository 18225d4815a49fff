//! The id is one of the fields, and is always given.

use engine_macros::Command;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = acount, crate = engine_types)]
struct Mistyped {
    account: String,
    amount: u64,
}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
struct NoFields {}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
struct Optional {
    id: Option<String>,
}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
struct Skipped {
    #[serde(skip)]
    id: String,
}

fn main() {}
