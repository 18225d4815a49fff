//! The read models of a running application: looking at them, and building them anew.

use std::{any::Any, collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_store::rows::RowError;
use engine_types::{Position, command::nearest};
use futures_util::future::join_all;
use serde::Serialize;

use super::{Projection, RebuildProgress, rebuild::Rebuild, serving::Serving};
use crate::listen::Handlers;

/// How long a rebuild waits for a read model that has just been started.
const START: Duration = Duration::from_secs(5);

/// How a read model is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectionReport {
    /// Its name.
    pub name: &'static str,
    /// The version of its functions.
    pub version: u32,
    /// The generation that is shown, or built for the first time; 0 before its rows are reached.
    pub generation: u64,
    /// Why its rows cannot be reached; it tries again by itself.
    pub fault: Option<String>,
    /// Where its rows are kept, in one word.
    pub place: &'static str,
    /// Whether it can be asked: it has been built to its end once.
    pub ready: bool,
    /// How much of a first building is done, in percent; absent when it is ready.
    pub percent: Option<u8>,
    /// Everything up to here has been counted; absent before the first event.
    pub position: Option<Position>,
    /// The generation that is being built beside it.
    pub rebuild: Option<RebuildProgress>,
}

/// Why a read model could not be looked at or built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProjectionsError {
    /// There is no projection of this name.
    #[error("there is no projection `{name}`{}", .nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    Unknown {
        /// The name.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// The read model cannot do that now. The message says why.
    #[error("{0}")]
    Refused(String),
    /// The building was broken off. The generation that was shown before goes on.
    #[error("the rebuild of `{0}` was cancelled")]
    Cancelled(&'static str),
    /// The building failed. The generation that was shown before goes on.
    #[error("the rebuild of `{name}` failed: {fault}")]
    Failed {
        /// The projection.
        name: &'static str,
        /// Why.
        fault: String,
    },
    /// The rows cannot be reached.
    #[error(transparent)]
    Rows(#[from] RowError),
}

/// A projection at work whose types are known only at run time.
#[async_trait]
pub(crate) trait AnyProjection: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    async fn report(&self) -> Result<ProjectionReport, RowError>;
    /// Waits until it can be asked, or it is known why not.
    async fn wait_until_ready(&self, limit: Duration);
    fn rebuild(self: Arc<Self>, handlers: &Handlers) -> Result<Rebuild, ProjectionsError>;
    fn rebuilding(&self) -> Option<Rebuild>;
    /// Works until what was stored before the start is counted.
    async fn warm_up(&self, handlers: &Handlers);
    /// Makes everything last.
    async fn close(&self) -> Result<(), RowError>;
}

/// The read models of a running application. Cheap to clone.
#[derive(Clone)]
pub struct Projections {
    handlers: Handlers,
    all: Arc<BTreeMap<&'static str, Arc<dyn AnyProjection>>>,
}

impl std::fmt::Debug for Projections {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.all.keys()).finish()
    }
}

impl Projections {
    pub(crate) fn new(handlers: Handlers, all: BTreeMap<&'static str, Arc<dyn AnyProjection>>) -> Self {
        for projection in all.values() {
            let (projection, handlers) = (projection.clone(), handlers.clone());
            tokio::spawn(async move { projection.warm_up(&handlers).await });
        }
        Projections { handlers, all: Arc::new(all) }
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.all.keys().copied()
    }

    /// How all read models are doing, by name.
    ///
    /// # Errors
    /// Rows that cannot be reached.
    pub async fn list(&self) -> Result<Vec<ProjectionReport>, ProjectionsError> {
        let mut reports = Vec::with_capacity(self.all.len());
        for projection in self.all.values() {
            reports.push(projection.report().await?);
        }
        Ok(reports)
    }

    /// How a read model is doing.
    ///
    /// # Errors
    /// An unknown name, and rows that cannot be reached.
    pub async fn report(&self, name: &str) -> Result<ProjectionReport, ProjectionsError> {
        Ok(self.find(name)?.report().await?)
    }

    /// Builds a read model anew from the first event, beside the one that is shown, and shows the new one when it
    /// has caught up. Queries never see it half built, and never an older position than before.
    ///
    /// # Errors
    /// An unknown name, and a read model that is being built already, or whose rows cannot be reached.
    pub async fn rebuild(&self, name: &str) -> Result<Rebuild, ProjectionsError> {
        let projection = self.find(name)?.clone();
        projection.wait_until_ready(START).await;
        projection.rebuild(&self.handlers)
    }

    /// The rebuild that goes on, if one does.
    ///
    /// # Errors
    /// An unknown name.
    pub fn rebuilding(&self, name: &str) -> Result<Option<Rebuild>, ProjectionsError> {
        Ok(self.find(name)?.rebuilding())
    }

    /// Waits until every read model has found its place: it has counted what is there and can be asked, or rests, or
    /// fails; no longer than this.
    pub async fn settle(&self, limit: Duration) {
        let settling = async {
            self.handlers.settle(limit).await;
            join_all(self.all.values().map(|projection| projection.wait_until_ready(limit))).await;
        };
        let _ = tokio::time::timeout(limit, settling).await;
    }

    /// Breaks off what is built beside, and waits until it is gone.
    pub(crate) async fn cancel_all(&self) {
        for projection in self.all.values() {
            if let Some(rebuild) = projection.rebuilding() {
                rebuild.cancel();
                let _ = rebuild.finished().await;
            }
        }
    }

    /// Makes everything last.
    pub(crate) async fn close(&self) {
        for (name, projection) in &*self.all {
            if let Err(fault) = projection.close().await {
                tracing::warn!(projection = name, %fault, "the newest rows were not stored and are counted again");
            }
        }
    }

    pub(super) fn find_typed<P: Projection>(&self) -> Option<&Serving<P>> {
        self.all.get(P::NAME)?.as_any().downcast_ref()
    }

    fn find(&self, name: &str) -> Result<&Arc<dyn AnyProjection>, ProjectionsError> {
        self.all.get(name).ok_or_else(|| ProjectionsError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, self.names()).map(str::to_owned),
        })
    }
}
