//! The five projections: which of them run, and where they stand.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use engine_store::{AppendError, DocumentKey, EventStore, ExpectedVersion};
use engine_types::Position;
use serde::{Deserialize, Serialize};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    Kind,
    worker::{self, Progress},
};

/// Where a projection stands, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) enabled: bool,
    pub(super) position: Option<u64>,
    /// How often it was reset.
    pub(super) epoch: u64,
}

/// What a projection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Running,
    Stopped,
    /// Stopped, and its place was not to be kept.
    Aborted,
}

/// What is known of a projection.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    pub(crate) kind: Kind,
    pub(crate) status: Status,
    pub(crate) position: Option<Position>,
    pub(crate) epoch: u64,
    /// How many events were looked at since it was started.
    pub(crate) seen: u64,
    /// How much of what there is was looked at, in percent.
    pub(crate) percent: f64,
}

#[derive(Debug)]
struct Projection {
    place: Place,
    aborted: bool,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    progress: Arc<Progress>,
    stopping: CancellationToken,
    task: JoinHandle<Place>,
}

/// The projections of a node. They are read from the store when they are first asked for, or by [`Projections::begin`].
#[derive(Debug, Default)]
pub(crate) struct Projections(Mutex<BTreeMap<Kind, Projection>>);

fn key(kind: Kind) -> Result<DocumentKey, AppendError> {
    DocumentKey::new(format!("$projection/{}", kind.name()))
        .map_err(|fault| AppendError::Invalid(fault.to_string()))
}

pub(super) async fn keep(store: &dyn EventStore, kind: Kind, place: &Place) -> Result<(), AppendError> {
    let content = serde_json::to_vec(place).map_err(|fault| AppendError::Invalid(fault.to_string()))?;
    store.save_document(&key(kind)?, ExpectedVersion::Any, content.into()).await.map(drop)
}

type Known<'a> = tokio::sync::MutexGuard<'a, BTreeMap<Kind, Projection>>;

impl Projections {
    /// Starts those that ran when the node was stopped.
    pub(crate) async fn begin(
        &self,
        store: &Arc<dyn EventStore>,
        node: &CancellationToken,
    ) -> Result<(), AppendError> {
        self.known(store, node).await.map(drop)
    }

    async fn known(
        &self,
        store: &Arc<dyn EventStore>,
        node: &CancellationToken,
    ) -> Result<Known<'_>, AppendError> {
        let mut known = self.0.lock().await;
        for kind in Kind::ALL {
            if known.contains_key(&kind) {
                continue;
            }
            let document = store.load_document(&key(kind)?).await?;
            let place = document.and_then(|document| serde_json::from_slice(&document.content).ok());
            let mut projection =
                Projection { place: place.unwrap_or_default(), aborted: false, running: None };
            if projection.place.enabled {
                projection.start(store.clone(), kind, node);
            }
            known.insert(kind, projection);
        }
        Ok(known)
    }

    pub(crate) async fn enable(
        &self,
        store: &Arc<dyn EventStore>,
        node: &CancellationToken,
        kind: Kind,
    ) -> Result<(), AppendError> {
        let mut known = self.known(store, node).await?;
        let Some(projection) = known.get_mut(&kind) else { return Ok(()) };
        if projection.running.is_some() {
            return Ok(());
        }
        let place = Place { enabled: true, ..projection.place.clone() };
        keep(&**store, kind, &place).await?;
        projection.place = place;
        projection.start(store.clone(), kind, node);
        Ok(())
    }

    /// Stops a projection. Without its place it goes on from the one that was kept before, and writes nothing twice.
    pub(crate) async fn disable(
        &self,
        store: &Arc<dyn EventStore>,
        node: &CancellationToken,
        kind: Kind,
        with_place: bool,
    ) -> Result<(), AppendError> {
        let mut known = self.known(store, node).await?;
        let Some(projection) = known.get_mut(&kind) else { return Ok(()) };
        let reached = projection.stop().await;
        let place = if with_place { reached } else { projection.place.clone() };
        projection.place = Place { enabled: false, ..place };
        projection.aborted = !with_place;
        keep(&**store, kind, &projection.place).await
    }

    /// Lets a projection begin anew, running or not as before.
    pub(crate) async fn reset(
        &self,
        store: &Arc<dyn EventStore>,
        node: &CancellationToken,
        kind: Kind,
    ) -> Result<(), AppendError> {
        let mut known = self.known(store, node).await?;
        let Some(projection) = known.get_mut(&kind) else { return Ok(()) };
        let place = projection.stop().await;
        projection.place = Place { position: None, epoch: place.epoch + 1, ..place };
        keep(&**store, kind, &projection.place).await?;
        if projection.place.enabled {
            projection.start(store.clone(), kind, node);
        }
        Ok(())
    }

    pub(crate) async fn figures(
        &self,
        store: &Arc<dyn EventStore>,
        node: &CancellationToken,
    ) -> Result<Vec<Figures>, AppendError> {
        let head = store.head().await?;
        let known = self.known(store, node).await?;
        Ok(known.iter().map(|(kind, projection)| projection.figures(*kind, head)).collect())
    }

    /// Starts those again that are to run and do not.
    pub(crate) async fn restart(
        &self,
        store: &Arc<dyn EventStore>,
        node: &CancellationToken,
    ) -> Result<(), AppendError> {
        let mut known = self.known(store, node).await?;
        for (kind, projection) in known.iter_mut() {
            if projection.place.enabled && projection.running.is_none() {
                projection.start(store.clone(), *kind, node);
            }
        }
        Ok(())
    }

    /// Stops all of them and keeps their places. They are started again with the node.
    pub(crate) async fn end(&self, store: &Arc<dyn EventStore>) {
        let mut known = self.0.lock().await;
        for (kind, projection) in known.iter_mut() {
            if projection.running.is_none() {
                continue;
            }
            projection.place = projection.stop().await;
            if let Err(error) = keep(&**store, *kind, &projection.place).await {
                tracing::warn!(projection = kind.name(), %error, "a place could not be kept: some work is done again");
            }
        }
    }
}

impl Projection {
    fn start(&mut self, store: Arc<dyn EventStore>, kind: Kind, node: &CancellationToken) {
        let progress = Arc::new(Progress::at(self.place.position.map(Position)));
        let stopping = node.child_token();
        let task = worker::run(store, kind, self.place.clone(), progress.clone(), stopping.clone());
        self.aborted = false;
        self.running = Some(Running { progress, stopping, task: tokio::spawn(task) });
    }

    /// Stops it, and tells where it stood.
    async fn stop(&mut self) -> Place {
        let Some(running) = self.running.take() else { return self.place.clone() };
        running.stopping.cancel();
        running.task.await.unwrap_or_else(|_| self.place.clone())
    }

    fn figures(&self, kind: Kind, head: Option<Position>) -> Figures {
        let (status, position, seen) = if let Some(Running { progress, .. }) = &self.running {
            (Status::Running, progress.position(), progress.seen.load(Ordering::Acquire))
        } else {
            let status = if self.aborted { Status::Aborted } else { Status::Stopped };
            (status, self.place.position.map(Position), 0)
        };
        let share = |position: Option<Position>| position.map_or(0, |position| position.next().0);
        let (done, all) = (share(position), share(head));
        #[expect(clippy::cast_precision_loss, reason = "it is shown with a few digits")]
        let percent = if done >= all { 100.0 } else { done as f64 * 100.0 / all as f64 };
        Figures { kind, status, position, epoch: self.place.epoch, seen, percent }
    }
}
