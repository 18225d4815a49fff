//! Scavenges that were asked for over the wire: one at a time, each with an id by which it can be stopped.

use std::sync::Arc;

use engine_store::EventStore;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The scavenge that goes on, if any.
#[derive(Debug, Default, Clone)]
pub(crate) struct Scavenges(Arc<Mutex<Option<Running>>>);

#[derive(Debug)]
struct Running {
    id: String,
    stop: CancellationToken,
}

/// What came of the wish for a scavenge.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It goes on from here, under this id.
    Started(String),
    /// Another one goes on, under this id.
    InProgress(String),
}

impl Scavenges {
    /// Begins a scavenge, unless one goes on. It ends early when the node stops; the next one does the rest.
    pub(crate) fn begin(&self, store: Arc<dyn EventStore>, stopping: CancellationToken) -> Begun {
        let mut running = self.0.lock();
        if let Some(running) = &*running {
            return Begun::InProgress(running.id.clone());
        }
        let (id, stop) = (Uuid::new_v4().to_string(), CancellationToken::new());
        *running = Some(Running { id: id.clone(), stop: stop.clone() });
        drop(running);
        let (scavenges, name) = (self.clone(), id.clone());
        tokio::spawn(async move {
            tokio::select! {
                result = store.scavenge(&|_| {}) => match result {
                    Ok(report) => tracing::info!(id = name, ?report, "a scavenge is done"),
                    Err(error) => tracing::warn!(id = name, %error, "a scavenge failed"),
                },
                () = stop.cancelled() => tracing::info!(id = name, "a scavenge was stopped"),
                () = stopping.cancelled() => {}
            }
            *scavenges.0.lock() = None;
        });
        Begun::Started(id)
    }

    /// Stops the scavenge of this id; says whether there is one.
    pub(crate) fn stop(&self, id: &str) -> bool {
        let running = self.0.lock();
        let found = running.as_ref().filter(|running| running.id == id);
        if let Some(running) = found {
            running.stop.cancel();
        }
        found.is_some()
    }
}
