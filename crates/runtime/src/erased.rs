//! Commands and aggregates whose types are known only at run time: what the prompt and HTTP work with.

use std::{
    any::{Any, TypeId},
    marker::PhantomData,
    sync::Arc,
};

use async_trait::async_trait;
use engine_store::{BoxError, EventStore};
use engine_types::{
    Aggregate, Command, CommandId, Decide, Event, Revision, StreamName,
    command::{self, InvalidCommand},
    event::Decoder,
    process_manager::Outgoing,
};
use serde_json::Value;
use tokio_util::task::TaskTracker;

use crate::{
    Bus, JsonEvent, JsonReceipt, SendError, SendOptions,
    bus::StateAt,
    container::Container,
    map::{AggregateDescription, CommandDescription},
    options::RuntimeOptions,
    send_error::LoadError,
};

/// Why a command that was sent by name was not carried out.
pub type JsonSendError = SendError<BoxError>;

/// The body of a command that is sent by name.
#[derive(Debug, Clone)]
pub enum Body {
    /// A JSON object of its fields.
    Json(Value),
    /// `field=value` texts, each to be read as its field's kind.
    Texts(Vec<(String, String)>),
}

/// A registered command.
#[async_trait]
pub(crate) trait CommandEntry: Send + Sync {
    fn type_id(&self) -> TypeId;
    fn category(&self) -> &'static str;
    fn describe(&self) -> CommandDescription;
    async fn send(&self, bus: &Bus, body: Body, options: SendOptions) -> Result<JsonReceipt, JsonSendError>;
    async fn dry_run(
        &self,
        bus: &Bus,
        body: Body,
        options: SendOptions,
    ) -> Result<Vec<JsonEvent>, JsonSendError>;
    async fn dry_run_at(&self, bus: &Bus, body: Body, at: Revision) -> Result<Vec<JsonEvent>, JsonSendError>;
    /// Whether the command of this id has led to events that can still be read.
    async fn took_effect(&self, bus: &Bus, body: &Value, id: CommandId) -> Result<bool, JsonSendError>;
    /// The command as data, to be sent later.
    fn outgoing(&self, body: Body) -> Result<Outgoing, InvalidCommand>;
    /// Sends a command whose sender does not look at the receipt.
    async fn dispatch(&self, bus: &Bus, body: &str, options: SendOptions) -> Result<(), SendError<Refusal>>;
}

/// A domain's refusal as text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    /// The name of the rejection's variant, or of its type.
    pub(crate) code: String,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn of(rejection: impl std::error::Error) -> Self {
        let shown = format!("{rejection:?}");
        let end = shown.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(shown.len());
        Refusal { code: shown[..end].to_owned(), message: rejection.to_string() }
    }
}

pub(crate) struct CommandOf<C>(PhantomData<fn() -> C>);

impl<C> Default for CommandOf<C> {
    fn default() -> Self {
        CommandOf(PhantomData)
    }
}

impl<C: Command> CommandOf<C> {
    fn read(body: Body) -> Result<C, InvalidCommand> {
        match body {
            Body::Json(value) => command::from_json(value),
            Body::Texts(texts) => command::from_texts(&texts),
        }
    }
}

