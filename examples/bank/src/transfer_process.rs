//! The transfer process: takes the money out of one account and puts it into the other, or back.

use engine::{Event, Heard, Machine, ProcessManager, Reaction, Rejected, Route, state_machine};
use serde::{Deserialize, Serialize};

use crate::{
    account::{AccountEvent, DepositMoney, RefundMoney, WithdrawMoney},
    transfer::{CompleteMoneyTransfer, FailMoneyTransfer, TransferEvent},
};
use AccountEvent::{MoneyDeposited, MoneyWithdrawn, PaymentDeclined};
use TransferEvent::MoneyTransferRequested;
use TransferProcessEvent::{Account, Transfer};

/// What the transfer process listens to.
#[derive(Debug, Clone, PartialEq, Eq, Event)]
pub enum TransferProcessEvent {
    /// The accounts, as far as they answer to it.
    #[event(flatten)]
    Account(AccountEvent),
    /// The transfers.
    #[event(flatten)]
    Transfer(TransferEvent),
}

state_machine! {
    /// How far a transfer is.
    #[derive(PartialEq, Eq)]
    pub enum Stage of TransferProcessEvent, otherwise Park {
        /// Nobody has asked for it.
        NotStarted { MoneyTransferRequested => Withdrawing [WithdrawMoney] }
        /// The money is to be taken out of the one account.
        Withdrawing {
            MoneyWithdrawn => Depositing [DepositMoney],
            PaymentDeclined => Failing [FailMoneyTransfer],
            rejected WithdrawMoney => Failing [FailMoneyTransfer],
        }
        /// The money is on its way to the other account.
        Depositing {
            MoneyDeposited => Completing [CompleteMoneyTransfer],
            rejected DepositMoney => Refunding [RefundMoney],
        }
        /// The other account does not take it: it goes back.
        Refunding { MoneyDeposited => Failing [FailMoneyTransfer] }
        Completing { MoneyTransferCompleted => Completed }
        Failing { MoneyTransferFailed => Failed }
        /// The money has arrived.
        Completed {}
        /// The money is where it was.
        Failed {}
    }
}

/// One transfer under way.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferProcess {
    /// How far it is.
    pub stage: Stage,
    /// The transfer.
    pub id: String,
    /// The account that the money is taken from.
    pub from: String,
    /// The account that it goes to.
    pub to: String,
    /// How much.
    pub amount: u64,
    /// Why it cannot come about.
    pub reason: String,
}

impl ProcessManager for TransferProcess {
    const NAME: &'static str = "transfers";
    const MACHINE: Option<&'static Machine> = Some(&Stage::MACHINE);
    type Event = TransferProcessEvent;

    fn route(heard: &Heard<'_, TransferProcessEvent>) -> Route {
        match heard.event {
            Transfer(MoneyTransferRequested { .. }) => Route::Start(heard.aggregate_id().to_owned()),
            Transfer(_) => Route::ContinueIfRunning(heard.aggregate_id().to_owned()),
            Account(_) => Route::back_to(heard.answers::<Self>()),
        }
    }

    fn react(&self, heard: &Heard<'_, TransferProcessEvent>) -> Reaction {
        let TransferProcess { id, to, amount, reason, .. } = self.clone();
        match heard.event {
            Transfer(MoneyTransferRequested { from, amount, .. }) => {
                Reaction::send(WithdrawMoney { id: from.clone(), amount: *amount })
            }
            Account(MoneyWithdrawn { .. }) => Reaction::send(DepositMoney { id: to, amount }),
            Account(MoneyDeposited { .. }) if self.stage == Stage::Depositing => {
                Reaction::send(CompleteMoneyTransfer { id })
            }
            Account(MoneyDeposited { .. }) => Reaction::send(FailMoneyTransfer { id, reason }),
            Account(PaymentDeclined { amount, balance }) => {
                let reason = format!("{amount} cannot be taken from a balance of {balance}");
                Reaction::send(FailMoneyTransfer { id, reason })
            }
            _ => Reaction::none(),
        }
    }

    fn evolve(self, heard: &Heard<'_, TransferProcessEvent>) -> Self {
        let stage = self.stage.after(heard);
        match heard.event {
            Transfer(MoneyTransferRequested { from, to, amount }) => TransferProcess {
                stage,
                id: heard.aggregate_id().to_owned(),
                from: from.clone(),
                to: to.clone(),
                amount: *amount,
                reason: String::new(),
            },
            _ => TransferProcess { stage, ..self },
        }
    }

    fn on_rejected(&self, rejected: &Rejected) -> Reaction {
        let TransferProcess { id, from, amount, .. } = self.clone();
        if rejected.is::<WithdrawMoney>() {
            Reaction::send(FailMoneyTransfer { id, reason: rejected.message.clone() })
        } else if rejected.is::<DepositMoney>() {
            Reaction::send(RefundMoney { id: from, amount })
        } else {
            rejected.park()
        }
    }

    fn evolve_rejected(self, rejected: &Rejected) -> Self {
        let stage = self.stage.after_rejected(rejected);
        TransferProcess { stage, reason: rejected.message.clone(), ..self }
    }

    fn stage(&self) -> Option<&'static str> {
        Some(self.stage.name())
    }
}
