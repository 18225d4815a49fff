//! The connections of a store: a bounded number, made when they are needed, and kept.
//!
//! Statements have no names and are sent whole, so that a pooler may give each to another session.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tokio_postgres::{
    Client, Row,
    error::SqlState,
    types::{ToSql, Type},
};

use crate::{
    PostgresOptions, PostgresUrl,
    connect::{Connector, look_after},
    error::Trouble,
};

/// A value and its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

pub(crate) struct Pool {
    connector: Connector,
    shown: String,
    permits: Semaphore,
    many: usize,
    idle: Mutex<Vec<Client>>,
    wait: Duration,
    answer_timeout: Duration,
    closed: AtomicBool,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("url", &self.shown)
            .field("connections", &self.many)
            .finish_non_exhaustive()
    }
}

/// A connection that is in use.
pub(crate) struct Connection<'a> {
    client: Option<Client>,
    /// A transaction was begun and has not ended: nobody else may have the connection.
    is_in_transaction: bool,
    pool: &'a Pool,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub(crate) fn new(url: &PostgresUrl, options: &PostgresOptions) -> Self {
        Pool {
            connector: Connector::new(url, options.connect_timeout),
            shown: url.to_string(),
            permits: Semaphore::new(options.connections),
            many: options.connections,
            idle: Mutex::default(),
            wait: options.wait_for_connection,
            answer_timeout: options.answer_timeout,
            closed: AtomicBool::new(false),
        }
    }

    /// A connection, as soon as one is free.
    pub(crate) async fn get(&self) -> Result<Connection<'_>, Trouble> {
        let permit = match timeout(self.wait, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(Trouble::Refused("the store was closed".to_owned())),
            Err(_) => {
                return Err(Trouble::Refused(format!(
                    "all {} connections were in use for {:?}: let the store have more with `?connections=` in its URL",
                    self.many, self.wait
                )));
            }
        };
        loop {
            let Some(client) = self.idle.lock().pop() else { break };
            if !client.is_closed() {
                return Ok(Connection::new(client, self, permit));
            }
        }
        let (client, line) = self.connector.connect().await?;
        look_after(line);
        Ok(Connection::new(client, self, permit))
    }

    /// What makes connections.
    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Runs one statement on any connection.
    pub(crate) async fn query(&self, sql: &str, values: &[Parameter<'_>]) -> Result<Vec<Row>, Trouble> {
        self.get().await?.query(sql, values).await
    }

    /// Refuses further calls; connections in use end with them.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.permits.close();
        self.idle.lock().clear();
    }
}

impl<'a> Connection<'a> {
    fn new(client: Client, pool: &'a Pool, permit: SemaphorePermit<'a>) -> Self {
        Connection { client: Some(client), is_in_transaction: false, pool, _permit: permit }
    }

    /// Runs one statement, which is a transaction of its own unless one was begun.
    pub(crate) async fn query(&mut self, sql: &str, values: &[Parameter<'_>]) -> Result<Vec<Row>, Trouble> {
        let patience = self.pool.answer_timeout;
        let asked = timeout(patience, self.client()?.query_typed(sql, values)).await;
        self.answered(asked, patience)
    }

    /// Runs statements that have no values and no answer; the first may be `BEGIN`, and the last `COMMIT`.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), Trouble> {
        let patience = self.pool.answer_timeout;
        self.is_in_transaction |= sql.starts_with("BEGIN");
        let asked = timeout(patience, self.client()?.batch_execute(sql)).await;
        self.answered(asked, patience)?;
        self.is_in_transaction &= !sql.ends_with("COMMIT");
        Ok(())
    }

    pub(crate) fn client(&self) -> Result<&Client, Trouble> {
        self.client.as_ref().ok_or_else(|| Trouble::Unreachable("the connection was given up".to_owned()))
    }

    fn answered<T>(
        &mut self,
        asked: Result<Result<T, tokio_postgres::Error>, tokio::time::error::Elapsed>,
        patience: Duration,
    ) -> Result<T, Trouble> {
        match asked {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) if error.code() == Some(&SqlState::READ_ONLY_SQL_TRANSACTION) => {
                // The server has become a standby. Another host may take writes now, or this one soon.
                self.give_up();
                self.pool.idle.lock().clear();
                Err(Trouble::Unreachable(crate::error::told(&error)))
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => {
                self.give_up();
                Err(Trouble::Lost(format!("PostgreSQL did not answer within {patience:?}")))
            }
        }
    }

    /// Closes the connection, and with it whatever is under way on it.
    pub(crate) fn give_up(&mut self) {
        self.client = None;
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        let is_free = |client: &Client| !client.is_closed() && !self.is_in_transaction;
        if let Some(client) = self.client.take().filter(is_free) {
            let mut idle = self.pool.idle.lock();
            if !self.pool.closed.load(Ordering::SeqCst) {
                idle.push(client);
            }
        }
    }
}
