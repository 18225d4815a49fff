//! Starting: the last look at an application before it runs, and at the store that it is to run on.

use std::{collections::HashMap, sync::Arc, time::Duration};

use engine_store::{Clock, EventStore, ReadError, SystemClock};
use tokio_util::task::TaskTracker;

use crate::{App, Bus, IdGenerator, RandomIds, bus::Inner, erased::CommandEntry, listen::Handlers};

/// Where an application gets time and identities from. The default: the machine's clock, and random ids.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Makes identities.
    pub ids: Arc<dyn IdGenerator>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
}

impl Default for Environment {
    fn default() -> Self {
        Environment { ids: Arc::new(RandomIds), clock: Arc::new(SystemClock) }
    }
}

/// Why an application cannot run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The application contradicts itself.
    #[error("the application `{app}` cannot start: {}", .faults.join("; "))]
    Faulty {
        /// Its name.
        app: String,
        /// All that is wrong.
        faults: Vec<String>,
    },
    /// There are events in the store that nobody can read.
    #[error(
        "the application `{app}` cannot read events that are in the store: {}; add the event types, or upcasters for them",
        .types.join(", ")
    )]
    UnreadableEvents {
        /// Its name.
        app: String,
        /// The types, each with its category.
        types: Vec<String>,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] ReadError),
}

impl App {
    /// Runs the application over a store.
    ///
    /// # Errors
    /// Commands or categories that occur twice, versions of events without an upcaster, event types in the
    /// store that nobody can read, and the failures of the store.
    pub async fn start(self, store: Arc<dyn EventStore>) -> Result<Bus, StartError> {
        self.start_in(store, Environment::default()).await
    }

    /// Runs the application over a store, in a world with another clock or other identities.
    ///
    /// # Errors
    /// As [`App::start`].
    pub async fn start_in(self, store: Arc<dyn EventStore>, world: Environment) -> Result<Bus, StartError> {
        self.check()?;
        self.check_store(&*store).await?;
        let options = Arc::new(self.options.clone());
        let background = TaskTracker::new();
        let containers: HashMap<_, _> = self
            .aggregates
            .iter()
            .map(|(category, entry)| {
                (*category, entry.container(store.clone(), options.clone(), background.clone()))
            })
            .collect();
        let of_command = |command: &Arc<dyn CommandEntry>| {
            Some(((**command).type_id(), containers.get(command.category())?.clone()))
        };
        let by_command = self.commands.values().filter_map(of_command).collect();
        let idle_after = options.idle_after;
        let Environment { ids, clock } = world;
        let handlers = Handlers::start(&self.handlers, &store, &clock, &self.errors);
        let inner =
            Arc::new(Inner { app: self, store, options, ids, containers, by_command, handlers, background });
        drop_idle_instances(&inner, idle_after);
        Ok(Bus { inner })
    }

    /// Checks what can be checked without a store.
    ///
    /// # Errors
    /// [`StartError::Faulty`] with all that was found.
    pub fn check(&self) -> Result<(), StartError> {
        let mut faults = self.faults.clone();
        if self.options.load_page_events == 0 {
            faults.push("the option `load_page_events` must be at least 1".to_owned());
        }
        for (category, aggregate) in &self.aggregates {
            if let Some(event_type) = aggregate.unreachable_type() {
                faults.push(format!(
                    "`{category}`: an upcaster takes away events of type `{event_type}` at the version that is \
                     written today; raise the version of the event"
                ));
            }
            if let Some((event_type, version)) = aggregate.unreadable_version() {
                faults.push(format!(
                    "`{category}`: events of type `{event_type}` version {version} have no upcaster"
                ));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(StartError::Faulty { app: self.name.clone(), faults }) }
    }

    async fn check_store(&self, store: &dyn EventStore) -> Result<(), StartError> {
        let in_use = store.event_types().await?;
        let types: Vec<_> = in_use
            .iter()
            .filter(|used| !used.event_type.starts_with('$'))
            .filter_map(|used| {
                let category = used.category.as_deref()?;
                let aggregate = self.aggregates.get(category)?;
                (!aggregate.reads(&used.event_type)).then(|| format!("`{}` in `{category}`", used.event_type))
            })
            .collect();
        if types.is_empty() {
            Ok(())
        } else {
            Err(StartError::UnreadableEvents { app: self.name.clone(), types })
        }
    }
}

/// Drops idle instances now and then, for as long as the bus lives.
fn drop_idle_instances(inner: &Arc<Inner>, idle_after: Duration) {
    let bus = Arc::downgrade(inner);
    let pause = (idle_after / 2).max(Duration::from_millis(100));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(pause).await;
            let Some(inner) = bus.upgrade() else { return };
            for container in inner.containers.values() {
                container.drop_idle();
            }
        }
    });
}
