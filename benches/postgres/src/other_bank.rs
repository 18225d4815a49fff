//! The same bank on `cqrs-es` and `postgres-es`.

use cqrs_es::{Aggregate, DomainEvent, event_sink::EventSink};
use postgres_es::{PostgresCqrs, postgres_snapshot_cqrs};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;

use crate::Bank;

/// So many connections; it asks for one for each command that is under way.
const CONNECTIONS: u32 = 64;

/// Snapshots after so many events, so that loading an account does not grow slower all the time.
const SNAPSHOT_EVERY: usize = 50;

/// What can be asked of an account.
pub enum AccountCommand {
    /// Open it.
    Create,
    /// Deposit money.
    Deposit(u64),
}

/// What happens to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum AccountEvent {
    /// It was opened.
    AccountCreated,
    /// Money came.
    MoneyDeposited {
        /// How much.
        amount: u64,
    },
}

impl DomainEvent for AccountEvent {
    fn event_type(&self) -> String {
        match self {
            AccountEvent::AccountCreated => "AccountCreated".to_owned(),
            AccountEvent::MoneyDeposited { .. } => "MoneyDeposited".to_owned(),
        }
    }

    fn event_version(&self) -> String {
        "1".to_owned()
    }
}

/// Why not.
#[derive(Debug, thiserror::Error)]
#[error("refused")]
pub struct Refused;

/// An account.
#[derive(Default, Serialize, Deserialize)]
pub struct Account {
    open: bool,
    balance: u64,
}

impl Aggregate for Account {
    const TYPE: &'static str = "account";
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = Refused;
    type Services = ();

    async fn handle(
        &mut self,
        command: AccountCommand,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Refused> {
        match command {
            AccountCommand::Create if !self.open => sink.write(AccountEvent::AccountCreated, self).await,
            AccountCommand::Deposit(amount) if self.open => {
                sink.write(AccountEvent::MoneyDeposited { amount }, self).await;
            }
            _ => return Err(Refused),
        }
        Ok(())
    }

    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::AccountCreated => self.open = true,
            AccountEvent::MoneyDeposited { amount } => self.balance += amount,
        }
    }
}

/// The tables as its `db/init.sql` has them.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS events (
        aggregate_type text NOT NULL, aggregate_id text NOT NULL, sequence bigint CHECK (sequence >= 0) NOT NULL,
        event_type text NOT NULL, event_version text NOT NULL, payload json NOT NULL, metadata json NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, sequence));
    CREATE TABLE IF NOT EXISTS snapshots (
        aggregate_type text NOT NULL, aggregate_id text NOT NULL,
        last_sequence bigint CHECK (last_sequence >= 0) NOT NULL,
        current_snapshot bigint CHECK (current_snapshot >= 0) NOT NULL, payload json NOT NULL,
        PRIMARY KEY (aggregate_type, aggregate_id, last_sequence))";

/// The bank in the schema `public`, where it belongs.
pub async fn open(url: &str) -> PostgresCqrs<Account> {
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).connect(url).await.expect("a pool");
    sqlx::raw_sql(TABLES).execute(&pool).await.expect("the tables can be made");
    postgres_snapshot_cqrs(pool, vec![], SNAPSHOT_EVERY, ())
}

impl Bank for PostgresCqrs<Account> {
    async fn open(&self, account: u64) {
        let _ = self.execute(&format!("a{account}"), AccountCommand::Create).await;
    }

    async fn deposit(&self, account: u64) {
        let id = format!("a{account}");
        // An account that two callers meet at is a conflict, which its users repeat.
        while self.execute(&id, AccountCommand::Deposit(1)).await.is_err() {}
    }
}
