//! Every bound of the node, with its name and its default.

use std::time::Duration;

use engine_store::append::{MAX_APPEND_BYTES, MAX_EVENT_BYTES};

/// What the node holds in memory and lets others ask for, at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Open connections. Further ones wait until one closes. Default: 4,096.
    pub connections: usize,
    /// Calls that one connection may have open at the same time. Clients wait with further ones. Default: 4,096.
    pub calls_per_connection: u32,
    /// The largest message that is taken from a client, in bytes: one of the largest events, and some room.
    /// Default: 20 MiB.
    pub message_bytes: usize,
    /// The largest event: data, metadata, and its type counted twice. Default: 16 MiB.
    pub event_bytes: usize,
    /// The largest append, as the sum of its events. Default: 64 MiB.
    pub append_bytes: usize,
    /// Appends of one `BatchAppend` call that wait for the store at the same time; the call is not read on while
    /// there are as many. Default: 1,024.
    pub batch_appends: usize,
    /// How long an append may take before its outcome is called unknown. Default: 10 s.
    pub append_patience: Duration,
    /// Events that are read from the store at once. Default: 256.
    pub page_events: usize,
    /// The bytes of one page after which the next is made smaller. Default: 4 MiB.
    pub page_bytes: usize,
    /// Messages that wait for a subscriber who does not take them at once. Default: 512.
    pub subscriber_messages: usize,
    /// How long a subscriber may leave a full queue as it is before the subscription is ended as too slow.
    /// Default: 30 s.
    pub subscriber_patience: Duration,
    /// How often a regular expression may try another way before it is called too expensive. Default: 100,000.
    pub regex_steps: usize,
    /// How long a connection may take to agree on TLS, or to send the head of a request. Default: 10 s.
    pub handshake_patience: Duration,
    /// How long the thread of a connection stays awake for the next call of a client that calls again as soon as it has
    /// its answer, where this is HTTP/2 without TLS: that spares the client waking it. It works for nothing meanwhile, as
    /// far as nobody else wants the processor. Nobody is waited for who sends 4 KiB or more at once. Zero: not at all;
    /// never longer than 10 ms. Default: 300 µs.
    pub awake: Duration,
    /// How long a stop waits for the calls that are open. Default: 5 s.
    pub drain_patience: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 4_096,
            calls_per_connection: 4_096,
            message_bytes: 20 * 1024 * 1024,
            event_bytes: MAX_EVENT_BYTES,
            append_bytes: MAX_APPEND_BYTES,
            batch_appends: 1_024,
            append_patience: Duration::from_secs(10),
            page_events: 256,
            page_bytes: 4 * 1024 * 1024,
            subscriber_messages: 512,
            subscriber_patience: Duration::from_secs(30),
            regex_steps: 100_000,
            handshake_patience: Duration::from_secs(10),
            awake: Duration::from_micros(300),
            drain_patience: Duration::from_secs(5),
        }
    }
}
