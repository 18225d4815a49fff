//! What can be chosen of a store on a server.

use std::time::Duration;

/// What can be chosen of a [`KurrentStore`](crate::KurrentStore); what concerns the connection is in its URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How long a call goes on trying while the server cannot be reached, or its cluster has no leader. Then it
    /// fails, as [`Unavailable`](engine_store::AppendError::Unavailable) or, where something may have been written, as
    /// [`OutcomeUnknown`](engine_store::AppendError::OutcomeUnknown). Default: 10 seconds.
    pub patience: Duration,
    /// How long the server may take for one try of an append, a deletion or a page of a stream. Default: 10 seconds.
    pub deadline: Duration,
    /// How long a subscription goes on trying to come back, before it ends. Default: 60 seconds.
    pub subscription_patience: Duration,
    /// The largest page that is asked of the server, in events. Default: 10,000.
    pub page_events: usize,
    /// How many streams the catalogue holds in memory at most; it is built when streams or event types are listed.
    /// Default: 1,000,000.
    pub catalogue_streams: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            patience: Duration::from_secs(10),
            deadline: Duration::from_secs(10),
            subscription_patience: Duration::from_secs(60),
            page_events: 10_000,
            catalogue_streams: 1_000_000,
        }
    }
}
