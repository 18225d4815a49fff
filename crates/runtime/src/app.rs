//! The application: which commands there are, and what answers them.

use std::{any::TypeId, collections::BTreeMap, fmt, sync::Arc};

use engine_types::{Aggregate, Category, Command, Decide, ProcessManager, Query};

use crate::{
    Middleware,
    erased::{AggregateEntry, AggregateOf, CommandEntry, CommandOf},
    listen::{
        AsStored, BatchHandler, ErrorPolicy, EventHandler, HandlerOptions, InBatches, Listener, OneByOne,
        RawHandler, Registered, Registration,
    },
    options::RuntimeOptions,
    processes::{ProcessEntry, ProcessOf, ProcessOptions},
    read_models::{
        Answer, Projection, ProjectionEntry, ProjectionOf, ProjectionOptions, QueryEntry, QueryOf,
    },
};

/// A domain, described: its commands and their aggregates, its middleware, its bounds.
///
/// Registering a command registers its aggregate. What cannot work is found when the app is started.
///
/// ```
/// # use engine_runtime::App;
/// # use engine_types::{Aggregate, Command, Decide, Event};
/// # use engine_macros::{Command, Event};
/// # #[derive(Command, serde::Serialize, serde::Deserialize)]
/// # #[command(aggregate = Lamp, id = id, crate = engine_types)] struct SwitchOn { id: String }
/// # #[derive(Event)] #[event(crate = engine_types)] enum LampEvent { SwitchedOn }
/// # #[derive(Default, Clone, serde::Serialize, serde::Deserialize)] struct Lamp { on: bool }
/// # impl Aggregate for Lamp {
/// #     const CATEGORY: &str = "lamp"; type Event = LampEvent; type Rejection = std::fmt::Error;
/// #     fn evolve(self, _: &LampEvent) -> Self { Lamp { on: true } }
/// # }
/// # impl Decide<SwitchOn> for Lamp {
/// #     fn decide(&self, _: &SwitchOn) -> Result<Vec<LampEvent>, std::fmt::Error> { Ok(vec![LampEvent::SwitchedOn]) }
/// # }
/// let app = App::new("lamps").command::<SwitchOn>();
/// ```
#[derive(Clone)]
pub struct App {
    pub(crate) name: String,
    pub(crate) commands: BTreeMap<&'static str, Arc<dyn CommandEntry>>,
    pub(crate) aggregates: BTreeMap<&'static str, Arc<dyn AggregateEntry>>,
    pub(crate) middleware: Vec<Arc<dyn Middleware>>,
    pub(crate) handlers: Vec<Arc<dyn Registered>>,
    pub(crate) projections: Vec<Arc<dyn ProjectionEntry>>,
    pub(crate) processes: Vec<Arc<dyn ProcessEntry>>,
    /// Whether timers are sent although there are no process managers.
    pub(crate) keeps_timers: bool,
    pub(crate) queries: BTreeMap<&'static str, Arc<dyn QueryEntry>>,
    pub(crate) errors: ErrorPolicy,
    pub(crate) options: RuntimeOptions,
    pub(crate) faults: Vec<String>,
}

