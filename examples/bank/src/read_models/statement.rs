//! The movements of each account, with the balance that each led to.

use engine::{Answer, AnswerError, Beside, Delivered, Listing, Projection, Query, RowKey, Rows};
use serde::{Deserialize, Serialize};

use crate::account::AccountEvent;

/// The lines of each account. The row of the account itself is its newest line.
#[derive(Debug)]
pub struct Statements;

/// What happened, and what was in the account afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The revision of the event.
    pub number: u64,
    /// When it was stored.
    pub at: String,
    /// What it was.
    pub kind: Kind,
    /// How much was moved.
    pub amount: u64,
    /// What was in the account afterwards.
    pub balance: u64,
}

/// What can stand in a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The account was opened.
    Opened,
    /// Money came in.
    Deposit,
    /// Money went out.
    Withdrawal,
    /// The account was closed.
    Closed,
}

impl Projection for Statements {
    const NAME: &'static str = "statement";
    type Event = AccountEvent;
    type Row = Line;

    fn keys(event: &Delivered<AccountEvent>) -> Vec<RowKey> {
        let Some(account) = event.stream.id() else { return Vec::new() };
        match event.event {
            AccountEvent::AccountCreated | AccountEvent::AccountClosed => vec![RowKey::of(account)],
            AccountEvent::MoneyDeposited { .. } | AccountEvent::MoneyWithdrawn { .. } => {
                vec![RowKey::of(account), RowKey::numbered(account, event.revision.0)]
            }
            AccountEvent::PaymentDeclined { .. } => Vec::new(),
        }
    }

    fn project(
        _: Option<Line>,
        key: &RowKey,
        event: &Delivered<AccountEvent>,
        beside: &Beside<'_, Line>,
    ) -> Option<Line> {
        let before = beside.get(&RowKey::of(key.partition.clone())).map_or(0, |line| line.balance);
        let (kind, amount, balance) = match event.event {
            AccountEvent::AccountCreated => (Kind::Opened, 0, 0),
            AccountEvent::MoneyDeposited { amount } => (Kind::Deposit, amount, before + amount),
            AccountEvent::MoneyWithdrawn { amount } => (Kind::Withdrawal, amount, before - amount),
            AccountEvent::PaymentDeclined { .. } => return None,
            AccountEvent::AccountClosed => (Kind::Closed, 0, before),
        };
        Some(Line { number: event.revision.0, at: event.created.to_string(), kind, amount, balance })
    }
}

/// The movements of one account, the oldest first, with the balance after each.
#[derive(Debug, Clone, PartialEq, Eq, Query, Serialize, Deserialize)]
#[query(projection = Statements, name = "statement")]
pub struct StatementOf {
    /// The account.
    pub account: String,
    /// Only movements behind the one with this number.
    pub after: Option<u64>,
    /// How many movements at most; 1,000 unless it is said.
    pub limit: Option<usize>,
}

/// The movements of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Statement {
    /// The account.
    pub account: String,
    /// What is in it.
    pub balance: u64,
    /// What came in and went out.
    pub movements: Vec<Line>,
}

impl Answer<StatementOf> for Statements {
    type Output = Statement;

    fn answer(query: &StatementOf, rows: &dyn Rows<Line>) -> Result<Statement, AnswerError> {
        let StatementOf { account, after, limit } = query;
        let newest = rows.get(&RowKey::of(account.clone()))?.ok_or_else(|| {
            AnswerError::NotFound(format!("there is no account `{account}`; create it with CreateAccount"))
        })?;
        // Behind the row of the account itself.
        let start = after
            .map_or_else(|| RowKey::of(account.clone()), |number| RowKey::numbered(account.clone(), number));
        let listing = Listing::partition(account.clone()).after(start).limit(limit.unwrap_or(1_000));
        let movements = rows.list(&listing)?.into_iter().map(|(_, line)| line).collect();
        Ok(Statement { account: account.clone(), balance: newest.balance, movements })
    }
}
