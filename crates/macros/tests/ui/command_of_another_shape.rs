//! A command is a struct with named fields and one type.

use engine_macros::Command;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
enum OneOfMany {
    Deposit { id: String },
}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
struct Tuple(String);

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
struct Generic<T> {
    id: T,
}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
#[serde(transparent)]
struct Transparent {
    id: String,
}

fn main() {}
