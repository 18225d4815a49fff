//! What can have happened to an account.

use engine::Event;

/// A fact about an account.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum AccountEvent {
    /// The account was opened.
    AccountCreated,
    /// Money came in.
    MoneyDeposited {
        /// How much.
        amount: u64,
    },
    /// Money went out.
    MoneyWithdrawn {
        /// How much.
        amount: u64,
    },
    /// There was not enough for a withdrawal. The balance is as it was.
    PaymentDeclined {
        /// How much was asked for.
        amount: u64,
        /// How much there was.
        balance: u64,
    },
    /// The account was closed for ever.
    AccountClosed,
}
