//! A small bank for the tests.

#![allow(dead_code)]

use engine_macros::{Command, Event};
use engine_types::{Aggregate, Decide};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Event)]
#[event(crate = engine_types)]
pub(crate) enum AccountEvent {
    Deposited { amount: u64 },
    Withdrawn { amount: u64 },
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("{missing} cents are missing")]
pub(crate) struct NotEnough {
    pub(crate) missing: u64,
}

#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) balance: u64,
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;
    type Rejection = NotEnough;

    fn evolve(self, event: &AccountEvent) -> Self {
        match event {
            AccountEvent::Deposited { amount } => Account { balance: self.balance + amount },
            AccountEvent::Withdrawn { amount } => Account { balance: self.balance - amount },
        }
    }
}

impl Account {
    pub(crate) fn withdraw(&self, amount: u64) -> Result<Vec<AccountEvent>, NotEnough> {
        match amount.checked_sub(self.balance) {
            Some(missing) if missing > 0 => Err(NotEnough { missing }),
            _ => Ok(vec![AccountEvent::Withdrawn { amount }]),
        }
    }
}

/// Pays money in.
#[derive(Debug, PartialEq, Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
pub(crate) struct DepositMoney {
    pub(crate) id: String,
    pub(crate) amount: u64,
    pub(crate) note: Option<String>,
    #[serde(default)]
    pub(crate) urgent: bool,
    #[serde(default)]
    pub(crate) labels: Vec<u8>,
}

impl Decide<DepositMoney> for Account {
    fn decide(&self, command: &DepositMoney) -> Result<Vec<AccountEvent>, NotEnough> {
        let amount = command.amount;
        Ok(if amount == 0 { vec![] } else { vec![AccountEvent::Deposited { amount }] })
    }
}

#[derive(Debug, PartialEq, Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
pub(crate) struct WithdrawMoney {
    pub(crate) id: String,
    pub(crate) amount: u64,
}

impl Decide<WithdrawMoney> for Account {
    fn decide(&self, command: &WithdrawMoney) -> Result<Vec<AccountEvent>, NotEnough> {
        self.withdraw(command.amount)
    }
}

pub(crate) fn deposited(amount: u64) -> AccountEvent {
    AccountEvent::Deposited { amount }
}

pub(crate) fn withdrawn(amount: u64) -> AccountEvent {
    AccountEvent::Withdrawn { amount }
}

pub(crate) fn deposit(amount: u64) -> DepositMoney {
    DepositMoney { id: "jsdf".into(), amount, note: None, urgent: false, labels: vec![] }
}

pub(crate) fn withdraw(amount: u64) -> WithdrawMoney {
    WithdrawMoney { id: "jsdf".into(), amount }
}
