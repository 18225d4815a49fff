//! What all requests share.

use std::sync::Arc;

use engine_runtime::{Bus, map::Map};
use engine_store::EventStore;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::{
    WebOptions,
    access::{Guard, Users},
    api::Problem,
    disk::Disk,
    groups::Groups,
    live::{Samples, sampling},
    meter::Figures,
    pages::Work,
};

/// How many entries a page holds unless it is said.
const PAGE: usize = 100;

/// What a server keeps, and the console shows and changes.
pub struct Backing {
    /// Those who may come in.
    pub users: Arc<dyn Users>,
    /// Persistent subscriptions, where the server keeps any.
    pub groups: Option<Arc<dyn Groups>>,
    /// The figures of the store below, where it is [`measured`](crate::measured).
    pub figures: Option<Arc<Figures>>,
}

/// A running application, and those who may use it over HTTP. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) bus: Bus,
    map: Map,
    guard: Guard,
    options: WebOptions,
    live: Arc<Semaphore>,
    disk: Disk,
    pub(crate) samples: Samples,
    pub(crate) figures: Option<Arc<Figures>>,
    groups: Option<Arc<dyn Groups>>,
    pub(crate) work: Mutex<Option<Work>>,
}

impl std::fmt::Debug for Web {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Web").field("app", &self.inner.map.app).finish_non_exhaustive()
    }
}

impl Web {
    /// Serves this application to the users of a server.
    pub fn new(bus: Bus, backing: Backing, options: WebOptions) -> Self {
        let Backing { users, groups, figures } = backing;
        let data_folder = options.data_folder.clone();
        let inner = Arc::new(Inner {
            map: bus.map(),
            guard: Guard::new(users, bus.store().clone(), &options),
            bus,
            live: Arc::new(Semaphore::new(options.live_connections)),
            options,
            samples: Samples::default(),
            disk: Disk::of(data_folder),
            figures,
            groups,
            work: Mutex::default(),
        });
        tokio::spawn(sampling(Arc::downgrade(&inner)));
        Web { inner }
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

    /// The figures of the last minutes.
    pub(crate) fn samples(&self) -> &Samples {
        &self.inner.samples
    }

    /// How many bytes the store takes, and how many are free; absent where it is not in a folder.
    pub(crate) fn disk(&self) -> Option<(u64, u64)> {
        self.inner.disk.look()
    }

    /// Persistent subscriptions, where the server keeps any.
    pub(crate) fn groups(&self) -> Option<&Arc<dyn Groups>> {
        self.inner.groups.as_ref()
    }

    /// The work on the store that goes on, or has ended.
    pub(crate) fn work(&self) -> &Mutex<Option<Work>> {
        &self.inner.work
    }

    /// Room for connections that stay open.
    pub(crate) fn live(&self) -> &Arc<Semaphore> {
        &self.inner.live
    }
}
