//! Starting: the last look at an application before it runs, and at the store that it is to run on.

use std::{
    any::TypeId,
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use engine_store::{Clock, EventStore, ReadError, SystemClock};
use engine_types::observed::OBSERVED;
use foldhash::fast::FixedState;
use tokio_util::task::TaskTracker;

use crate::{
    App, Bus, IdGenerator, RandomIds,
    bus::{Inner, Observers, look_up_answers},
    erased::{AggregateEntry, AnyContainer, CommandEntry},
    listen::{
        self, HandlerOptions, Handlers, Registered, Waits, circles,
        ownership::{Ownership, SoleOwner},
    },
    options::RuntimeOptions,
    processes::{self, Door, Processes},
    read_models::{Projections, ReadModels},
    timers::{self, Calendar, Firing, Timers},
};

/// The world that an application runs in. The default: the machine's clock, random ids, read models in memory,
/// and no other process that works on the same handlers.
#[derive(Debug, Clone)]
pub struct Environment {
    /// Makes identities.
    pub ids: Arc<dyn IdGenerator>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Keeps the rows of read models.
    pub read_models: ReadModels,
    /// Divides the work of event handlers where several processes share the store.
    pub ownership: Arc<dyn Ownership>,
}

impl Default for Environment {
    fn default() -> Self {
        Environment {
            ids: Arc::new(RandomIds),
            clock: Arc::new(SystemClock),
            read_models: ReadModels::default(),
            ownership: Arc::new(SoleOwner),
        }
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
        let containers = self.containers(&store, &options, &background);
        let by_command = self.by_command(&containers);
        let idle_after = options.idle_after;
        let Environment { ids, clock, read_models, ownership } = world;
        let mut listeners = self.handlers.clone();
        let mut projections = BTreeMap::new();
        for projection in &self.projections {
            let at_work = projection.at_work(store.clone(), read_models.clone(), &self.errors);
            listeners.push(at_work.handler);
            projections.insert(projection.name(), at_work.projection);
        }
        let (door, calendar) = (Door::closed(), Calendar::new(store.clone()));
        let mut managers = BTreeMap::new();
        for process in &self.processes {
            let site = processes::Site {
                store: store.clone(),
                clock: clock.clone(),
                door: door.clone(),
                options: options.clone(),
                calendar: calendar.clone(),
            };
            let at_work = process.at_work(site);
            listeners.push(at_work.listener);
            managers.insert(process.name(), at_work.manager);
        }
        let is_heard = |name: &&'static str| {
            let hears = |listener: &Arc<dyn Registered>| {
                listener.filter().choice().event_types.iter().any(|heard| heard == name)
            };
            listeners.iter().any(hears)
        };
        let observers = Observers::of(self.commands.keys().copied().filter(is_heard));
        let start = listen::Start {
            store: &store,
            clock: &clock,
            ownership: &ownership,
            policy: &self.errors,
            owner: if self.handlers.is_empty() && self.processes.is_empty() {
                uuid::Uuid::nil()
            } else {
                ids.next()
            },
        };
        let handlers = Handlers::start(&listeners, &start);
        let projections = Projections::new(handlers.clone(), projections);
        let firing = Firing {
            store: store.clone(),
            calendar: calendar.clone(),
            clock: clock.clone(),
            door: door.clone(),
            managers: managers.clone(),
        };
        let keeps_timers = self.keeps_timers || !self.processes.is_empty();
        let schedule =
            keeps_timers.then(|| timers::start(calendar.clone(), clock.clone(), firing, &*ownership));
        let timers = Timers::new(calendar, clock.clone(), ids.clone(), schedule);
        let processes = Processes::new(store.clone(), handlers.clone(), managers);
        let inner = Arc::new(Inner {
            app: self,
            store,
            options,
            ids,
            containers,
            by_command,
            handlers,
            projections,
            processes,
            timers,
            observers,
            background,
        });
        door.open(Arc::downgrade(&inner));
        look_up_answers(&inner, clock);
        drop_idle_instances(&inner, idle_after);
        Ok(Bus { inner })
    }

    fn containers(
        &self,
        store: &Arc<dyn EventStore>,
        options: &Arc<RuntimeOptions>,
        background: &TaskTracker,
    ) -> HashMap<&'static str, Arc<dyn AnyContainer>> {
        let container = |entry: &Arc<dyn AggregateEntry>| {
            entry.container(store.clone(), options.clone(), background.clone())
        };
        self.aggregates.iter().map(|(category, entry)| (*category, container(entry))).collect()
    }

    fn by_command(
        &self,
        containers: &HashMap<&'static str, Arc<dyn AnyContainer>>,
    ) -> HashMap<TypeId, Arc<dyn AnyContainer>, FixedState> {
        let of_command = |command: &Arc<dyn CommandEntry>| {
            Some(((**command).type_id(), containers.get(command.category())?.clone()))
        };
        self.commands.values().filter_map(of_command).collect()
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
        if self.aggregates.contains_key(OBSERVED) || self.processes.iter().any(|it| it.name() == OBSERVED) {
            faults
                .push(format!("`{OBSERVED}` is the category of commands that are observed: choose another"));
        }
        for process in &self.processes {
            let name = process.name();
            if self.aggregates.contains_key(name) {
                faults.push(format!(
                    "process manager `{name}`: an aggregate has the same category, so that their streams would be the \
                     same; choose another NAME"
                ));
            }
        }
        faults.extend(self.circles());
        for (name, query) in &self.queries {
            let (projection, its_type) = query.projection();
            if !self.projections.iter().any(|known| known.type_id() == its_type) {
                faults.push(format!("query `{name}`: its projection `{projection}` is not added"));
            }
        }
        if faults.is_empty() { Ok(()) } else { Err(StartError::Faulty { app: self.name.clone(), faults }) }
    }

    /// Handlers that would wait for themselves, and names that none has.
    fn circles(&self) -> Vec<String> {
        let handlers = self.handlers.iter().map(|handler| {
            let HandlerOptions { strong, sends, .. } = handler.options();
            Waits { name: handler.name(), is_strong: *strong, sends }
        });
        let processes = self.processes.iter().map(|process| process.waits());
        let projections = self.projections.iter().map(|projection| projection.waits());
        circles::faults(&handlers.chain(processes).chain(projections).collect::<Vec<_>>())
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
        let foreign: BTreeSet<_> = in_use
            .iter()
            .filter_map(|used| used.category.as_deref())
            .filter(|category| !category.starts_with('$') && !self.aggregates.contains_key(category))
            .filter(|category| *category != OBSERVED)
            .filter(|category| !self.processes.iter().any(|process| process.name() == *category))
            .collect();
        if !foreign.is_empty() {
            tracing::warn!(app = self.name, categories = ?foreign, "the store has events of categories that the application does not know");
        }
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
            inner.processes.drop_idle();
        }
    });
}
