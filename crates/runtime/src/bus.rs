//! The bus: the one door through which commands come in.

mod observing;
mod sending;

use std::{any::TypeId, collections::HashMap, fmt, sync::Arc};

use engine_store::{AppendError, EventStore};
use engine_types::{Aggregate, Command, Decide, Revision, command::nearest, process_manager::Outgoing};
use foldhash::fast::FixedState;
use serde_json::Value;
use tokio_util::task::TaskTracker;

use crate::{
    App, IdGenerator, JsonEvent, JsonReceipt, SendCommand, SendError, SendOptions,
    container::Container,
    erased::{AnyContainer, Body, CommandEntry, JsonSendError, Refusal},
    listen::Handlers,
    map::Map,
    options::RuntimeOptions,
    processes::Processes,
    read_models::Projections,
    send_error::LoadError,
    timers::Timers,
};

pub(crate) use observing::{Observers, look_up_answers};

/// Sends commands to the aggregates of an [`App`], over a store. Cheap to clone; clones are the same bus.
#[derive(Clone)]
pub struct Bus {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) app: App,
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) options: Arc<RuntimeOptions>,
    pub(crate) ids: Arc<dyn IdGenerator>,
    /// By category.
    pub(crate) containers: HashMap<&'static str, Arc<dyn AnyContainer>>,
    /// By the type of each command that they answer.
    pub(crate) by_command: HashMap<TypeId, Arc<dyn AnyContainer>, FixedState>,
    pub(crate) handlers: Handlers,
    pub(crate) projections: Projections,
    pub(crate) processes: Processes,
    pub(crate) timers: Timers,
    pub(crate) observers: Observers,
    /// What goes on after a sender has its answer.
    pub(crate) background: TaskTracker,
}

/// A state and where it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateAt<S> {
    /// The state.
    pub state: S,
    /// The revision of the last event that went into it.
    pub revision: Revision,
}

