//! Why an account refuses. Each message names the field at fault.

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountRejection {
    /// It was created before.
    #[error("field `id`: account `{id}` exists already; choose another id")]
    ExistsAlready {
        /// The account.
        id: String,
    },
    /// It was never created.
    #[error("field `id`: there is no account `{id}`; create it with CreateAccount")]
    IsMissing {
        /// The account.
        id: String,
    },
    /// It was closed.
    #[error("field `id`: account `{id}` is closed and cannot be used any more")]
    IsClosed {
        /// The account.
        id: String,
    },
    /// Nothing is to be moved.
    #[error("field `amount`: must be a whole number above 0")]
    AmountIsZero,
    /// The balance would be larger than can be counted.
    #[error("field `amount`: {amount} more than the balance of {balance} is over the limit of {}", u64::MAX)]
    TooMuchMoney {
        /// How much was to come in.
        amount: u64,
        /// How much there is.
        balance: u64,
    },
}
