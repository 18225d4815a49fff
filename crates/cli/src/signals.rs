//! Ctrl-C and SIGTERM, as something to wait for.
//!
//! What listens ends its work and closes the store. Work that hears nothing, such as a domain that never
//! comes back from `decide`, does not keep the process: it ends [`LAST_MOMENT`] after SIGTERM, and with the
//! third Ctrl-C in a row.
//!
//! SIGHUP is left alone: under `nohup` it is to be ignored, and otherwise its default, death, loses nothing
//! that was acknowledged.

use std::{
    io,
    time::{Duration, Instant},
};

use tokio::sync::watch;

use crate::{exit::Exit, work::GRACE};

/// How long after SIGTERM the process ends, whatever it does: the running command, the store, some more.
const LAST_MOMENT: Duration = Duration::from_secs(3 * GRACE.as_secs());

/// How close together Ctrl-C must be pressed to be an insistence.
const IN_A_ROW: Duration = Duration::from_secs(1);

/// Who asked the process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The user, with Ctrl-C.
    Interrupt,
    /// The system, or an administrator.
    Terminate,
}

/// Notices signals. Clones notice independently of each other.
#[derive(Debug, Clone)]
pub(crate) struct Signals(watch::Receiver<Option<Signal>>);

impl Signals {
    /// Takes over the signals of this process. From here on they no longer kill it.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, receiver) = watch::channel(None);
        listener(sender)?;
        Ok(Signals(receiver))
    }

    /// Signals that never come, for tests.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Signals(watch::channel(None).1)
    }

    /// A listener that notices only what comes from now on.
    #[must_use]
    pub(crate) fn fresh(&self) -> Self {
        let mut receiver = self.0.clone();
        receiver.mark_unchanged();
        Signals(receiver)
    }

    /// Waits for a signal that this listener has not noticed yet.
    pub(crate) async fn next(&mut self) -> Signal {
        loop {
            if self.0.changed().await.is_err() {
                return std::future::pending().await;
            }
            if let Some(signal) = *self.0.borrow_and_update() {
                return signal;
            }
        }
    }

    /// The newest signal, if this listener has not noticed it yet.
    pub(crate) fn pending(&self) -> Option<Signal> {
        if self.0.has_changed().unwrap_or(false) { *self.0.borrow() } else { None }
    }
}

#[cfg(unix)]
fn listener(sender: watch::Sender<Option<Signal>>) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut insistence = Insistence::default();
        loop {
            let came = tokio::select! {
                Some(()) = interrupt.recv() => Signal::Interrupt,
                Some(()) = terminate.recv() => Signal::Terminate,
                else => return,
            };
            sender.send_replace(Some(came));
            match came {
                Signal::Interrupt if insistence.grows(Instant::now()) => leave(came),
                Signal::Interrupt => {}
                Signal::Terminate => {
                    tokio::spawn(async move {
                        tokio::time::sleep(LAST_MOMENT).await;
                        leave(came);
                    });
                }
            }
        }
    });
    Ok(())
}

/// Ends the process, whatever it does. What was acknowledged is stored.
#[cfg(unix)]
fn leave(signal: Signal) {
    std::process::exit(i32::from(Exit::Stopped(signal).code()));
}

/// Ctrl-C, pressed again and again.
#[cfg(unix)]
#[derive(Debug, Default)]
struct Insistence {
    times: u8,
    last: Option<Instant>,
}

#[cfg(unix)]
impl Insistence {
    /// Whether this is the third time in a row.
    fn grows(&mut self, now: Instant) -> bool {
        let goes_on = self.last.is_some_and(|last| now.duration_since(last) < IN_A_ROW);
        self.times = if goes_on { self.times.saturating_add(1) } else { 1 };
        self.last = Some(now);
        self.times >= 3
    }
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "the other systems can fail")]
fn listener(sender: watch::Sender<Option<Signal>>) -> io::Result<()> {
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            sender.send_replace(Some(Signal::Interrupt));
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_third_time_in_a_row_is_an_insistence() {
        let start = Instant::now();
        let grown = |halves: &[u64]| -> Vec<bool> {
            let mut insistence = Insistence::default();
            let at = |half: &u64| start + Duration::from_millis(half * 500);
            halves.iter().map(|half| insistence.grows(at(half))).collect()
        };
        assert_eq!(grown(&[0, 1, 2]), [false, false, true]);
        assert_eq!(grown(&[0, 1, 3, 4, 5]), [false, false, false, false, true]);
    }

    #[tokio::test]
    async fn each_listener_notices_a_signal_once() {
        let (sender, receiver) = watch::channel(None);
        let mut signals = Signals(receiver);
        assert_eq!(signals.pending(), None);
        sender.send_replace(Some(Signal::Terminate));
        assert_eq!(signals.pending(), Some(Signal::Terminate));
        assert_eq!(signals.fresh().pending(), None);
        assert_eq!(signals.next().await, Signal::Terminate);
        assert_eq!(signals.pending(), None);
    }
}
