//! All accounts and what is in them.

use engine::{Answer, AnswerError, Beside, Delivered, Listing, Projection, Query, RowKey, Rows};
use serde::{Deserialize, Serialize};

use crate::account::{AccountEvent, Status};

/// The balance of each account.
#[derive(Debug)]
pub struct Balances;

/// An account and what is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountBalance {
    /// The account.
    pub account: String,
    /// The money in it.
    pub balance: u64,
    /// Whether it can be used.
    pub status: Status,
}

impl Projection for Balances {
    const NAME: &'static str = "balances";
    type Event = AccountEvent;
    type Row = AccountBalance;

    fn keys(event: &Delivered<AccountEvent>) -> Vec<RowKey> {
        event.stream.id().map(RowKey::of).into_iter().collect()
    }

    fn project(
        row: Option<AccountBalance>,
        key: &RowKey,
        event: &Delivered<AccountEvent>,
        _: &Beside<'_, AccountBalance>,
    ) -> Option<AccountBalance> {
        let new = || AccountBalance { account: key.partition.clone(), balance: 0, status: Status::Open };
        let row = row.unwrap_or_else(new);
        Some(match event.event {
            AccountEvent::AccountCreated => new(),
            AccountEvent::MoneyDeposited { amount } => {
                AccountBalance { balance: row.balance + amount, ..row }
            }
            AccountEvent::MoneyWithdrawn { amount } => {
                AccountBalance { balance: row.balance - amount, ..row }
            }
            AccountEvent::PaymentDeclined { .. } => row,
            AccountEvent::AccountClosed => AccountBalance { status: Status::Closed, ..row },
        })
    }

    /// The most money first; equal balances by name.
    fn rank(row: &AccountBalance) -> i64 {
        -i64::try_from(row.balance).unwrap_or(i64::MAX)
    }
}

/// All accounts and what is in them, the most money first.
#[derive(Debug, Clone, PartialEq, Eq, Query, Serialize, Deserialize)]
#[query(projection = Balances, name = "balances")]
pub struct TopBalances {
    /// How many accounts at most; 1,000 unless it is said.
    pub limit: Option<usize>,
}

impl Answer<TopBalances> for Balances {
    type Output = Vec<AccountBalance>;

    fn answer(query: &TopBalances, rows: &dyn Rows<AccountBalance>) -> Result<Self::Output, AnswerError> {
        let listing = Listing::all().by_rank().limit(query.limit.unwrap_or(1_000));
        Ok(rows.list(&listing)?.into_iter().map(|(_, row)| row).collect())
    }
}
