//! What an account can be asked to do.

use engine::Command;
use serde::{Deserialize, Serialize};

use super::Account;

/// Opens an account with nothing in it.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id)]
pub struct CreateAccount {
    /// The account.
    pub id: String,
}

/// Puts money into an account.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id)]
pub struct DepositMoney {
    /// The account.
    pub id: String,
    /// How much, in whole units above 0.
    pub amount: u64,
}

/// Takes money out of an account. Declined when there is not enough.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id)]
pub struct WithdrawMoney {
    /// The account.
    pub id: String,
    /// How much, in whole units above 0.
    pub amount: u64,
}

/// Closes an account for ever.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id)]
pub struct CloseAccount {
    /// The account.
    pub id: String,
}

/// Puts back what a transfer took out. An account that was closed meanwhile takes it too: it is its money.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id)]
pub struct RefundMoney {
    /// The account.
    pub id: String,
    /// How much, in whole units above 0.
    pub amount: u64,
}
