//! A command never has two handlers.

use engine_macros::{Command, Event};
use engine_types::{Aggregate, Decide};
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

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
struct Lamp;

impl Aggregate for Lamp {
    const CATEGORY: &str = "lamp";
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

impl Decide<DepositMoney> for Account {
    fn decide(&self, _: &DepositMoney) -> Result<Vec<BankEvent>, Never> {
        Ok(vec![BankEvent::Deposited])
    }
}

impl Decide<DepositMoney> for Lamp {
    fn decide(&self, _: &DepositMoney) -> Result<Vec<BankEvent>, Never> {
        Ok(Vec::new())
    }
}

fn main() {}
