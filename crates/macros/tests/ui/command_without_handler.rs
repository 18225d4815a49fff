//! A command that nobody handles does not compile, though nobody sends it.

use engine_macros::{Command, Event};
use engine_types::Aggregate;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Event)]
#[event(crate = engine_types)]
enum BankEvent {
    Deposited,
}

#[derive(Debug, thiserror::Error)]
#[error("never")]
struct Never;

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Account;

impl Aggregate for Account {
    const CATEGORY: &str = "account";
    type Event = BankEvent;
    type Rejection = Never;
    fn evolve(self, _: &BankEvent) -> Self {
        self
    }
}

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
struct DepositMoney {
    id: String,
}

fn main() {}
