//! What all requests share.

use std::sync::Arc;

use engine_runtime::{Bus, map::Map};
use engine_store::EventStore;
use tokio::sync::Semaphore;

use crate::{
    WebOptions,
    access::{Guard, Users},
    api::Problem,
};

/// How many entries a page holds unless it is said.
const PAGE: usize = 100;

/// A running application, and those who may use it over HTTP. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    inner: Arc<Inner>,
}

struct Inner {
    bus: Bus,
    map: Map,
    guard: Guard,
    options: WebOptions,
    live: Arc<Semaphore>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Web").field("app", &self.inner.map.app).finish_non_exhaustive()
    }
}

impl Web {
    /// Serves this application to these users.
    pub fn new(bus: Bus, users: Arc<dyn Users>, options: WebOptions) -> Self {
        let (map, live) = (bus.map(), Arc::new(Semaphore::new(options.live_connections)));
        let guard = Guard::new(users, &options);
        Web { inner: Arc::new(Inner { bus, map, guard, options, live }) }
    }

    /// The application.
    pub fn bus(&self) -> &Bus {
        &self.inner.bus
    }

    pub(crate) fn store(&self) -> &Arc<dyn EventStore> {
        self.inner.bus.store()
    }

    pub(crate) fn map(&self) -> &Map {
        &self.inner.map
    }

    pub(crate) fn guard(&self) -> &Guard {
        &self.inner.guard
    }

    pub(crate) fn options(&self) -> &WebOptions {
        &self.inner.options
    }

    /// How many entries a page holds that asks for so many.
    pub(crate) fn page(&self, asked: Option<usize>) -> Result<usize, Problem> {
        match asked {
            Some(0) => Err(Problem::bad_request("parameter `limit`: must be at least 1")),
            asked => Ok(asked.unwrap_or(PAGE).min(self.inner.options.page_events)),
        }
    }

    /// Room for connections that stay open.
    pub(crate) fn live(&self) -> &Arc<Semaphore> {
        &self.inner.live
    }
}
