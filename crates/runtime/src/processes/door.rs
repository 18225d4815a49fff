//! The way of a process manager to the bus, which is there only after everything that listens has begun.

use std::sync::Weak;

use tokio::sync::watch;

use crate::{Bus, bus::Inner};

/// Opens when the bus is there. Holds nothing that would keep the bus from being dropped. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Door(watch::Sender<Option<Weak<Inner>>>);

impl Door {
    pub(crate) fn closed() -> Self {
        Door(watch::Sender::new(None))
    }

    pub(crate) fn open(&self, bus: Weak<Inner>) {
        self.0.send_replace(Some(bus));
    }

    /// Waits until the bus is there; none where it is no more.
    pub(crate) async fn bus(&self) -> Option<Bus> {
        let mut opened = self.0.subscribe();
        let opened = opened.wait_for(Option::is_some).await.ok()?;
        Some(Bus { inner: opened.as_ref()?.upgrade()? })
    }
}
