//! The account: a balance that is never below zero, from its creation to its closing.

mod commands;
mod events;
mod rejection;

use engine::{Aggregate, Decide};
use serde::{Deserialize, Serialize};

pub use commands::{CloseAccount, CreateAccount, DepositMoney, RefundMoney, WithdrawMoney};
pub use events::AccountEvent;
pub use rejection::AccountRejection;

use AccountEvent::{AccountClosed, AccountCreated, MoneyDeposited, MoneyWithdrawn, PaymentDeclined};

/// What is known of an account.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Whether it can be used.
    pub status: Status,
    /// The money in it, in whole units.
    pub balance: u64,
}

/// The life of an account.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It was never created.
    #[default]
    Missing,
    /// It can be used.
    Open,
    /// It can no longer be used.
    Closed,
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    const SNAPSHOT_EVERY: u64 = 1_000;
    type Event = AccountEvent;
    type Rejection = AccountRejection;

    fn evolve(self, event: &AccountEvent) -> Self {
        match event {
            AccountCreated => Account { status: Status::Open, balance: 0 },
            MoneyDeposited { amount } => Account { balance: self.balance + amount, ..self },
            MoneyWithdrawn { amount } => Account { balance: self.balance - amount, ..self },
            PaymentDeclined { .. } => self,
            AccountClosed => Account { status: Status::Closed, ..self },
        }
    }
}

impl Decide<CreateAccount> for Account {
    fn decide(&self, command: &CreateAccount) -> Result<Vec<AccountEvent>, AccountRejection> {
        match self.status {
            Status::Missing => Ok(vec![AccountCreated]),
            Status::Open => Err(AccountRejection::ExistsAlready { id: command.id.clone() }),
            Status::Closed => Err(AccountRejection::IsClosed { id: command.id.clone() }),
        }
    }
}

impl Decide<DepositMoney> for Account {
    fn decide(&self, command: &DepositMoney) -> Result<Vec<AccountEvent>, AccountRejection> {
        let DepositMoney { id, amount } = command;
        self.usable(id)?;
        self.take_in(*amount)
    }
}

impl Decide<RefundMoney> for Account {
    fn decide(&self, command: &RefundMoney) -> Result<Vec<AccountEvent>, AccountRejection> {
        let RefundMoney { id, amount } = command;
        match self.status {
            Status::Missing => Err(AccountRejection::IsMissing { id: id.clone() }),
            Status::Open | Status::Closed => self.take_in(*amount),
        }
    }
}

impl Decide<WithdrawMoney> for Account {
    fn decide(&self, command: &WithdrawMoney) -> Result<Vec<AccountEvent>, AccountRejection> {
        let WithdrawMoney { id, amount } = command;
        self.usable(id)?;
        positive(*amount)?;
        if *amount > self.balance {
            Ok(vec![PaymentDeclined { amount: *amount, balance: self.balance }])
        } else {
            Ok(vec![MoneyWithdrawn { amount: *amount }])
        }
    }
}

impl Decide<CloseAccount> for Account {
    fn decide(&self, command: &CloseAccount) -> Result<Vec<AccountEvent>, AccountRejection> {
        self.usable(&command.id)?;
        Ok(vec![AccountClosed])
    }
}

impl Account {
    fn take_in(&self, amount: u64) -> Result<Vec<AccountEvent>, AccountRejection> {
        positive(amount)?;
        match self.balance.checked_add(amount) {
            Some(_) => Ok(vec![MoneyDeposited { amount }]),
            None => Err(AccountRejection::TooMuchMoney { amount, balance: self.balance }),
        }
    }

    fn usable(&self, id: &str) -> Result<(), AccountRejection> {
        match self.status {
            Status::Missing => Err(AccountRejection::IsMissing { id: id.to_owned() }),
            Status::Open => Ok(()),
            Status::Closed => Err(AccountRejection::IsClosed { id: id.to_owned() }),
        }
    }
}

fn positive(amount: u64) -> Result<(), AccountRejection> {
    if amount == 0 { Err(AccountRejection::AmountIsZero) } else { Ok(()) }
}
