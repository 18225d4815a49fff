//! The bank: accounts that take deposits and withdrawals. Pure functions only; the engine does the rest.

pub mod account;
pub mod read_models;

use account::{CloseAccount, CreateAccount, DepositMoney, WithdrawMoney};
use engine::{App, ProjectionOptions};
use read_models::{Balances, StatementOf, Statements, TopBalances};

/// The bank, ready to be started over a store.
pub fn app() -> App {
    App::new("bank")
        .command::<CreateAccount>()
        .command::<DepositMoney>()
        .command::<WithdrawMoney>()
        .command::<CloseAccount>()
        .projection::<Balances>(ProjectionOptions::default())
        .query::<TopBalances>()
        .projection::<Statements>(ProjectionOptions::default())
        .query::<StatementOf>()
}
