//! Ctrl-C and SIGTERM, as something to wait for.
//!
//! SIGHUP is left alone: under `nohup` it is to be ignored, and otherwise its default, death, loses nothing
//! that was acknowledged.

use std::io;

use tokio::sync::watch;

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
        loop {
            let came = tokio::select! {
                Some(()) = interrupt.recv() => Signal::Interrupt,
                Some(()) = terminate.recv() => Signal::Terminate,
                else => return,
            };
            sender.send_replace(Some(came));
        }
    });
    Ok(())
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
