//! The bank on this engine.

use engine::{prelude::*, stores};

use crate::Bank;

/// Opens an account.
#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id)]
pub struct CreateAccount {
    /// The account.
    pub id: String,
}

/// Deposits money.
#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Account, id = id)]
pub struct DepositMoney {
    /// The account.
    pub id: String,
    /// How much.
    pub amount: u64,
}

/// What happens to an account.
#[derive(Event, Debug, PartialEq)]
pub enum AccountEvent {
    /// It was opened.
    AccountCreated,
    /// Money came.
    MoneyDeposited {
        /// How much.
        amount: u64,
    },
}

/// Why not.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum AccountRejection {
    /// It is open.
    #[error("the account is open already")]
    Open,
    /// It is not.
    #[error("there is no such account")]
    Missing,
}

/// An account.
#[derive(Default, Clone, Serialize, Deserialize)]
pub struct Account {
    open: bool,
    balance: u64,
}

impl Aggregate for Account {
    const CATEGORY: &str = "account";
    type Event = AccountEvent;
    type Rejection = AccountRejection;

    fn evolve(self, event: &AccountEvent) -> Self {
        match event {
            AccountEvent::AccountCreated => Account { open: true, ..self },
            AccountEvent::MoneyDeposited { amount } => Account { balance: self.balance + amount, ..self },
        }
    }
}

impl Decide<CreateAccount> for Account {
    fn decide(&self, _: &CreateAccount) -> Result<Vec<AccountEvent>, AccountRejection> {
        if self.open { Err(AccountRejection::Open) } else { Ok(vec![AccountEvent::AccountCreated]) }
    }
}

impl Decide<DepositMoney> for Account {
    fn decide(&self, command: &DepositMoney) -> Result<Vec<AccountEvent>, AccountRejection> {
        let deposited = AccountEvent::MoneyDeposited { amount: command.amount };
        if self.open { Ok(vec![deposited]) } else { Err(AccountRejection::Missing) }
    }
}

/// The bank in a schema of its own.
pub async fn open(url: &str) -> Bus {
    let url = engine_postgres_server::in_schema(url, "bench_engine");
    let app = App::new("bank").command::<CreateAccount>().command::<DepositMoney>();
    app.start(stores::open(&url).await.expect("the store opens")).await.expect("the bank starts")
}

impl Bank for Bus {
    async fn open(&self, account: u64) {
        // A second run on the same server finds it there.
        let _ = self.send_command(CreateAccount { id: format!("a{account}") }).await;
    }

    async fn deposit(&self, account: u64) {
        let deposit = DepositMoney { id: format!("a{account}"), amount: 1 };
        self.send_command(deposit).await.expect("a deposit is accepted");
    }
}
