//! What all parts of an open store share.

use std::{
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
};

use engine_types::Position;
use tokio::sync::watch;

use crate::{PostgresOptions, PostgresUrl, error::Trouble, pool::Pool, url::Schema};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) url: PostgresUrl,
    pub(crate) options: PostgresOptions,
    pub(crate) pool: Pool,
    /// How many events there are, as far as is known. Raised when they can be read, which wakes subscriptions.
    pub(crate) end: watch::Sender<u64>,
    closed: AtomicBool,
}

impl Shared {
    pub(crate) fn new(url: PostgresUrl, options: PostgresOptions) -> Self {
        let options = url.options(options);
        let pool = Pool::new(&url, &options);
        Shared { url, options, pool, end: watch::Sender::new(0), closed: AtomicBool::new(false) }
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.url.schema
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Refuses further calls, and lets subscriptions find that out.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.pool.close();
        self.end.send_modify(|_| {});
    }

    /// Notes that there are events below this position.
    pub(crate) fn seen(&self, end: Position) {
        self.end.send_if_modified(|known| {
            let is_more = end.0 > *known;
            *known = end.0.max(*known);
            is_more
        });
    }

    /// Asks the server until it answers, for as long as the options say. For what can be asked any number of times.
    pub(crate) async fn persist<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Trouble>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        self.pool.persist(ask).await
    }
}
