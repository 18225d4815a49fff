//! The bank: accounts that take deposits and withdrawals, and transfers between them. Pure functions only; the
//! engine does the rest.

pub mod account;
pub mod read_models;
pub mod transfer;
pub mod transfer_process;

use account::{CloseAccount, CreateAccount, DepositMoney, RefundMoney, WithdrawMoney};
use engine::{App, ProcessOptions, ProjectionOptions};
use read_models::{Balances, StatementOf, Statements, TopBalances};
use transfer::{CompleteMoneyTransfer, FailMoneyTransfer, TransferMoney};
use transfer_process::TransferProcess;

/// The bank, ready to be started over a store.
pub fn app() -> App {
    App::new("bank")
        .command::<CreateAccount>()
        .command::<DepositMoney>()
        .command::<WithdrawMoney>()
        .command::<RefundMoney>()
        .command::<CloseAccount>()
        .command::<TransferMoney>()
        .command::<CompleteMoneyTransfer>()
        .command::<FailMoneyTransfer>()
        .process::<TransferProcess>(ProcessOptions::default())
        .projection::<Balances>(ProjectionOptions::default())
        .query::<TopBalances>()
        .projection::<Statements>(ProjectionOptions::default())
        .query::<StatementOf>()
}