#[async_trait]
impl<C> CommandEntry for CommandOf<C>
where
    C: Command,
    C::Aggregate: Decide<C>,
{
    fn type_id(&self) -> TypeId {
        TypeId::of::<C>()
    }

    fn category(&self) -> &'static str {
        C::Aggregate::CATEGORY
    }

    fn describe(&self) -> CommandDescription {
        let (id_field, fields, closed) = (C::ID_FIELD, C::FIELDS, C::CLOSED);
        CommandDescription { name: C::NAME, doc: C::DOC, id_field, fields, closed }
    }

    async fn send(
        &self,
        bus: &Bus,
        body: Body,
        mut options: SendOptions,
    ) -> Result<JsonReceipt, JsonSendError> {
        let command = Self::read(body)?;
        let receipt =
            bus.send(&command, &mut options).await.map_err(|error| error.map_rejection(BoxError::from))?;
        receipt.to_json().map_err(unwritable)
    }

    async fn dry_run(
        &self,
        bus: &Bus,
        body: Body,
        options: SendOptions,
    ) -> Result<Vec<JsonEvent>, JsonSendError> {
        let command = Self::read(body)?;
        let events =
            bus.dry_run(&command, options).await.map_err(|error| error.map_rejection(BoxError::from))?;
        events.iter().map(|event| JsonEvent::of(event).map_err(unwritable)).collect()
    }

    async fn dry_run_at(&self, bus: &Bus, body: Body, at: Revision) -> Result<Vec<JsonEvent>, JsonSendError> {
        let command = Self::read(body)?;
        let then = bus.state::<C::Aggregate>(&command.aggregate_id(), Some(at)).await;
        let state = then.map_err(SendError::widen)?.map(|then| then.state).unwrap_or_default();
        let decide = || state.decide(&command);
        let decided = std::panic::catch_unwind(std::panic::AssertUnwindSafe(decide)).map_err(|panic| {
            SendError::Internal(format!("`{}` panicked: {}", C::NAME, crate::panics::message(&*panic)))
        })?;
        let events = decided.map_err(|rejection| SendError::Rejected(BoxError::from(rejection)))?;
        events.iter().map(|event| JsonEvent::of(event).map_err(unwritable)).collect()
    }

    async fn took_effect(&self, bus: &Bus, body: &Value, id: CommandId) -> Result<bool, JsonSendError> {
        let command = Self::read(Body::Json(body.clone()))?;
        bus.took_effect(&command, id).await.map_err(SendError::widen)
    }

    fn outgoing(&self, body: Body) -> Result<Outgoing, InvalidCommand> {
        let command = Self::read(body)?;
        // What cannot address an instance now cannot when it is due.
        StreamName::of_instance(C::Aggregate::CATEGORY, &command.aggregate_id())
            .map_err(|fault| InvalidCommand::field(C::ID_FIELD, fault))?;
        Ok(Outgoing::of(command))
    }

    async fn dispatch(
        &self,
        bus: &Bus,
        body: &str,
        mut options: SendOptions,
    ) -> Result<(), SendError<Refusal>> {
        let command = match serde_json::from_str::<C>(body) {
            Ok(command) => command,
            // Read again, slower, to name the field at fault.
            Err(fault) => {
                let value =
                    serde_json::from_str(body).map_err(|_| InvalidCommand::body(fault.to_string()))?;
                Self::read(Body::Json(value))?
            }
        };
        bus.send(&command, &mut options).await.map(drop).map_err(|error| error.map_rejection(Refusal::of))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn unwritable<R>(error: serde_json::Error) -> SendError<R> {
    SendError::Internal(format!("the answer cannot be written as JSON: {error}"))
}

/// A registered aggregate.
pub(crate) trait AggregateEntry: Send + Sync {
    fn type_id(&self) -> TypeId;
    fn describe(&self) -> AggregateDescription;
    /// Whether events of this type can be read, at some version at least.
    fn reads(&self, event_type: &str) -> bool;
    /// A type of today that an upcaster takes away.
    fn unreachable_type(&self) -> Option<&'static str>;
    /// A type and an older version of it that no upcaster reads.
    fn unreadable_version(&self) -> Option<(&'static str, u32)>;
    fn container(
        &self,
        store: Arc<dyn EventStore>,
        options: Arc<RuntimeOptions>,
        background: TaskTracker,
    ) -> Arc<dyn AnyContainer>;
}

pub(crate) struct AggregateOf<A: Aggregate> {
    decoder: Decoder<A::Event>,
}

impl<A: Aggregate> Default for AggregateOf<A> {
    fn default() -> Self {
        AggregateOf { decoder: Decoder::default() }
    }
}

impl<A: Aggregate> AggregateEntry for AggregateOf<A> {
    fn type_id(&self) -> TypeId {
        TypeId::of::<A>()
    }

    fn describe(&self) -> AggregateDescription {
        AggregateDescription {
            category: A::CATEGORY,
            snapshot_every: (A::SNAPSHOT_EVERY > 0).then_some(A::SNAPSHOT_EVERY),
            commands: Vec::new(),
            events: A::Event::TYPES,
        }
    }

    fn reads(&self, event_type: &str) -> bool {
        self.decoder.reads(event_type)
    }

    fn unreachable_type(&self) -> Option<&'static str> {
        self.decoder.unreachable_type()
    }

    fn unreadable_version(&self) -> Option<(&'static str, u32)> {
        self.decoder.unreadable_version()
    }

    fn container(
        &self,
        store: Arc<dyn EventStore>,
        options: Arc<RuntimeOptions>,
        background: TaskTracker,
    ) -> Arc<dyn AnyContainer> {
        Arc::new(Container::<A>::new(store, options, background))
    }
}

/// The instances of an aggregate whose type is known only at run time.
#[async_trait]
pub(crate) trait AnyContainer: Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn drop_idle(&self);
    async fn state(&self, id: &str, at: Option<Revision>) -> Result<Option<StateAt<Value>>, LoadError>;
}

#[async_trait]
impl<A: Aggregate> AnyContainer for Container<A> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn drop_idle(&self) {
        Container::drop_idle(self);
    }

    async fn state(&self, id: &str, at: Option<Revision>) -> Result<Option<StateAt<Value>>, LoadError> {
        let Some((state, revision)) = Container::state(self, id, at).await? else { return Ok(None) };
        Ok(Some(StateAt { state: serde_json::to_value(state).map_err(unwritable)?, revision }))
    }
}
