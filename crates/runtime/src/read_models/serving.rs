//! A projection at work: the generation that is shown, and when it may be.

use std::{sync::Arc, time::Duration};

use engine_store::{EventStore, Filter, rows::RowError};
use engine_types::{Position, event::Decoder};
use parking_lot::{Mutex, RwLock};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{
    Projection, ProjectionOptions,
    generation::Generation,
    home::{Home, ReadModels},
    rebuild::Rebuild,
};
use crate::listen::{Handlers, both, types_of};

/// A projection, its generations, and what is chosen for it.
pub(super) struct Serving<P: Projection> {
    pub(super) decoder: Decoder<P::Event>,
    pub(super) options: ProjectionOptions,
    pub(super) home: Home,
    current: RwLock<Arc<Generation<P::Row>>>,
    stage: watch::Sender<Stage>,
    /// What there was when it started: when all of it has been counted, a first building is done.
    pub(super) target: Option<Position>,
    started: Instant,
    /// How many events were counted since rows in memory were saved.
    pub(super) unsaved: Mutex<u64>,
    pub(super) saving: Mutex<Option<JoinHandle<()>>>,
    pub(super) rebuilding: Mutex<Option<Rebuild>>,
}

/// How far a projection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stage {
    /// It has been built to its end once, so that it may be shown.
    pub(super) ready: bool,
    /// What there was when it started has been counted.
    pub(super) warm: bool,
}

impl<P: Projection> Serving<P> {
    /// Finds the generation to go on with.
    pub(super) async fn open(
        store: Arc<dyn EventStore>,
        place: ReadModels,
        options: ProjectionOptions,
    ) -> Result<Self, RowError> {
        let home = Home::new(store, place);
        let generation = home.find::<P>().await?;
        let target = home.store.head().await.map_err(RowError::unavailable)?;
        let ready = generation.is_ready()?;
        if ready {
            home.tidy::<P>(generation.number()).await?;
        }
        let generation = Arc::new(generation);
        home.forget_late::<P>(&generation).await?;
        Ok(Serving {
            decoder: Decoder::default(),
            options,
            home,
            current: RwLock::new(generation),
            stage: watch::Sender::new(Stage { ready, warm: false }),
            target,
            started: Instant::now(),
            unsaved: Mutex::new(0),
            saving: Mutex::new(None),
            rebuilding: Mutex::new(None),
        })
    }

    /// The generation that is shown.
    pub(super) fn current(&self) -> Arc<Generation<P::Row>> {
        self.current.read().clone()
    }

    /// Shows another generation from now on.
    pub(super) fn switch_to(&self, generation: Arc<Generation<P::Row>>) {
        *self.current.write() = generation;
    }

    pub(super) fn stage(&self) -> Stage {
        *self.stage.borrow()
    }

    /// The events that it hears.
    pub(super) fn filter(&self) -> Filter {
        let readable = types_of(&self.decoder);
        both(&readable, self.options.filter.as_ref()).unwrap_or(readable)
    }

    /// Waits until what there was at the start has been counted; then the generation may be shown.
    pub(super) async fn warm_up(&self, handlers: &Handlers) {
        if let Some(target) = self.target {
            handlers.wait_without_limit(P::NAME, target).await;
        }
        let mut pause = Duration::from_millis(100);
        while let Err(fault) = self.become_ready().await {
            tracing::warn!(projection = P::NAME, %fault, "was built, but this cannot be stored");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(30));
        }
        self.stage.send_modify(|stage| stage.warm = true);
    }

    async fn become_ready(&self) -> Result<(), RowError> {
        if self.stage().ready {
            return Ok(());
        }
        let generation = self.current();
        self.home.make_ready::<P>(&generation).await?;
        // Before a rebuild can begin another generation.
        self.home.tidy::<P>(generation.number()).await?;
        self.stage.send_modify(|stage| stage.ready = true);
        Ok(())
    }

    /// Waits until the rows may be shown. Says whether that was in time.
    pub(super) async fn wait_until_ready(&self, deadline: Instant) -> bool {
        let mut stage = self.stage.subscribe();
        tokio::time::timeout_at(deadline, stage.wait_for(|stage| stage.ready)).await.is_ok()
    }

    /// Waits, for a moment after the start, until what there was at the start has been counted.
    pub(super) async fn wait_until_warm(&self, deadline: Instant) {
        let deadline = deadline.min(self.started + self.options.warm_up);
        let mut stage = self.stage.subscribe();
        let _ = tokio::time::timeout_at(deadline, stage.wait_for(|stage| stage.warm)).await;
    }

    /// How much of a first building is done, in percent.
    pub(super) fn percent(&self) -> u8 {
        let done = self.current().position().ok().flatten().map_or(0, |position| position.0 + 1);
        let all = self.target.map_or(1, |target| target.0 + 1);
        u8::try_from((u128::from(done) * 100 / u128::from(all)).min(99)).unwrap_or(99)
    }
}
