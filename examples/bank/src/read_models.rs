//! What can be asked about accounts: their balances, and the movements of each. Pure, like the accounts.

mod balances;
mod statement;

pub use balances::{AccountBalance, Balances, TopBalances};
pub use statement::{Kind, Line, Statement, StatementOf, Statements};
