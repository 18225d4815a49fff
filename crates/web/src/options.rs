//! What can be chosen for the console and the API. Every bound has a name and a default.

use std::{path::PathBuf, time::Duration};

/// The bounds of the console and the API. Every one has a default that suits most.
#[derive(Debug, Clone)]
pub struct WebOptions {
    /// The largest body of a request, in bytes. Default: 4 MiB.
    pub body_bytes: usize,
    /// How many events a page of the API holds at most. Default: 1,000.
    pub page_events: usize,
    /// How many connections are kept open for live events at the same time. Default: 256.
    pub live_connections: usize,
    /// How many events are looked at for one search, such as that for a correlation id. Default: 200,000.
    pub search_events: usize,
    /// How many people are signed in at most; the one who has been idle longest makes room. Default: 10,000.
    pub sessions: usize,
    /// How long a session lasts that is not used. Default: 8 hours.
    pub session_idle: Duration,
    /// How long a session lasts. Default: 7 days.
    pub session_longest: Duration,
    /// How often a sign-in may fail for one name, or from one address, before it has to wait. Default: 5.
    pub sign_in_failures: u32,
    /// How long it then has to wait. Default: 1 minute.
    pub sign_in_pause: Duration,
    /// Whether cookies are sent over TLS only. Default: no, because a node on a loopback address has none.
    pub secure_cookies: bool,
    /// The folder of the store, where it has one: its size is shown. Default: none.
    pub data_folder: Option<PathBuf>,
    /// The folder below which admins keep backups, each under a name. Default: none, so that nobody makes any from the
    /// console.
    pub backups: Option<PathBuf>,
    /// Whether readers see the data of events, states and read models, or only that they are there. Default: no.
    pub readers_see_payloads: bool,
}

impl Default for WebOptions {
    fn default() -> Self {
        WebOptions {
            body_bytes: 4 * 1024 * 1024,
            page_events: 1_000,
            live_connections: 256,
            search_events: 200_000,
            sessions: 10_000,
            session_idle: Duration::from_secs(8 * 3_600),
            session_longest: Duration::from_secs(7 * 24 * 3_600),
            sign_in_failures: 5,
            sign_in_pause: Duration::from_secs(60),
            secure_cookies: false,
            data_folder: None,
            backups: None,
            readers_see_payloads: false,
        }
    }
}
