//! A domain whose rows tell when an event was counted twice, or not at all.

use std::{collections::BTreeSet, sync::LazyLock};

use engine_macros::{Command, Event, Query};
use engine_runtime::{
    App,
    listen::Delivered,
    read_models::{Answer, AnswerError, Beside, Listing, Projection, ProjectionOptions, RowKey, Rows},
};
use engine_types::{Aggregate, Decide};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id, crate = engine_types)]
pub struct Deposit {
    pub id: String,
    pub amount: u64,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(crate = engine_types)]
pub enum AccountEvent {
    Deposited { amount: u64 },
    Closed,
}

#[derive(Default, Clone, Serialize, Deserialize)]
pub struct Account;

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;
    type Rejection = std::fmt::Error;
    fn evolve(self, _: &AccountEvent) -> Self {
        self
    }
}

impl Decide<Deposit> for Account {
    fn decide(&self, command: &Deposit) -> Result<Vec<AccountEvent>, std::fmt::Error> {
        if command.amount == 0 {
            Ok(vec![AccountEvent::Closed])
        } else {
            Ok(vec![AccountEvent::Deposited { amount: command.amount }])
        }
    }
}

/// What can be projected at the moment: a defect that is mended while the process runs.
static MENDED: LazyLock<Mutex<BTreeSet<u64>>> = LazyLock::new(Mutex::default);

/// Amounts from here on cannot be projected until they are mended.
pub const POISON: u64 = 1_000_000;

pub fn mend(amount: u64) {
    MENDED.lock().insert(amount);
}

/// What has come into each account.
pub struct Sums;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub count: u64,
    pub sum: u64,
}

pub fn add(row: Option<Sum>, event: &Delivered<AccountEvent>) -> Option<Sum> {
    let before = row.unwrap_or(Sum { count: 0, sum: 0 });
    match event.event {
        AccountEvent::Deposited { amount } => {
            assert!(amount < POISON || MENDED.lock().contains(&amount), "{amount} is poison");
            Some(Sum { count: before.count + 1, sum: before.sum + amount })
        }
        AccountEvent::Closed => None,
    }
}

impl Projection for Sums {
    const NAME: &'static str = "sums";
    type Event = AccountEvent;
    type Row = Sum;

    fn keys(event: &Delivered<AccountEvent>) -> Vec<RowKey> {
        vec![RowKey::of(event.stream.id().unwrap())]
    }

    fn project(
        row: Option<Sum>,
        _: &RowKey,
        event: &Delivered<AccountEvent>,
        _: &Beside<'_, Sum>,
    ) -> Option<Sum> {
        add(row, event)
    }

    fn rank(row: &Sum) -> i64 {
        i64::try_from(row.sum).unwrap()
    }
}

/// All sums, the largest first.
#[derive(Debug, Query, Serialize, Deserialize)]
#[query(projection = Sums, crate = engine_types)]
pub struct AllSums {
    pub limit: Option<usize>,
}

impl Answer<AllSums> for Sums {
    type Output = Vec<(String, Sum)>;

    fn answer(query: &AllSums, rows: &dyn Rows<Sum>) -> Result<Self::Output, AnswerError> {
        let listing = Listing::all().by_rank().descending().limit(query.limit.unwrap_or(1_000));
        Ok(rows.list(&listing)?.into_iter().map(|(key, sum)| (key.partition, sum)).collect())
    }
}

/// The sum of one account.
#[derive(Debug, Query, Serialize, Deserialize)]
#[query(projection = Sums, crate = engine_types)]
pub struct SumOf {
    pub account: String,
}

impl Answer<SumOf> for Sums {
    type Output = Sum;

    fn answer(query: &SumOf, rows: &dyn Rows<Sum>) -> Result<Sum, AnswerError> {
        assert!(query.account != "panic", "the answer is at fault");
        let found = rows.get(&RowKey::of(query.account.clone()))?;
        found.ok_or_else(|| AnswerError::NotFound(format!("there is no account `{}`", query.account)))
    }
}

/// Where the read model stands, and what it holds there: both of one moment.
#[derive(Debug, Query, Serialize, Deserialize)]
#[query(projection = Sums, crate = engine_types)]
pub struct Standing {}

impl Answer<Standing> for Sums {
    /// The position, and how many events have been counted.
    type Output = (Option<u64>, u64);

    fn answer(_: &Standing, rows: &dyn Rows<Sum>) -> Result<Self::Output, AnswerError> {
        let position = rows.position()?.map(|position| position.0);
        Ok((position, rows.list(&Listing::all().limit(usize::MAX))?.iter().map(|(_, row)| row.count).sum()))
    }
}

pub fn app() -> App {
    app_with(ProjectionOptions::default())
}

pub fn app_with(options: ProjectionOptions) -> App {
    App::new("test")
        .command::<Deposit>()
        .projection::<Sums>(options)
        .query::<AllSums>()
        .query::<SumOf>()
        .query::<Standing>()
}

pub fn deposit(id: &str, amount: u64) -> Deposit {
    Deposit { id: id.to_owned(), amount }
}

pub fn sum(count: u64, sum: u64) -> Sum {
    Sum { count, sum }
}
