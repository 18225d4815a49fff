//! What commands work against: the store, and the application that runs over it.
//!
//! Both are opened when a command first needs them: `map` needs neither, `read` only the store.

use std::{path::Path, sync::Arc};

use engine::{
    App, Bus,
    runtime::map::Map,
    store::{BackupReport, EventStore, Progress, VerifyProgress, VerifyReport},
    stores::Stay,
};
use tokio::{sync::OnceCell, task::JoinSet};

use crate::failure::{Failure, with_causes};

/// An application, and the store that it is meant to run over.
pub(crate) struct World {
    app: App,
    map: Map,
    url: String,
    stay: Stay,
    store: OnceCell<Arc<dyn EventStore>>,
    bus: OnceCell<Bus>,
}

impl World {
    pub(crate) fn new(app: App, url: String, stay: Stay) -> Self {
        World { map: app.map(), app, url, stay, store: OnceCell::new(), bus: OnceCell::new() }
    }

    /// What is registered.
    pub(crate) fn map(&self) -> &Map {
        &self.map
    }

    /// Refuses an application that contradicts itself, which needs no store to be found out.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        Ok(self.app.check()?)
    }

    /// The name of the store, as it may be shown.
    pub(crate) fn url(&self) -> String {
        engine::stores::shown(&self.url)
    }

    /// Brings the store to the version of this program.
    pub(crate) async fn migrate(&self) -> Result<Option<(i64, i64)>, Failure> {
        Ok(engine::stores::migrate(&self.url).await?)
    }

    /// Refuses a store that is not there yet: commands that only read do not make one of a mistyped name.
    pub(crate) async fn expect_store(&self) -> Result<(), Failure> {
        if self.store.initialized() || engine::stores::exists(&self.url).await? {
            return Ok(());
        }
        let shown = self.url();
        let place = shown.strip_prefix("file:").unwrap_or(&shown);
        let place = place.split_once('?').map_or(place, |(path, _)| path);
        let message = format!(
            "there is no store at `{place}`: name another with --store, or make this one with `send`"
        );
        Err(Failure::not_found(message))
    }

    /// The store, opened, and made where there is none.
    pub(crate) async fn store(&self) -> Result<&Arc<dyn EventStore>, Failure> {
        self.store.get_or_try_init(async || Ok(engine::stores::open(&self.url).await?)).await
    }

    /// The store, counting what goes through it, unless it is open already.
    #[cfg(feature = "serve")]
    pub(crate) async fn measured(&self) -> Result<Option<Arc<engine_server::Figures>>, Failure> {
        let mut figures = None;
        let open = async || {
            let (store, its_figures) = engine_server::measured(engine::stores::open(&self.url).await?);
            figures = Some(its_figures);
            Ok::<_, Failure>(store)
        };
        self.store.get_or_try_init(open).await?;
        Ok(figures)
    }

    /// The folder of the store, where it has one.
    #[cfg(feature = "serve")]
    pub(crate) fn folder(&self) -> Option<std::path::PathBuf> {
        match self.url.parse() {
            Ok(engine::stores::StoreUrl::File(folder, _)) => Some(folder),
            _ => None,
        }
    }

    /// The application, running over the store.
    pub(crate) async fn bus(&self) -> Result<&Bus, Failure> {
        let store = self.store().await?;
        let start = async || {
            let world = engine::stores::environment(&self.url, self.stay)?;
            Ok(self.app.clone().start_in(store.clone(), world).await?)
        };
        self.bus.get_or_try_init(start).await
    }

    /// Checks the store: the open one, or else the files as they are, so that a damaged one can be checked.
    pub(crate) async fn verify(
        &self,
        link: Option<String>,
        progress: impl Fn(VerifyProgress) + Send + Sync + 'static,
    ) -> Result<VerifyReport, Failure> {
        match self.store.get() {
            Some(_) if link.is_some() => {
                let message =
                    "the store is open here: leave the prompt, and look for the link from the shell";
                Err(Failure::new("refused", message))
            }
            Some(store) => {
                let store = store.clone();
                // A task of its own, so that a store that never waits does not keep signals from being heard.
                let mut task = JoinSet::new();
                task.spawn(async move { store.verify(&progress).await });
                match task.join_next().await {
                    Some(Ok(report)) => Ok(report?),
                    Some(Err(error)) => Err(Failure::new("internal", error.to_string())),
                    None => unreachable!("one task was started"),
                }
            }
            None => Ok(engine::stores::verify(&self.url, link, progress).await?),
        }
    }

    /// Copies the store: the open one, or else the files as they stand now, whoever has them open.
    pub(crate) async fn backup(
        &self,
        destination: &Path,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<BackupReport, Failure> {
        match self.store.get() {
            Some(store) => Ok(store.backup(destination, &progress).await?),
            None => Ok(engine::stores::backup(&self.url, destination, progress).await?),
        }
    }

    /// Makes the store of a backup. It must not be open, nor hold anything.
    pub(crate) async fn restore(
        &self,
        source: &Path,
        progress: impl Fn(Progress) + Send + Sync + 'static,
    ) -> Result<BackupReport, Failure> {
        if self.store.initialized() {
            let message = "the store is open here: leave the prompt, and restore from the shell";
            return Err(Failure::new("refused", message));
        }
        Ok(engine::stores::restore(source, &self.url, progress).await?)
    }

    /// Finishes what goes on in the background and lets go of the store.
    ///
    /// # Errors
    /// A warning: nothing that was answered is lost.
    pub(crate) async fn close(&self) -> Result<(), String> {
        let closed = match (self.bus.get(), self.store.get()) {
            (Some(bus), _) => bus.close().await,
            (None, Some(store)) => store.close().await,
            (None, None) => Ok(()),
        };
        closed.map_err(|error| {
            let unmarked = engine::stores::is_closed_unmarked(&error);
            let error = with_causes(&error);
            // Each layer that hands the error on says the same words again.
            let words = "the store cannot write: ";
            let fault = error.rsplit_once(words).map_or(error.as_str(), |(_, fault)| fault);
            if unmarked {
                return fault.to_owned();
            }
            format!("{fault}; nothing that was answered is lost, but the next start takes longer")
        })
    }
}
