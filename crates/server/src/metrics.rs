//! Figures: how much was read, written, refused, and what is open.

use std::sync::atomic::{AtomicU64, Ordering};

/// Grows only.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How many of something are open.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicU64);

/// One that is open, until it is dropped.
#[derive(Debug)]
pub(crate) struct Entered<'a>(&'a Gauge);

impl Gauge {
    pub(crate) fn enter(&self) -> Entered<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Entered(self)
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// All figures of a node.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) appends: Counter,
    pub(crate) events_written: Counter,
    pub(crate) conflicts: Counter,
    pub(crate) failed_appends: Counter,
    pub(crate) deletions: Counter,
    pub(crate) events_read: Counter,
    pub(crate) slow_subscribers: Counter,
    pub(crate) calls: Counter,
    pub(crate) connections: Gauge,
    pub(crate) subscriptions: Gauge,
}

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
}

/// One figure, as it is told.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) help: &'static str,
    pub(crate) value: u64,
}

impl Metrics {
    /// All figures as they are now.
    pub(crate) fn figures(&self) -> Vec<Figure> {
        let counter =
            |name, help, counter: &Counter| Figure { name, kind: Kind::Counter, help, value: counter.get() };
        let gauge = |name, help, gauge: &Gauge| Figure { name, kind: Kind::Gauge, help, value: gauge.get() };
        vec![
            counter("appends", "Appends that were stored.", &self.appends),
            counter("events_written", "Events of those appends.", &self.events_written),
            counter("append_conflicts", "Appends whose expected revision was wrong.", &self.conflicts),
            counter("append_failures", "Appends that failed otherwise.", &self.failed_appends),
            counter("stream_deletions", "Streams that were deleted.", &self.deletions),
            counter("events_read", "Events that were sent to clients.", &self.events_read),
            counter("slow_subscribers", "Subscriptions that ended as too slow.", &self.slow_subscribers),
            counter("calls", "Requests of any kind.", &self.calls),
            gauge("connections", "Connections that are open.", &self.connections),
            gauge("subscriptions", "Subscriptions that are open.", &self.subscriptions),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_open_counts_until_it_is_dropped() {
        let gauge = Gauge::default();
        let first = gauge.enter();
        let second = gauge.enter();
        assert_eq!(gauge.get(), 2);
        drop(first);
        assert_eq!(gauge.get(), 1);
        drop(second);
        assert_eq!(gauge.get(), 0);
    }
}
