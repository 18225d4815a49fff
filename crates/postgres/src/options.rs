//! How a store is opened.

use std::{sync::Arc, time::Duration};

use engine_store::{Clock, SystemClock};

/// How a store is opened. All that grows has a bound here.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct PostgresOptions {
    /// So many connections at most, beside the one that listens: 10. `?connections=` in the URL goes before. Where the
    /// server has fewer to spare, callers share those. Read models have as many of their own.
    pub connections: usize,
    /// How long a call waits until a connection is free: 5 s.
    pub wait_for_connection: Duration,
    /// How long the server may take to accept a connection: 5 s.
    pub connect_timeout: Duration,
    /// How long the server may take to answer a statement, but for those that read everything: 30 s.
    pub answer_timeout: Duration,
    /// How long is tried again when the server cannot be reached, or has no connection to spare, before the caller is
    /// told: 10 s.
    pub retry_for: Duration,
    /// Whether a connection listens for what other nodes have appended: yes. `?listen=off` in the URL turns it off,
    /// which a pooler in transaction mode needs. What others append is then seen when it is looked for.
    pub listen: bool,
    /// How often is looked for what others have appended, whatever is listened to: 250 ms.
    pub look_every: Duration,
    /// Appends are committed together up to so many bytes: 8 MiB. A larger append goes alone.
    pub batch_bytes: usize,
    /// Appends are committed together up to so many: 1,024.
    pub batch_appends: usize,
    /// So many appends wait in memory at most: 4,096. Behind that, callers wait.
    pub queue_appends: usize,
    /// Appends wait in memory up to so many bytes: 128 MiB. At least 80 MiB, so that the largest append finds room.
    pub queue_bytes: usize,
    /// A page ends early when its events reach so many bytes: 32 MiB.
    pub page_bytes: usize,
    /// A page of all streams ends early when so many events were looked at: 20,000.
    pub page_scan: u64,
    /// Tells when events were accepted, and which are too old to be read.
    pub clock: Arc<dyn Clock>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        PostgresOptions {
            connections: 10,
            wait_for_connection: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(30),
            retry_for: Duration::from_secs(10),
            listen: true,
            look_every: Duration::from_millis(250),
            batch_bytes: 8 << 20,
            batch_appends: 1_024,
            queue_appends: 4_096,
            queue_bytes: 128 << 20,
            page_bytes: 32 << 20,
            page_scan: 20_000,
            clock: Arc::new(SystemClock),
        }
    }
}

impl PostgresOptions {
    /// Reads this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}
