//! The bank: accounts that take deposits and withdrawals. Pure functions only; the engine does the rest.

pub mod account;

use account::{CloseAccount, CreateAccount, DepositMoney, WithdrawMoney};
use engine::App;

/// The bank, ready to be started over a store.
pub fn app() -> App {
    App::new("bank")
        .command::<CreateAccount>()
        .command::<DepositMoney>()
        .command::<WithdrawMoney>()
        .command::<CloseAccount>()
}
