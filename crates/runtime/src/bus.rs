//! The bus: the one door through which commands come in.

use std::{collections::HashMap, fmt, sync::Arc};

use engine_store::{AppendError, EventStore};
use engine_types::{
    Aggregate, Command, CommandId, CorrelationId, Decide, Event, Metadata, Revision,
    command::{InvalidCommand, nearest},
};
use serde_json::Value;
use tokio_util::task::TaskTracker;

use crate::{
    App, IdGenerator, JsonEvent, JsonReceipt, Receipt, SendCommand, SendError, SendOptions,
    container::{Container, Order},
    erased::{AnyContainer, Body, CommandEntry, JsonSendError},
    map::Map,
    middleware::{Accepted, Dispatch, Failure, Middleware},
    options::RuntimeOptions,
    send_error::LoadError,
};

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
    /// ```ignore
    /// bus.send_command(DepositMoney { id: "jsdf".into(), amount: 23 }).await?;
    /// bus.send_command(deposit).command_id(id).expect_revision(Revision(4)).await?;
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

    /// The store below.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.inner.store
    }

    /// Finishes what goes on in the background and closes the store.
    ///
    /// # Errors
    /// What the store could not make durable.
    pub async fn close(&self) -> Result<(), AppendError> {
        self.inner.background.close();
        self.inner.background.wait().await;
        self.inner.store.close().await
    }

    /// Sends a command: middleware around the container.
    pub(crate) async fn send<C>(
        &self,
        command: &C,
        options: SendOptions,
    ) -> Result<Receipt<C::Aggregate>, SendError<<C::Aggregate as Aggregate>::Rejection>>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        let container = self.container_for::<C>()?;
        let mut dispatch = self.dispatch(command, options);
        let may_be_repeated = dispatch.options.command_id.is_some();
        let middleware = &self.inner.app.middleware;
        let mut reached = 0;
        let mut halted = None;
        for layer in middleware {
            reached += 1;
            if let Err(halt) = layer.before(&mut dispatch).await {
                halted = Some(halt);
                break;
            }
        }
        let result = match halted {
            Some(halt) => Err(SendError::Halted(halt)),
            None => self.execute(container, command, &dispatch, may_be_repeated).await,
        };
        tell(&middleware[..reached], &dispatch, &result).await;
        result
    }

    /// Runs the container within the time that the command may take.
    async fn execute<C>(
        &self,
        container: &Container<C::Aggregate>,
        command: &C,
        dispatch: &Dispatch<'_>,
        may_be_repeated: bool,
    ) -> Result<Receipt<C::Aggregate>, SendError<<C::Aggregate as Aggregate>::Rejection>>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        check_metadata(&dispatch.options)?;
        let order = Order {
            command_id: dispatch.command_id,
            may_be_repeated,
            correlation_id: dispatch.correlation_id.clone(),
            options: &dispatch.options,
        };
        let limit = dispatch.options.timeout.unwrap_or(self.inner.options.command_timeout);
        match tokio::time::timeout(limit, container.execute(command, &order)).await {
            Ok(result) => result,
            Err(_) => Err(SendError::Timeout(limit)),
        }
    }

    /// Decides a command against the present state, and stores nothing.
    ///
    /// # Errors
    /// As [`Bus::send_command`].
    pub async fn dry_run<C>(
        &self,
        command: &C,
        options: SendOptions,
    ) -> Result<Vec<<C::Aggregate as Aggregate>::Event>, SendError<<C::Aggregate as Aggregate>::Rejection>>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        let container = self.container_for::<C>()?;
        let dispatch = self.dispatch(command, options);
        let order = Order {
            command_id: dispatch.command_id,
            may_be_repeated: false,
            correlation_id: dispatch.correlation_id.clone(),
            options: &dispatch.options,
        };
        container.dry_run(command, &order).await
    }

    /// Completes a command with ids.
    fn dispatch<'a, C: Command>(&self, command: &'a C, options: SendOptions) -> Dispatch<'a> {
        let command_id = options.command_id.unwrap_or_else(|| CommandId(self.inner.ids.next()));
        let correlation_id =
            options.correlation_id.clone().unwrap_or_else(|| CorrelationId::from(command_id.0));
        Dispatch { command, command_id, correlation_id, options }
    }

    /// The instances of an aggregate.
    fn container<A: Aggregate>(&self) -> Option<&Container<A>> {
        self.inner.containers.get(A::CATEGORY)?.as_any().downcast_ref()
    }

    fn container_for<C: Command>(
        &self,
    ) -> Result<&Container<C::Aggregate>, SendError<<C::Aggregate as Aggregate>::Rejection>> {
        let registered = self.inner.app.commands.get(C::NAME);
        let known = registered.is_some_and(|entry| entry.type_id() == std::any::TypeId::of::<C>());
        self.container().filter(|_| known).ok_or_else(|| self.unknown_command(C::NAME))
    }

    fn entry(&self, name: &str) -> Result<&Arc<dyn CommandEntry>, JsonSendError> {
        self.inner.app.commands.get(name).ok_or_else(|| self.unknown_command(name))
    }

    fn unknown_command<R>(&self, name: &str) -> SendError<R> {
        let nearest = nearest(name, self.inner.app.commands.keys().copied()).map(str::to_owned);
        SendError::UnknownCommand { name: name.to_owned(), nearest }
    }

    fn unknown_category(&self, category: &str) -> LoadError {
        let nearest = nearest(category, self.inner.containers.keys().copied()).map(str::to_owned);
        SendError::UnknownCategory { category: category.to_owned(), nearest }
    }
}

fn check_metadata(options: &SendOptions) -> Result<(), InvalidCommand> {
    Metadata::check_user_entries(&options.metadata).map_err(|fault| InvalidCommand::field("metadata", fault))
}

/// Tells the middleware that saw a command what became of it, the innermost first.
async fn tell<A: Aggregate, R: fmt::Display>(
    reached: &[Arc<dyn Middleware>],
    dispatch: &Dispatch<'_>,
    result: &Result<Receipt<A>, SendError<R>>,
) {
    if reached.is_empty() {
        return;
    }
    match result {
        Ok(receipt) => {
            let accepted = Accepted {
                revision: receipt.revision,
                position: receipt.position,
                event_types: receipt.events.iter().map(|event| event.event_type().name).collect(),
                duplicate: receipt.duplicate,
            };
            for layer in reached.iter().rev() {
                layer.after(dispatch, &accepted).await;
            }
        }
        Err(error) => {
            let failure = Failure { kind: error.kind(), message: error.to_string() };
            for layer in reached.iter().rev() {
                layer.failed(dispatch, &failure).await;
            }
        }
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
