//! What wakes the thread that merges indexes, and the numbers of what it makes.

use std::sync::atomic::{AtomicU64, Ordering};

use engine_store::Timestamp;
use parking_lot::{Condvar, Mutex};

/// Rung by many, heard by one; rung twice before it was heard is rung once.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
    number: AtomicU64,
}

impl Bell {
    pub(crate) fn ring(&self) {
        *self.rung.lock() = true;
        self.heard.notify_one();
    }

    /// Waits until it is rung, or was since the last time.
    pub(super) fn wait(&self) {
        let mut rung = self.rung.lock();
        while !*rung {
            self.heard.wait(&mut rung);
        }
        *rung = false;
    }

    /// A number that no merged index has or had: time goes on between two openings.
    pub(super) fn next_number(&self, now: Timestamp) -> u64 {
        let now = now.as_micros().try_into().unwrap_or(0);
        self.number.fetch_max(now, Ordering::Relaxed);
        self.number.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Says that merged indexes up to this number were met.
    pub(super) fn passes(&self, number: u64) {
        self.number.fetch_max(number, Ordering::Relaxed);
    }
}