impl Bus {
    /// Sends a command to the one aggregate instance that it is addressed to.
    ///
    /// What comes back can be awaited at once, or be given options first:
    ///
    /// ```
    /// # use engine_runtime::{App, SendError};
    /// # use engine_types::{Aggregate, Command, CommandId, Decide, Event, Revision};
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
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = std::sync::Arc::new(engine_store::memory::MemoryStore::new());
    /// # let bus = App::new("lamps").command::<SwitchOn>().start(store).await?;
    /// # let switch_on = || SwitchOn { id: "hall".into() };
    /// bus.send_command(switch_on()).await?;
    /// let id = CommandId(uuid::Uuid::now_v7());
    /// let receipt = bus.send_command(switch_on()).command_id(id).expect_revision(Revision(0)).await?;
    /// assert_eq!(receipt.stream.as_str(), "lamp-hall");
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// See [`SendError`], which is sorted by what the sender does next.
    pub fn send_command<C>(&self, command: C) -> SendCommand<'_, C>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        SendCommand::new(self, command)
    }

    /// Sends a command that is known only by its name, such as one that was typed.
    ///
    /// # Errors
    /// As [`Bus::send_command`]; also [`SendError::UnknownCommand`] and [`SendError::Invalid`].
    pub async fn send_by_name(
        &self,
        name: &str,
        body: Body,
        options: SendOptions,
    ) -> Result<JsonReceipt, JsonSendError> {
        self.entry(name)?.send(self, body, options).await
    }

    /// Sends a command that is known only by its name, from a sender that does not look at the receipt.
    pub(crate) async fn send_json(
        &self,
        name: &str,
        body: &str,
        options: SendOptions,
    ) -> Result<(), SendError<Refusal>> {
        let entry = self.inner.app.commands.get(name).ok_or_else(|| self.unknown_command(name))?;
        entry.dispatch(self, body, options).await
    }

    /// A command that is known only by its name, as data: checked, and to be sent later by a
    /// [`Timer`](engine_types::process_manager::Timer).
    ///
    /// # Errors
    /// [`SendError::UnknownCommand`] and [`SendError::Invalid`].
    pub fn outgoing_by_name(&self, name: &str, body: Body) -> Result<Outgoing, JsonSendError> {
        Ok(self.entry(name)?.outgoing(body)?)
    }

    /// Decides a command that is known only by its name against the present state, and stores nothing.
    ///
    /// # Errors
    /// As [`Bus::send_by_name`].
    pub async fn dry_run_by_name(
        &self,
        name: &str,
        body: Body,
        options: SendOptions,
    ) -> Result<Vec<JsonEvent>, JsonSendError> {
        self.entry(name)?.dry_run(self, body, options).await
    }

    /// Decides a command that is known only by its name against the state as it was at a revision, and stores
    /// nothing.
    ///
    /// # Errors
    /// As [`Bus::dry_run_by_name`]; also a revision beyond the end.
    pub async fn dry_run_by_name_at(
        &self,
        name: &str,
        body: Body,
        at: Revision,
    ) -> Result<Vec<JsonEvent>, JsonSendError> {
        self.entry(name)?.dry_run_at(self, body, at).await
    }

    /// The state of an instance, now or as it was at a revision; absent when it has no events.
    ///
    /// # Errors
    /// An id that cannot be one, a revision beyond the end, and the failures of the store.
    pub async fn state<A: Aggregate>(
        &self,
        id: &str,
        at: Option<Revision>,
    ) -> Result<Option<StateAt<A>>, LoadError> {
        let container = self.container::<A>().ok_or_else(|| self.unknown_category(A::CATEGORY))?;
        let state = container.state(id, at).await?;
        Ok(state.map(|(state, revision)| StateAt { state, revision }))
    }

    /// The state, as JSON, of an instance that is known only by the name of its category.
    ///
    /// # Errors
    /// As [`Bus::state`]; also [`SendError::UnknownCategory`].
    pub async fn state_by_name(
        &self,
        category: &str,
        id: &str,
        at: Option<Revision>,
    ) -> Result<Option<StateAt<Value>>, LoadError> {
        let container = self.inner.containers.get(category).ok_or_else(|| self.unknown_category(category))?;
        container.state(id, at).await
    }

    /// What is registered.
    pub fn map(&self) -> Map {
        self.inner.app.map()
    }

    /// The event handlers: how they are doing, and telling them what to do.
    pub fn handlers(&self) -> &Handlers {
        &self.inner.handlers
    }

    /// The read models: how they are doing, and building them anew.
    pub fn projections(&self) -> &Projections {
        &self.inner.projections
    }

    /// The process managers: their instances, and telling them what to do.
    pub fn processes(&self) -> &Processes {
        &self.inner.processes
    }

    /// The timers: setting, cancelling and listing them.
    pub fn timers(&self) -> &Timers {
        &self.inner.timers
    }

    /// The store below.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.inner.store
    }

    /// Ends the handlers, finishes what goes on in the background and closes the store.
    ///
    /// # Errors
    /// What the store could not make durable.
    pub async fn close(&self) -> Result<(), AppendError> {
        self.inner.projections.cancel_all().await;
        self.inner.timers.end().await;
        self.inner.handlers.stop().await;
        self.inner.projections.close().await;
        self.inner.handlers.leave().await;
        self.inner.background.close();
        self.inner.background.wait().await;
        self.inner.store.close().await
    }

    /// The instances of an aggregate.
    fn container<A: Aggregate>(&self) -> Option<&Container<A>> {
        self.inner.containers.get(A::CATEGORY)?.as_any().downcast_ref()
    }

    fn container_for<C: Command>(
        &self,
    ) -> Result<&Container<C::Aggregate>, SendError<<C::Aggregate as Aggregate>::Rejection>> {
        let container = self.inner.by_command.get(&TypeId::of::<C>());
        let container = container.and_then(|container| container.as_any().downcast_ref());
        container.ok_or_else(|| self.unknown_command(C::NAME))
    }

    fn entry(&self, name: &str) -> Result<&Arc<dyn CommandEntry>, JsonSendError> {
        self.inner.app.commands.get(name).ok_or_else(|| self.unknown_command(name))
    }

    fn unknown_command<R>(&self, name: &str) -> SendError<R> {
        let others = self.inner.app.commands.keys().copied().filter(|other| *other != name);
        let nearest = nearest(name, others).map(str::to_owned);
        SendError::UnknownCommand { name: name.to_owned(), nearest }
    }

    fn unknown_category(&self, category: &str) -> LoadError {
        let nearest = nearest(category, self.inner.containers.keys().copied()).map(str::to_owned);
        SendError::UnknownCategory { category: category.to_owned(), nearest }
    }
}

impl fmt::Debug for Bus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Bus")
            .field("app", &self.inner.app)
            .field("store", &self.inner.store)
            .finish_non_exhaustive()
    }
}
