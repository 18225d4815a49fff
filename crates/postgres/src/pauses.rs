//! Pauses between tries.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The first pause before another try.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Pauses that grow, until a time.
pub(crate) struct Pauses {
    next: Duration,
    until: Instant,
}

impl Pauses {
    pub(crate) fn until(until: Instant) -> Self {
        Pauses { next: FIRST_PAUSE, until }
    }

    /// Waits a while; says whether there is time for another try.
    pub(crate) async fn pause(&mut self) -> bool {
        if Instant::now() + self.next > self.until {
            return false;
        }
        sleep(self.next).await;
        self.next = (self.next * 2).min(LONGEST_PAUSE);
        true
    }
}
