//! The connection: the client, what to do when it fails, and the end.

use std::{future::Future, sync::Arc, time::Duration};

use kurrentdb::{Client, ClientSettings};
use parking_lot::Mutex;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    Options,
    fault::{Fault, Trouble},
};

/// How long to wait before the second try; each further wait is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL is not one of such a server. Mend it.
    #[error(
        "`{url}` names no server: {fault}; use `kurrentdb://USER:PASSWORD@HOST:2113?tls=false` and the like"
    )]
    Url {
        /// The URL, without its password.
        url: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The client cannot be made: certificates cannot be read, and the like. The message says what to do.
    #[error("the connection cannot be prepared: {0}")]
    Client(String),
    /// The server cannot be reached, or does not answer.
    #[error(transparent)]
    Read(#[from] engine_store::ReadError),
}

/// The client, and how long it is tried.
#[derive(Debug)]
pub(crate) struct Connection {
    settings: ClientSettings,
    current: Mutex<Current>,
    pub(crate) options: Options,
    pub(crate) closed: CancellationToken,
}

struct Current {
    client: Client,
    /// Which client this is; a call that failed on an older one does not replace it.
    number: u64,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Current").field("number", &self.number).finish_non_exhaustive()
    }
}

impl Connection {
    /// Prepares the client. Nothing is sent yet.
    pub(crate) fn prepare(url: &str, options: Options) -> Result<Arc<Self>, ConnectError> {
        let settings: ClientSettings =
            url.parse().map_err(|fault: kurrentdb::ClientSettingsParseError| {
                let cause = fault.error().map(|cause| format!(" ({cause})")).unwrap_or_default();
                let shown = without_password(url);
                ConnectError::Url {
                    fault: format!("{}{cause}", fault.message().replace(url, &shown)),
                    url: shown,
                }
            })?;
        let client =
            Client::new(settings.clone()).map_err(|fault| ConnectError::Client(fault.to_string()))?;
        let current = Mutex::new(Current { client, number: 0 });
        Ok(Arc::new(Connection { settings, current, options, closed: CancellationToken::new() }))
    }

    /// The client of now, and its number.
    pub(crate) fn client(&self) -> (Client, u64) {
        let current = self.current.lock();
        (current.client.clone(), current.number)
    }

    /// Another client, where the one of this number has given up.
    pub(crate) fn replace(&self, number: u64) {
        let mut current = self.current.lock();
        if current.number != number {
            return;
        }
        match Client::new(self.settings.clone()) {
            Ok(client) => *current = Current { client, number: number + 1 },
            Err(fault) => tracing::warn!(%fault, "no other client could be made"),
        }
    }

    /// Asks, and asks again while the fault may pass and there is patience. Only for requests that may be repeated.
    ///
    /// A request of which one try may have been carried out stays lost, whatever became of the others.
    pub(crate) async fn call<T, F, A>(&self, ask: A) -> Result<T, Fault>
    where
        A: Fn(Client) -> F,
        F: Future<Output = Result<T, kurrentdb::Error>>,
    {
        let mut patience = Patience::new(self.options.patience);
        let mut lost = false;
        loop {
            let (client, number) = self.client();
            let answer = tokio::select! {
                biased;
                () = self.closed.cancelled() => return Err(Fault::Closed),
                answer = ask(client) => answer,
            };
            let fault = match answer {
                Ok(answer) => return Ok(answer),
                Err(error) => Fault::from(error),
            };
            lost |= matches!(fault, Fault::Lost(..));
            match fault.may_pass() {
                Some(trouble) if patience.wait(&self.closed).await => self.mend(trouble, number),
                _ => {
                    return Err(match fault {
                        Fault::NotDone(trouble, cause) if lost => Fault::Lost(trouble, cause),
                        fault => fault,
                    });
                }
            }
        }
    }

    /// Does what is needed before the next try.
    pub(crate) fn mend(&self, trouble: Trouble, number: u64) {
        if trouble == Trouble::ClientGone {
            self.replace(number);
        }
    }
}

/// How long tries are repeated, with waits that grow.
#[derive(Debug)]
pub(crate) struct Patience {
    until: Instant,
    wait: Duration,
}

impl Patience {
    pub(crate) fn new(whole: Duration) -> Self {
        Patience { until: Instant::now() + whole, wait: FIRST_WAIT }
    }

    /// Waits for the next try; says whether there is one.
    pub(crate) async fn wait(&mut self, closed: &CancellationToken) -> bool {
        if Instant::now() + self.wait > self.until {
            return false;
        }
        // Callers that failed together do not come back together.
        let spread = self.wait.mul_f64(f64::from(uuid::Uuid::now_v7().as_bytes()[15]) / 512.0);
        let go_on = tokio::select! {
            () = tokio::time::sleep(self.wait / 2 + spread) => true,
            () = closed.cancelled() => false,
        };
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
        go_on
    }
}

/// A URL that may be shown: `***` stands for the password.
pub(crate) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    match rest.split_once('@') {
        Some((user, host)) if user.contains(':') => {
            let name = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{name}:***@{host}")
        }
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        assert_eq!(
            without_password("esdb://admin:secret@a:1,b:2?tls=false"),
            "esdb://admin:***@a:1,b:2?tls=false"
        );
        assert_eq!(without_password("esdb://localhost:2113"), "esdb://localhost:2113");
        assert_eq!(without_password("nonsense"), "nonsense");
    }

    #[tokio::test(start_paused = true)]
    async fn waits_grow_until_the_patience_is_over() {
        let (mut patience, closed) = (Patience::new(Duration::from_secs(10)), CancellationToken::new());
        let begun = Instant::now();
        let mut tries = 0;
        while patience.wait(&closed).await {
            tries += 1;
        }
        assert!((8..30).contains(&tries), "{tries}");
        assert!(begun.elapsed() <= Duration::from_secs(10));
    }
}
