//! Building a read model anew beside the one that is shown, and the switch.
//!
//! A crash at any moment leaves the old generation, or, once the new one is ready, the new one: nothing in between
//! is ever shown, and what is left over is removed at the next start.

mod builder;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_store::rows::RowError;
use engine_types::Position;
use serde::{Serialize, Serializer};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Projection, ProjectionReport, ProjectionsError,
    generation::Generation,
    home::on_generation,
    projections::AnyProjection,
    serving::{Serving, Stage},
};
use crate::listen::Handlers;
use builder::Builder;

/// How far a rebuild is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RebuildProgress {
    /// What it does.
    #[serde(flatten)]
    pub state: RebuildState,
    /// Everything up to here has been counted; absent before the first event.
    pub position: Option<Position>,
    /// The newest event that there is.
    pub head: Option<Position>,
    /// How many events have been counted.
    pub events: u64,
    /// How many events are counted in a second.
    pub events_per_second: u64,
    /// How long it will take, in milliseconds.
    #[serde(rename = "eta_ms", serialize_with = "in_millis")]
    pub eta: Duration,
}

/// What a rebuild does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Default)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum RebuildState {
    /// It counts events.
    #[default]
    Building,
    /// The new generation is shown.
    Done,
    /// It was broken off.
    Cancelled,
    /// It could not go on.
    Failed {
        /// Why.
        fault: String,
    },
}

impl Default for RebuildProgress {
    fn default() -> Self {
        RebuildProgress {
            state: RebuildState::Building,
            position: None,
            head: None,
            events: 0,
            events_per_second: 0,
            eta: Duration::ZERO,
        }
    }
}

fn in_millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// A rebuild that goes on by itself. Cheap to clone; dropping it changes nothing.
#[derive(Debug, Clone)]
pub struct Rebuild {
    name: &'static str,
    progress: watch::Receiver<RebuildProgress>,
    cancel: CancellationToken,
}

impl Rebuild {
    /// How far it is.
    pub fn progress(&self) -> RebuildProgress {
        self.progress.borrow().clone()
    }

    /// Waits until it is further; says whether it still goes on.
    pub async fn changed(&mut self) -> bool {
        self.progress.changed().await.is_ok()
            && self.progress.borrow_and_update().state == RebuildState::Building
    }

    /// Breaks it off. What was built is removed; the generation that was shown before goes on.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`ProjectionsError::Cancelled`] and [`ProjectionsError::Failed`].
    pub async fn finished(&self) -> Result<RebuildProgress, ProjectionsError> {
        let mut progress = self.progress.clone();
        let is_over = |progress: &RebuildProgress| progress.state != RebuildState::Building;
        let last = progress.wait_for(is_over).await.map(|progress| progress.clone());
        let fault = match last {
            Ok(last) => match last.state {
                RebuildState::Cancelled => return Err(ProjectionsError::Cancelled(self.name)),
                RebuildState::Failed { fault } => fault,
                _ => return Ok(last),
            },
            Err(_) => "it was broken off".to_owned(),
        };
        Err(ProjectionsError::Failed { name: self.name, fault })
    }

    fn goes_on(&self) -> bool {
        self.progress.borrow().state == RebuildState::Building && self.progress.has_changed().is_ok()
    }
}

#[async_trait]
impl<P: Projection> AnyProjection for Serving<P> {
    fn as_any(&self) -> &dyn std::any::Any {
        self
    }

    async fn report(&self) -> Result<ProjectionReport, RowError> {
        let position = match self.current() {
            Ok(generation) => match on_generation(&generation, Generation::position).await {
                // Another process shows another; this one will find out when it counts, or is asked.
                Err(RowError::Outdated) => generation.seen(),
                position => position?,
            },
            Err(_) => None,
        };
        let Stage { ready, fault, .. } = self.stage();
        Ok(ProjectionReport {
            name: P::NAME,
            version: P::VERSION,
            generation: self.number(),
            fault,
            place: self.home.place.kind(),
            ready,
            percent: (!ready).then(|| self.percent()),
            position,
            rebuild: self.rebuilding().map(|rebuild| rebuild.progress()),
        })
    }

    async fn wait_until_ready(&self, limit: Duration) {
        Serving::wait_until_ready(self, Instant::now() + limit).await;
    }

    fn rebuild(self: Arc<Self>, handlers: &Handlers) -> Result<Rebuild, ProjectionsError> {
        let refuse = |fault: String| Err(ProjectionsError::Refused(fault));
        let stage = self.stage();
        if let Some(fault) = stage.fault {
            return refuse(fault);
        }
        if !stage.ready {
            return refuse(format!("`{}` is being built already: {} % is done", P::NAME, self.percent()));
        }
        let mut rebuilding = self.rebuilding.lock();
        if rebuilding.as_ref().is_some_and(Rebuild::goes_on) {
            return refuse(format!("`{}` is being built anew already", P::NAME));
        }
        let (sender, progress) = watch::channel(RebuildProgress::default());
        let rebuild = Rebuild { name: P::NAME, progress, cancel: CancellationToken::new() };
        *rebuilding = Some(rebuild.clone());
        drop(rebuilding);
        let (handlers, cancel) = (handlers.clone(), rebuild.cancel.clone());
        tokio::spawn(async move { Builder::run(self, handlers, sender, cancel).await });
        Ok(rebuild)
    }

    fn rebuilding(&self) -> Option<Rebuild> {
        self.rebuilding.lock().clone().filter(Rebuild::goes_on)
    }

    async fn warm_up(&self, handlers: &Handlers) {
        Serving::warm_up(self, handlers).await;
    }

    async fn close(&self) -> Result<(), RowError> {
        let saving = self.saving.lock().take();
        if let Some(saving) = saving {
            let _ = saving.await;
        }
        let Ok(generation) = self.current() else { return Ok(()) };
        self.home.save::<P>(&generation).await?;
        on_generation(&generation, Generation::close).await
    }
}
