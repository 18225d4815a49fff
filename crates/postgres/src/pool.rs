//! The connections of a store: a bounded number, made when they are needed, and kept.
//!
//! Where the server has fewer to give than the options say, callers share those that there are.
//!
//! Statements have no names and are sent whole, so that a pooler may give each to another session.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, Semaphore, SemaphorePermit},
    time::{Instant, timeout, timeout_at},
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
    pauses::Pauses,
};

/// Where the server had no connection to spare it is asked for one again after so long, if none of ours is given back
/// meanwhile.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// A value and its type.
pub(crate) type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

pub(crate) struct Pool {
    connector: Connector,
    shown: String,
    permits: Semaphore,
    many: usize,
    idle: Mutex<Vec<Client>>,
    /// So many connections are in use.
    in_use: AtomicUsize,
    /// A connection that was in use is free, or gone.
    given_back: Notify,
    /// Why the server gave no connection the last time, where it had none to spare.
    out_of_connections: Mutex<Option<String>>,
    wait: Duration,
    answer_timeout: Duration,
    retry_for: Duration,
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
            in_use: AtomicUsize::new(0),
            given_back: Notify::new(),
            out_of_connections: Mutex::default(),
            wait: options.wait_for_connection,
            answer_timeout: options.answer_timeout,
            retry_for: options.retry_for,
            closed: AtomicBool::new(false),
        }
    }

    /// A connection, as soon as one is free.
    pub(crate) async fn get(&self) -> Result<Connection<'_>, Trouble> {
        let deadline = Instant::now() + self.wait;
        let permit = match timeout_at(deadline, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            Ok(Err(_)) => return Err(Trouble::Refused("the store was closed".to_owned())),
            Err(_) => return Err(self.none_was_free()),
        };
        let client = self.client(deadline).await?;
        self.in_use.fetch_add(1, Ordering::SeqCst);
        Ok(Connection { client: Some(client), is_in_transaction: false, pool: self, _permit: permit })
    }

    /// One that is free, or a new one. Where the server has none to spare, one that others of this process give back.
    async fn client(&self, deadline: Instant) -> Result<Client, Trouble> {
        loop {
            if let Some(client) = self.idle() {
                return Ok(client);
            }
            // Seldom, and large: it would make every call as large.
            match Box::pin(self.connector.connect()).await {
                Ok((client, line)) => {
                    look_after(line);
                    *self.out_of_connections.lock() = None;
                    return Ok(client);
                }
                Err(Trouble::OutOfConnections(fault)) => {
                    *self.out_of_connections.lock() = Some(fault.clone());
                    let is_any_in_use = self.in_use.load(Ordering::SeqCst) > 0;
                    if let Some(client) = self.idle() {
                        return Ok(client);
                    }
                    if !is_any_in_use || Instant::now() >= deadline {
                        return Err(Trouble::OutOfConnections(fault));
                    }
                    let ask_again = deadline.min(Instant::now() + ASK_AGAIN);
                    if let Ok(client) = timeout_at(ask_again, self.next_given_back()).await {
                        return Ok(client);
                    }
                }
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// Waits until a connection is given back that nobody else takes.
    async fn next_given_back(&self) -> Client {
        loop {
            self.given_back.notified().await;
            if let Some(client) = self.idle() {
                return client;
            }
        }
    }

    /// A connection that is free.
    fn idle(&self) -> Option<Client> {
        let mut idle = self.idle.lock();
        while let Some(client) = idle.pop() {
            if !client.is_closed() {
                return Some(client);
            }
        }
        None
    }

    /// Why no connection became free.
    fn none_was_free(&self) -> Trouble {
        // More would be of no use where the server does not give even as many.
        let fault = self.out_of_connections.lock().clone();
        fault.map_or_else(
            || {
                Trouble::Refused(format!(
                    "all {} connections were in use for {:?}: let the store have more with `?connections=` in its URL",
                    self.many, self.wait
                ))
            },
            Trouble::OutOfConnections,
        )
    }

    /// The pauses between tries to reach the server, for as long as the options say.
    pub(crate) fn pauses(&self) -> Pauses {
        Pauses::until(Instant::now() + self.retry_for)
    }

    /// Asks the server until it answers, for as long as the options say. For what can be asked any number of times.
    pub(crate) async fn persist<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        let mut pauses = self.pauses();
        loop {
            match ask().await {
                Err(trouble) if trouble.is_passing() && !self.closed.load(Ordering::SeqCst) => {
                    if !pauses.pause().await {
                        return Err(trouble);
                    }
                }
                answer => return answer,
            }
        }
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

impl Connection<'_> {
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
        self.pool.in_use.fetch_sub(1, Ordering::SeqCst);
        self.pool.given_back.notify_one();
    }
}
