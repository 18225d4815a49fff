//! A projection at work: the generation that is shown, and when it may be.

use std::{sync::Arc, time::Duration};

use engine_store::{EventStore, Filter, rows::RowError};
use engine_types::{Position, event::Decoder};
use parking_lot::{Mutex, RwLock};
use tokio::{sync::watch, task::JoinHandle, time::Instant};

use super::{
    Projection, ProjectionOptions,
    generation::Generation,
    home::{Home, ReadModels, on_generation},
    rebuild::Rebuild,
};
use crate::listen::{Handlers, both, types_of};

/// A projection, its generations, and what is chosen for it.
pub(super) struct Serving<P: Projection> {
    pub(super) decoder: Decoder<P::Event>,
    pub(super) options: ProjectionOptions,
    pub(super) home: Home,
    open: RwLock<Option<Open<P>>>,
    stage: watch::Sender<Stage>,
    started: Instant,
    /// How many events were counted since rows in memory were saved.
    pub(super) unsaved: Mutex<u64>,
    pub(super) saving: Mutex<Option<JoinHandle<()>>>,
    pub(super) rebuilding: Mutex<Option<Rebuild>>,
}

/// What is known once the rows are reached.
struct Open<P: Projection> {
    /// The generation that is shown, or built for the first time.
    current: Arc<Generation<P::Row>>,
    /// What there was when it was opened: when all of it has been counted, a first building is done.
    target: Option<Position>,
}

/// How far a projection is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stage {
    /// The rows are reached.
    pub(super) open: bool,
    /// Why they are not.
    pub(super) fault: Option<String>,
    /// They have been built to their end once, so that they may be shown.
    pub(super) ready: bool,
    /// What there was when they were opened has been counted.
    pub(super) warm: bool,
}

impl<P: Projection> Serving<P> {
    /// A projection whose rows are not reached yet.
    pub(super) fn new(store: Arc<dyn EventStore>, place: ReadModels, options: ProjectionOptions) -> Self {
        Serving {
            decoder: Decoder::default(),
            options,
            home: Home::new(store, place),
            open: RwLock::new(None),
            stage: watch::Sender::default(),
            started: Instant::now(),
            unsaved: Mutex::new(0),
            saving: Mutex::new(None),
            rebuilding: Mutex::new(None),
        }
    }

    /// Finds the generation to go on with, unless that is done already.
    pub(super) async fn open(&self) -> Result<Arc<Generation<P::Row>>, RowError> {
        if let Ok(current) = self.current() {
            return Ok(current);
        }
        let opened = self.find().await;
        let fault = opened.as_ref().err().map(ToString::to_string);
        self.stage.send_modify(|stage| stage.fault = fault);
        opened
    }

    async fn find(&self) -> Result<Arc<Generation<P::Row>>, RowError> {
        let generation = Arc::new(self.home.find::<P>().await?);
        let target = self.home.store.head().await.map_err(RowError::unavailable)?;
        let ready = on_generation(&generation, Generation::is_ready).await?;
        // What others are building beside it is theirs to remove.
        if ready && !self.home.place.is_shared() {
            self.home.tidy::<P>(generation.number()).await?;
        }
        self.home.forget_late::<P>(&generation).await?;
        *self.open.write() = Some(Open { current: generation.clone(), target });
        self.stage.send_modify(|stage| {
            stage.open = true;
            stage.ready = ready;
        });
        Ok(generation)
    }

    /// Goes on with the generation that another process has shown in the place of this one.
    pub(super) async fn follow(&self) -> Result<Arc<Generation<P::Row>>, RowError> {
        let generation = Arc::new(self.home.find_shown::<P>().await?);
        self.switch_to(generation.clone());
        Ok(generation)
    }

    /// The same, unless that is done already.
    pub(super) async fn follow_from(&self, outdated: &Arc<Generation<P::Row>>) -> Result<(), RowError> {
        if Arc::ptr_eq(outdated, &self.current()?) {
            self.follow().await?;
        }
        Ok(())
    }

    /// The generation that is shown.
    pub(super) fn current(&self) -> Result<Arc<Generation<P::Row>>, RowError> {
        let open = self.open.read();
        open.as_ref()
            .map(|open| open.current.clone())
            .ok_or_else(|| RowError::unavailable("it is not open yet"))
    }

    /// The number of the generation that is shown; 0 before it is open.
    pub(super) fn number(&self) -> u64 {
        self.current().map_or(0, |generation| generation.number())
    }

    /// Shows another generation from now on.
    pub(super) fn switch_to(&self, generation: Arc<Generation<P::Row>>) {
        if let Some(open) = &mut *self.open.write() {
            open.current = generation;
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage.borrow().clone()
    }

    /// The events that it hears.
    pub(super) fn filter(&self) -> Filter {
        let readable = types_of(&self.decoder);
        both(&readable, self.options.filter.as_ref()).unwrap_or(readable)
    }

    /// Waits until what there was at the start has been counted; then the generation may be shown.
    pub(super) async fn warm_up(&self, handlers: &Handlers) {
        let mut stage = self.stage.subscribe();
        if stage.wait_for(|stage| stage.open).await.is_err() {
            return;
        }
        if let Some(target) = self.target() {
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
        let generation = self.current()?;
        self.home.make_ready::<P>(&generation).await?;
        // Before a rebuild can begin another generation.
        self.home.tidy::<P>(generation.number()).await?;
        self.stage.send_modify(|stage| stage.ready = true);
        Ok(())
    }

    /// Waits until the rows may be shown, or cannot be reached. Says whether they may.
    pub(super) async fn wait_until_ready(&self, deadline: Instant) -> bool {
        let mut stage = self.stage.subscribe();
        let is_known = |stage: &Stage| stage.ready || stage.fault.is_some();
        let _ = tokio::time::timeout_at(deadline, stage.wait_for(is_known)).await;
        self.stage().ready
    }

    /// Waits, for a moment after the start, until what there was at the start has been counted.
    pub(super) async fn wait_until_warm(&self, deadline: Instant) {
        let deadline = deadline.min(self.started + self.options.warm_up);
        let mut stage = self.stage.subscribe();
        let _ = tokio::time::timeout_at(deadline, stage.wait_for(|stage| stage.warm)).await;
    }

    /// How much of a first building is done, in percent.
    pub(super) fn percent(&self) -> u8 {
        let position = self.current().ok().and_then(|generation| generation.seen());
        let done = position.map_or(0, |position| position.0 + 1);
        let all = self.target().map_or(1, |target| target.0 + 1);
        u8::try_from((u128::from(done) * 100 / u128::from(all)).min(99)).unwrap_or(99)
    }

    fn target(&self) -> Option<Position> {
        self.open.read().as_ref().and_then(|open| open.target)
    }
}
