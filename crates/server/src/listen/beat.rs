//! A timer of a connection that comes before all others of its lane, so that they need not be told to the driver.
//!
//! Each call waits for the store with patience, that is with a timer of its own, and hardly any timer ever fires. The
//! driver of a lane is told of each that would be the next to fire, by the system, and comes once around for it: with
//! little else to do for an append, that is much. It is not told of those that come after one which it waits for already.

use std::{pin::Pin, task::Context, time::Duration};

use tokio::time::{Instant, Sleep, sleep_until};

/// Calls that are more patient than this need not be told.
const WITHIN: Duration = Duration::from_secs(1);

/// See the module. Ends when nothing is done, so that who waits for nothing is woken for nothing.
#[derive(Debug)]
pub(super) struct Beat(Pin<Box<Sleep>>);

impl Beat {
    pub(super) fn new() -> Self {
        Beat(Box::pin(sleep_until(Instant::now() + WITHIN)))
    }

    /// Something is done: sees to it that the driver waits for nothing longer than for the beat.
    pub(super) fn go_on(&mut self, context: &mut Context<'_>) {
        while self.0.as_mut().poll(context).is_ready() {
            self.0.as_mut().reset(Instant::now() + WITHIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, task::Poll};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_goes_on_as_long_as_something_is_done() {
        let begun = Instant::now();
        let mut beat = Beat::new();
        let mut woken = 0;
        poll_fn(|context| {
            woken += 1;
            beat.go_on(context);
            if woken > 10 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        assert_eq!(begun.elapsed().as_secs(), (10 * WITHIN).as_secs());
    }
}
