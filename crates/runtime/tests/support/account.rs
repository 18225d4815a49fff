//! Accounts: commands that are refused, that answer with several events, with none, and that panic.

use engine_macros::{Command, Event};
use engine_runtime::App;
use engine_types::{Aggregate, Decide, Multi, RawEvent, Upcasters};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Clone, PartialEq, Eq, Event)]
#[event(upcasters = history, crate = engine_types)]
pub enum AccountEvent {
    AccountCreated,
    MoneyDeposited {
        amount: u64,
    },
    MoneyWithdrawn {
        amount: u64,
    },
    PaymentDeclined {
        amount: u64,
        balance: u64,
    },
    #[event(version = 2)]
    AccountRenamed {
        name: String,
    },
    AccountClosed,
    /// No state survives this one: `evolve` panics.
    AccountCursed,
}

pub use AccountEvent::*;

fn history() -> Upcasters<'static> {
    Upcasters::new()
        .one("AccountRenamed", 1, |data| json!({ "name": data["title"] }))
        .drop("AccountLookedAt")
        .rename("MoneyPaidIn", "MoneyDeposited")
        .many("MoneyPaidInTwice", 1, |data| {
            let half = RawEvent::new("MoneyDeposited", 1, data);
            Ok(vec![half.clone(), half])
        })
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    #[default]
    Absent,
    Open,
    Closed,
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub status: Status,
    pub balance: u64,
    pub name: String,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountRejection {
    #[error("the account exists already")]
    Exists,
    #[error("the account does not exist")]
    Absent,
    #[error("the account is closed")]
    Closed,
    #[error("the account would hold more than {0}")]
    TooMuch(u64),
}

impl Aggregate for Account {
    const CATEGORY: &'static str = "account";
    type Event = AccountEvent;
    type Rejection = AccountRejection;

    fn evolve(self, event: &AccountEvent) -> Self {
        match event {
            AccountCreated => Account { status: Status::Open, ..self },
            MoneyDeposited { amount } => Account { balance: self.balance + amount, ..self },
            MoneyWithdrawn { amount } => Account { balance: self.balance - amount, ..self },
            PaymentDeclined { .. } => self,
            AccountRenamed { name } => Account { name: name.clone(), ..self },
            AccountClosed => Account { status: Status::Closed, ..self },
            AccountCursed => panic!("a curse"),
        }
    }
}

impl Account {
    fn must_be_open(&self) -> Result<(), AccountRejection> {
        match self.status {
            Status::Absent => Err(AccountRejection::Absent),
            Status::Closed => Err(AccountRejection::Closed),
            Status::Open => Ok(()),
        }
    }
}

pub const LIMIT: u64 = 1_000_000_000;

macro_rules! command {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* }, |$state:ident, $command:ident| $decide:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Command, Serialize, Deserialize)]
        #[command(aggregate = Account, id = id, crate = engine_types)]
        pub struct $name { pub id: String, $(pub $field: $type),* }

        impl Decide<$name> for Account {
            fn decide(&self, $command: &$name) -> Result<Vec<AccountEvent>, AccountRejection> {
                let $state = self;
                $decide
            }
        }
    };
}

command!(
    /// Opens an account.
    CreateAccount {}, |state, _command| match state.status {
        Status::Absent => Ok(vec![AccountCreated]),
        _ => Err(AccountRejection::Exists),
    }
);

command!(
    /// Pays money in.
    DepositMoney { amount: u64 }, |state, command| {
        state.must_be_open()?;
        Ok(vec![MoneyDeposited { amount: command.amount }])
    }
);

command!(
    /// Pays money in several times, each time looking at what is there.
    DepositManyTimes { amounts: Vec<u64> }, |state, command| {
        state.must_be_open()?;
        Multi::on(state)
            .each(command.amounts.iter().copied(), |state, amount| {
                if state.balance + amount > LIMIT { return Err(AccountRejection::TooMuch(LIMIT)) }
                Ok(vec![MoneyDeposited { amount }])
            })?
            .done()
    }
);

command!(
    /// Takes money out.
    WithdrawMoney { amount: u64 }, |state, command| {
        state.must_be_open()?;
        let (amount, balance) = (command.amount, state.balance);
        Ok(vec![if amount <= balance { MoneyWithdrawn { amount } } else { PaymentDeclined { amount, balance } }])
    }
);

command!(
    /// Gives the account a name; the same name again changes nothing.
    RenameAccount { name: String }, |state, command| {
        state.must_be_open()?;
        Ok(if state.name == command.name { vec![] } else { vec![AccountRenamed { name: command.name.clone() }] })
    }
);

command!(
    /// Closes the account.
    CloseAccount {}, |state, _command| {
        state.must_be_open()?;
        Ok(vec![AccountClosed])
    }
);

command!(
    /// Panics while deciding.
    PanicNow {}, |_state, _command| panic!("no decision")
);

command!(
    /// Answers with an event that no state survives.
    CurseAccount {}, |state, _command| {
        state.must_be_open()?;
        Ok(vec![MoneyDeposited { amount: 1 }, AccountCursed])
    }
);

pub fn register(app: App) -> App {
    app.command::<CreateAccount>()
        .command::<DepositMoney>()
        .command::<DepositManyTimes>()
        .command::<WithdrawMoney>()
        .command::<RenameAccount>()
        .command::<CloseAccount>()
        .command::<PanicNow>()
        .command::<CurseAccount>()
}

pub fn create(id: &str) -> CreateAccount {
    CreateAccount { id: id.to_owned() }
}

pub fn deposit(id: &str, amount: u64) -> DepositMoney {
    DepositMoney { id: id.to_owned(), amount }
}

pub fn deposit_many(id: &str, amounts: &[u64]) -> DepositManyTimes {
    DepositManyTimes { id: id.to_owned(), amounts: amounts.to_vec() }
}

pub fn withdraw(id: &str, amount: u64) -> WithdrawMoney {
    WithdrawMoney { id: id.to_owned(), amount }
}

pub fn rename(id: &str, name: &str) -> RenameAccount {
    RenameAccount { id: id.to_owned(), name: name.to_owned() }
}

pub fn close(id: &str) -> CloseAccount {
    CloseAccount { id: id.to_owned() }
}
