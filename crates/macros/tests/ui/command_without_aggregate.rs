//! A command says which aggregate answers it.

use engine_macros::Command;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(id = id, crate = engine_types)]
struct DepositMoney {
    id: String,
}

fn main() {}