impl App {
    /// An application without commands.
    pub fn new(name: impl Into<String>) -> Self {
        App {
            name: name.into(),
            commands: BTreeMap::new(),
            aggregates: BTreeMap::new(),
            middleware: Vec::new(),
            handlers: Vec::new(),
            projections: Vec::new(),
            processes: Vec::new(),
            keeps_timers: false,
            queries: BTreeMap::new(),
            errors: ErrorPolicy::default(),
            options: RuntimeOptions::default(),
            faults: Vec::new(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Adds a command, and the aggregate that answers it.
    #[must_use]
    pub fn command<C>(mut self) -> Self
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        self.add_aggregate::<C::Aggregate>();
        let entry = Arc::new(CommandOf::<C>::default());
        let other = self.commands.insert(C::NAME, entry.clone());
        if other.is_some_and(|other| other.type_id() != entry.type_id()) {
            self.faults.push(format!(
                "two commands are named `{}`: give one of them another `#[command(name = \"…\")]`",
                C::NAME
            ));
        }
        self
    }

    fn add_aggregate<A: Aggregate>(&mut self) {
        const {
            assert!(
                Category::is_valid(A::CATEGORY),
                "an aggregate's CATEGORY must not be empty, begin with `$`, or hold `-`, white space or / \\ ? # %"
            );
        }
        match self.aggregates.get(A::CATEGORY) {
            None => {
                self.aggregates.insert(A::CATEGORY, Arc::new(AggregateOf::<A>::default()));
            }
            Some(known) if known.type_id() == TypeId::of::<A>() => {}
            Some(_) => self.faults.push(format!(
                "two aggregates have the category `{}`: their streams would be the same",
                A::CATEGORY
            )),
        }
    }

    /// Adds an event handler.
    #[must_use]
    pub fn handler<H: EventHandler>(self, handler: H, options: HandlerOptions) -> Self {
        self.listener(OneByOne::new(handler), options)
    }

    /// Adds a handler of batches.
    #[must_use]
    pub fn batch_handler<H: BatchHandler>(self, handler: H, options: HandlerOptions) -> Self {
        self.listener(InBatches::new(handler), options)
    }

    /// Adds a handler of raw events, of any type.
    #[must_use]
    pub fn raw_handler<H: RawHandler>(self, handler: H, options: HandlerOptions) -> Self {
        self.listener(AsStored(handler), options)
    }

    /// Adds a read model.
    #[must_use]
    pub fn projection<P: Projection>(mut self, options: ProjectionOptions) -> Self {
        let projection = ProjectionOf::<P>::new(options);
        if let Some(fault) = projection.fault() {
            self.faults.push(format!("projection `{}`: {fault}", P::NAME));
        }
        self.check_listener_name(P::NAME);
        self.projections.push(Arc::new(projection));
        self
    }

    /// Adds a process manager.
    #[must_use]
    pub fn process<P: ProcessManager>(mut self, options: ProcessOptions) -> Self {
        const {
            assert!(
                Category::is_valid(P::NAME),
                "a process manager's NAME must not be empty, begin with `$`, or hold `-`, white space or / \\ ? # %"
            );
        }
        let process = ProcessOf::<P>::new(options);
        if let Some(fault) = process.fault() {
            self.faults.push(format!("process manager `{}`: {fault}", P::NAME));
        }
        self.check_listener_name(P::NAME);
        self.processes.push(Arc::new(process));
        self
    }

    /// Adds a query, which a projection answers that is added too.
    #[must_use]
    pub fn query<Q>(mut self) -> Self
    where
        Q: Query,
        Q::Projection: Answer<Q>,
    {
        let other = self.queries.insert(Q::NAME, Arc::new(QueryOf::<Q>::default()));
        if other.is_some_and(|other| other.type_id() != TypeId::of::<Q>()) {
            self.faults.push(format!(
                "two queries are named `{}`: give one of them another `#[query(name = \"…\")]`",
                Q::NAME
            ));
        }
        self
    }

    fn listener(mut self, listener: impl Listener, options: HandlerOptions) -> Self {
        let registration = Registration::new(listener, options);
        let name = registration.name();
        if let Some(fault) = registration.fault() {
            self.faults.push(format!("handler `{name}`: {fault}"));
        }
        self.check_listener_name(name);
        self.handlers.push(Arc::new(registration));
        self
    }

    fn check_listener_name(&mut self, name: &str) {
        if !engine_types::Category::is_valid(&name.replace('-', "_")) {
            self.faults
                .push(format!("a handler is named `{name}`: use 1 to 128 letters, digits, `-`, `_` and `.`"));
        }
        let taken = self.handlers.iter().any(|other| other.name() == name)
            || self.projections.iter().any(|other| other.name() == name)
            || self.processes.iter().any(|other| other.name() == name);
        if taken {
            self.faults
                .push(format!("two listeners are named `{name}`: their checkpoints would be the same"));
        }
    }

    /// Sends commands that were set for a time, as [`Bus::send_command_at`](crate::Bus::send_command_at) sets them.
    /// With process managers, that is so without saying.
    #[must_use]
    pub fn timers(mut self) -> Self {
        self.keeps_timers = true;
        self
    }

    /// Chooses what happens to events that cannot be handled, for handlers that do not choose themselves.
    #[must_use]
    pub fn on_handler_error(mut self, policy: ErrorPolicy) -> Self {
        self.errors = policy;
        self
    }

    /// Adds a middleware, inside those that were added before.
    #[must_use]
    pub fn middleware(mut self, middleware: impl Middleware) -> Self {
        self.middleware.push(Arc::new(middleware));
        self
    }

    /// Replaces the bounds.
    #[must_use]
    pub fn options(mut self, options: RuntimeOptions) -> Self {
        self.options = options;
        self
    }
}

impl fmt::Debug for App {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("App")
            .field("name", &self.name)
            .field("commands", &self.commands.keys())
            .field("aggregates", &self.aggregates.keys())
            .finish_non_exhaustive()
    }
}
