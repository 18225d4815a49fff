//! A command says which field addresses the instance.

use engine_macros::Command;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, crate = engine_types)]
struct DepositMoney {
    id: String,
}

fn main() {}
