//! The container: the loop around an aggregate. Load, decide, append; on conflict load the difference and
//! decide again.
//!
//! Commands to one instance run one after the other, in the order in which they arrived; different instances
//! run side by side. There is no task per instance: the sender's own task does the work while it holds the
//! instance. When it gives up in the middle, the instance is marked stale, and the next sender loads what is
//! missing.
//!
//! What is absent: a look at the store before an instance that is in memory accepts a command. The append tells
//! when others wrote. It does not tell that others deleted the stream, which revives it.

mod append;
mod instance;
mod load;
mod recent;
mod snapshot;

pub(crate) use recent::events_of;

use std::{collections::HashSet, sync::Arc};

use engine_store::EventStore;
use engine_types::{
    Aggregate, Command, CommandId, CorrelationId, CurrentRevision, Decide, Event, ExpectedRevision, Revision,
    command::InvalidCommand, event::Decoder, stream::InvalidName,
};
use foldhash::fast::FixedState;
use tokio::{
    sync::{Mutex, Semaphore},
    time::Instant,
};
use tokio_util::task::TaskTracker;

use crate::{
    Receipt, SendError, SendOptions,
    cache::{Cache, Kept},
    options::RuntimeOptions,
    panics::guarded,
    send_error::LoadError,
};
use append::Stored;
use instance::Instance;

/// All instances of one aggregate.
pub(crate) struct Container<A: Aggregate> {
    store: Arc<dyn EventStore>,
    decoder: Decoder<A::Event>,
    /// Their names on disk, to be shared by all events instead of copied for each.
    event_types: HashSet<Arc<str>, FixedState>,
    instances: Cache<Mutex<Instance<A>>>,
    options: Arc<RuntimeOptions>,
    background: TaskTracker,
    snapshots_under_way: Arc<Semaphore>,
}

/// A command's accompanying facts, complete with ids.
pub(crate) struct Order<'a> {
    pub(crate) command_id: CommandId,
    /// The name of the command.
    pub(crate) command: &'static str,
    /// When it came.
    pub(crate) arrived: Instant,
    /// Whether the sender chose the id, so that the command may have been sent before.
    pub(crate) may_be_repeated: bool,
    pub(crate) correlation_id: &'a CorrelationId,
    pub(crate) options: &'a SendOptions,
}

impl Order<'_> {
    fn expected(&self) -> ExpectedRevision {
        self.options.expected.unwrap_or(ExpectedRevision::Any)
    }
}

