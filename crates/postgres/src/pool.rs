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
    Client, NoTls, Row,
    types::{ToSql, Type},
};

use crate::{PostgresOptions, PostgresUrl, error::Trouble};

/// A value and its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

pub(crate) struct Pool {
    config: tokio_postgres::Config,
    shown: String,
    permits: Semaphore,
    many: usize,
    idle: Mutex<Vec<Client>>,
    wait: Duration,
    connect_timeout: Duration,
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
            config: url.config.clone(),
            shown: url.to_string(),
            permits: Semaphore::new(options.connections),
            many: options.connections,
            idle: Mutex::default(),
            wait: options.wait_for_connection,
            connect_timeout: options.connect_timeout,
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
        Ok(Connection::new(self.connect().await?, self, permit))
    }

    async fn connect(&self) -> Result<Client, Trouble> {
        let unreachable =
            |fault: String| Trouble::Unreachable(format!("{} cannot be reached: {fault}", self.shown));
        match timeout(self.connect_timeout, self.config.connect(NoTls)).await {
            Ok(Ok((client, connection))) => {
                // Ends with the client.
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
                        tracing::debug!(
                            error = crate::error::words(&error),
                            "a connection to PostgreSQL ended"
                        );
                    }
                });
                Ok(client)
            }
            Ok(Err(error)) => Err(unreachable(crate::error::words(&error))),
            Err(_) => Err(unreachable(format!("no connection within {:?}", self.connect_timeout))),
        }
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
