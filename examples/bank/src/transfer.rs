//! The transfer: what was asked for, and how it ended. The money itself is moved by the [transfer
//! process](crate::transfer_process).

use engine::{Aggregate, Command, Decide, Event};
use serde::{Deserialize, Serialize};

use TransferEvent::{MoneyTransferCompleted, MoneyTransferFailed, MoneyTransferRequested};

/// What is known of a transfer.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// How far it is.
    pub status: TransferStatus,
}

/// The life of a transfer.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransferStatus {
    /// Nobody has asked for it.
    #[default]
    Missing,
    /// It is under way.
    Requested,
    /// The money has arrived.
    Completed,
    /// The money is where it was.
    Failed,
}

/// Moves money from one account to another.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Transfer, id = id)]
pub struct TransferMoney {
    /// The transfer.
    pub id: String,
    /// The account that the money is taken from.
    pub from: String,
    /// The account that it goes to.
    pub to: String,
    /// How much, in whole units above 0.
    pub amount: u64,
}

/// Says that the money of a transfer has arrived. Sent by the transfer process.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Transfer, id = id)]
pub struct CompleteMoneyTransfer {
    /// The transfer.
    pub id: String,
}

/// Says that a transfer did not come about and its money is where it was. Sent by the transfer process.
#[derive(Debug, Clone, PartialEq, Eq, Command, Serialize, Deserialize)]
#[command(aggregate = Transfer, id = id)]
pub struct FailMoneyTransfer {
    /// The transfer.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A fact about a transfer.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum TransferEvent {
    /// Money is to be moved.
    MoneyTransferRequested {
        /// The account that it is taken from.
        from: String,
        /// The account that it goes to.
        to: String,
        /// How much.
        amount: u64,
    },
    /// The money has arrived.
    MoneyTransferCompleted,
    /// The money is where it was.
    MoneyTransferFailed {
        /// Why.
        reason: String,
    },
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferRejection {
    /// It was asked for before.
    #[error("field `id`: transfer `{id}` exists already; choose another id")]
    ExistsAlready {
        /// The transfer.
        id: String,
    },
    /// It is not under way.
    #[error("field `id`: transfer `{id}` is not under way")]
    IsNotUnderWay {
        /// The transfer.
        id: String,
    },
    /// Nothing is to be moved.
    #[error("field `amount`: must be a whole number above 0")]
    AmountIsZero,
    /// It would lead to where the money is.
    #[error("field `to`: must be another account than `from`")]
    SameAccount,
}

impl Aggregate for Transfer {
    const CATEGORY: &'static str = "transfer";
    type Event = TransferEvent;
    type Rejection = TransferRejection;

    fn evolve(self, event: &TransferEvent) -> Self {
        let status = match event {
            MoneyTransferRequested { .. } => TransferStatus::Requested,
            MoneyTransferCompleted => TransferStatus::Completed,
            MoneyTransferFailed { .. } => TransferStatus::Failed,
        };
        Transfer { status }
    }
}

impl Decide<TransferMoney> for Transfer {
    fn decide(&self, command: &TransferMoney) -> Result<Vec<TransferEvent>, TransferRejection> {
        let TransferMoney { id, from, to, amount } = command.clone();
        if self.status != TransferStatus::Missing {
            return Err(TransferRejection::ExistsAlready { id });
        }
        if amount == 0 {
            return Err(TransferRejection::AmountIsZero);
        }
        if from == to {
            return Err(TransferRejection::SameAccount);
        }
        Ok(vec![MoneyTransferRequested { from, to, amount }])
    }
}

impl Decide<CompleteMoneyTransfer> for Transfer {
    fn decide(&self, command: &CompleteMoneyTransfer) -> Result<Vec<TransferEvent>, TransferRejection> {
        self.under_way(&command.id)?;
        Ok(vec![MoneyTransferCompleted])
    }
}

impl Decide<FailMoneyTransfer> for Transfer {
    fn decide(&self, command: &FailMoneyTransfer) -> Result<Vec<TransferEvent>, TransferRejection> {
        self.under_way(&command.id)?;
        Ok(vec![MoneyTransferFailed { reason: command.reason.clone() }])
    }
}

impl Transfer {
    fn under_way(&self, id: &str) -> Result<(), TransferRejection> {
        match self.status {
            TransferStatus::Requested => Ok(()),
            _ => Err(TransferRejection::IsNotUnderWay { id: id.to_owned() }),
        }
    }
}