impl<A: Aggregate> Container<A> {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        options: Arc<RuntimeOptions>,
        background: TaskTracker,
    ) -> Self {
        let instances = Cache::new(options.cached_instances);
        let snapshots = options.snapshots_under_way.min(Semaphore::MAX_PERMITS);
        let snapshots_under_way = Arc::new(Semaphore::new(snapshots));
        Container {
            store,
            decoder: Decoder::default(),
            event_types: A::Event::TYPES.iter().map(|event_type| event_type.name.into()).collect(),
            instances,
            options,
            background,
            snapshots_under_way,
        }
    }

    /// Drops instances that have been idle for long.
    pub(crate) fn drop_idle(&self) {
        self.instances.drop_idle(self.options.idle_after);
    }

    /// Carries out a command.
    pub(crate) async fn execute<C>(
        &self,
        command: &C,
        order: &Order<'_>,
    ) -> Result<Receipt<A>, SendError<A::Rejection>>
    where
        C: Command<Aggregate = A>,
        A: Decide<C>,
    {
        let kept = self.instance(&command.aggregate_id(), C::ID_FIELD, order.arrived)?;
        let mut instance = kept.value.lock().await;
        self.run(&mut instance, command, order).await
    }

    /// The loop.
    async fn run<C>(
        &self,
        instance: &mut Instance<A>,
        command: &C,
        order: &Order<'_>,
    ) -> Result<Receipt<A>, SendError<A::Rejection>>
    where
        C: Command<Aggregate = A>,
        A: Decide<C>,
    {
        let mut may_be_stored = order.may_be_repeated;
        let attempts = self.options.conflict_retries.saturating_add(1);
        for _ in 0..attempts {
            let events = match self.decide(instance, command, order, may_be_stored).await? {
                Decision::Events(events) => events,
                Decision::Repeated(receipt) => return Ok(receipt),
            };
            match self.store(instance, events, order).await? {
                Stored::Answered(receipt) => return Ok(receipt),
                Stored::Overtaken { answer_was_lost } => may_be_stored |= answer_was_lost,
            }
        }
        Err(SendError::TooManyConflicts { stream: instance.stream.clone(), attempts })
    }

    /// Decides, unless the command was carried out before.
    ///
    /// A refusal, and an answer without events, is never based on old state: what others wrote may change it.
    async fn decide<C>(
        &self,
        instance: &mut Instance<A>,
        command: &C,
        order: &Order<'_>,
        may_be_stored: bool,
    ) -> Result<Decision<A>, SendError<A::Rejection>>
    where
        C: Command<Aggregate = A>,
        A: Decide<C>,
    {
        let mut is_newest = self.load(instance, may_be_stored).await.map_err(SendError::widen)?;
        loop {
            if may_be_stored
                && let Some(receipt) = self.first_answer(instance, order).await.map_err(SendError::widen)?
            {
                return Ok(Decision::Repeated(receipt));
            }
            let decision = decide(instance, command, order);
            let has_events = decision.as_ref().is_ok_and(|events| !events.is_empty());
            if has_events || is_newest || !self.refresh(instance).await.map_err(SendError::widen)? {
                return decision.map(Decision::Events);
            }
            is_newest = true;
        }
    }

    /// Decides against the newest state and writes nothing.
    pub(crate) async fn dry_run<C>(
        &self,
        command: &C,
        order: &Order<'_>,
    ) -> Result<Vec<A::Event>, SendError<A::Rejection>>
    where
        C: Command<Aggregate = A>,
        A: Decide<C>,
    {
        let kept = self.instance(&command.aggregate_id(), C::ID_FIELD, order.arrived)?;
        let mut instance = kept.value.lock().await;
        self.load_newest(&mut instance).await.map_err(SendError::widen)?;
        decide(&instance, command, order)
    }

    /// Whether a command has led to events that can still be read.
    pub(crate) async fn took_effect<C>(&self, command: &C, order: &Order<'_>) -> Result<bool, LoadError>
    where
        C: Command<Aggregate = A>,
    {
        let kept = self.instance(&command.aggregate_id(), C::ID_FIELD, order.arrived)?;
        let mut instance = kept.value.lock().await;
        self.load_newest(&mut instance).await?;
        Ok(self.first_answer(&mut instance, order).await?.is_some())
    }

    /// The state of an instance, now or as it was; absent when it has no events.
    pub(crate) async fn state(
        &self,
        id: &str,
        at: Option<Revision>,
    ) -> Result<Option<(A, Revision)>, LoadError> {
        if let Some(at) = at {
            return self
                .load_at(Instance::<A>::new(id).map_err(|fault| invalid("id", fault))?.stream, at)
                .await;
        }
        let kept = self.instance(id, "id", Instant::now())?;
        let mut instance = kept.value.lock().await;
        self.load_newest(&mut instance).await?;
        let revision = instance.revision.revision().filter(|_| instance.newest.is_some());
        Ok(revision.map(|revision| (instance.state.clone(), revision)))
    }

    fn instance(
        &self,
        id: &str,
        id_field: &str,
        now: Instant,
    ) -> Result<Arc<Kept<Mutex<Instance<A>>>>, InvalidCommand> {
        let make = || Instance::new(id).map(Mutex::new).map_err(|fault| invalid(id_field, fault));
        self.instances.get(id, now, make)
    }
}

fn invalid(id_field: &str, fault: InvalidName) -> InvalidCommand {
    InvalidCommand::field(id_field, fault)
}

/// What there is to do for a command.
enum Decision<A: Aggregate> {
    /// These events are to be stored, if any.
    Events(Vec<A::Event>),
    /// Nothing: it was carried out before, with this answer.
    Repeated(Receipt<A>),
}

/// Asks the domain, after checking where the sender believes the instance to be.
fn decide<A, C>(
    instance: &Instance<A>,
    command: &C,
    order: &Order<'_>,
) -> Result<Vec<A::Event>, SendError<A::Rejection>>
where
    C: Command<Aggregate = A>,
    A: Aggregate + Decide<C>,
{
    let (expected, actual) = (order.expected(), instance.revision);
    if !accepts(expected, actual) {
        return Err(SendError::Conflict { stream: instance.stream.clone(), expected, actual });
    }
    guarded("decide", || instance.state.decide(command))
        .map_err(SendError::Internal)?
        .map_err(SendError::Rejected)
}

/// Whether an instance that is at `actual` is where the sender expects it.
fn accepts(expected: ExpectedRevision, actual: CurrentRevision) -> bool {
    match expected {
        ExpectedRevision::Any => true,
        ExpectedRevision::NoStream => actual == CurrentRevision::NoStream,
        ExpectedRevision::StreamExists => actual != CurrentRevision::NoStream,
        ExpectedRevision::Exact(revision) => actual == CurrentRevision::At(revision),
    }
}
