//! The container: the loop around an aggregate. Load, decide, append; on conflict load the difference and
//! decide again.
//!
//! Commands to one instance run one after the other, in the order in which they arrived; different instances
//! run side by side. There is no task per instance: the sender's own task does the work while it holds the
//! instance. When it gives up in the middle, the instance is marked stale, and the next sender loads what is
//! missing.

mod append;
mod instance;
mod load;
mod recent;
mod snapshot;

use std::{panic::AssertUnwindSafe, sync::Arc};

use engine_store::{AppendError, BoxError, EventStore};
use engine_types::{
    Aggregate, Command, CommandId, CorrelationId, CurrentRevision, Decide, ExpectedRevision, Revision,
    command::InvalidCommand, event::Decoder,
};
use tokio::sync::Mutex;
use tokio_util::task::TaskTracker;

use crate::{
    Receipt, SendError, SendOptions,
    cache::{Cache, Kept},
    options::RuntimeOptions,
    send_error::LoadError,
};
use instance::Instance;

/// All instances of one aggregate.
pub(crate) struct Container<A: Aggregate> {
    store: Arc<dyn EventStore>,
    decoder: Decoder<A::Event>,
    instances: Cache<Mutex<Instance<A>>>,
    options: Arc<RuntimeOptions>,
    background: TaskTracker,
}

/// A command's accompanying facts, complete with ids.
pub(crate) struct Order<'a> {
    pub(crate) command_id: CommandId,
    /// Whether the sender chose the id, so that the command may have been sent before.
    pub(crate) may_be_repeated: bool,
    pub(crate) correlation_id: CorrelationId,
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
        Container { store, decoder: Decoder::default(), instances, options, background }
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
        let kept = self.instance(&command.aggregate_id(), C::ID_FIELD).map_err(SendError::Invalid)?;
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
        let mut may_be_written = order.may_be_repeated;
        let mut lost: Option<BoxError> = None;
        let attempts = self.options.conflict_retries + 1;
        for _ in 0..attempts {
            let mut newest = self.load(instance).await.map_err(SendError::widen)?;
            if may_be_written && let Some(receipt) = self.first_answer(instance, order).await? {
                return Ok(receipt);
            }
            let decision = loop {
                let decision = decide(instance, command, order);
                let has_events = decision.as_ref().is_ok_and(|events| !events.is_empty());
                // A refusal is never based on old state: what others wrote may change the answer.
                if has_events || newest || !self.refresh(instance).await.map_err(SendError::widen)? {
                    break decision;
                }
                newest = true;
            };
            let events = decision?;
            match self.append(instance, &events, order).await {
                Ok(Some(appended)) if appended.deduplicated => may_be_written = true,
                Ok(appended) => return self.accept(instance, events, appended, order),
                Err(SendError::OutcomeUnknown(cause)) => {
                    may_be_written = true;
                    lost = Some(cause);
                }
                Err(SendError::Conflict { .. }) if order.expected() == ExpectedRevision::Any => {}
                Err(error) => return Err(lost.map_or(error, SendError::OutcomeUnknown)),
            }
        }
        let stream = instance.stream.clone();
        Err(lost.map_or(SendError::TooManyConflicts { stream, attempts }, SendError::OutcomeUnknown))
    }

    /// Decides against the present state and writes nothing.
    pub(crate) async fn dry_run<C>(
        &self,
        command: &C,
        order: &Order<'_>,
    ) -> Result<Vec<A::Event>, SendError<A::Rejection>>
    where
        C: Command<Aggregate = A>,
        A: Decide<C>,
    {
        let kept = self.instance(&command.aggregate_id(), C::ID_FIELD).map_err(SendError::Invalid)?;
        let mut instance = kept.value.lock().await;
        if !self.load(&mut instance).await.map_err(SendError::widen)? {
            self.refresh(&mut instance).await.map_err(SendError::widen)?;
        }
        decide(&instance, command, order)
    }

    /// The state of an instance, now or as it was; absent when it has no events.
    pub(crate) async fn state(
        &self,
        id: &str,
        at: Option<Revision>,
    ) -> Result<Option<(A, Revision)>, LoadError> {
        let kept = self.instance(id, "id").map_err(SendError::Invalid)?;
        if let Some(at) = at {
            let stream = kept.value.lock().await.stream.clone();
            return self.load_at(stream, at).await;
        }
        let mut instance = kept.value.lock().await;
        if !self.load(&mut instance).await? {
            self.refresh(&mut instance).await?;
        }
        let revision = instance.revision.revision().filter(|_| instance.has_events);
        Ok(revision.map(|revision| (instance.state.clone(), revision)))
    }

    fn instance(&self, id: &str, id_field: &str) -> Result<Arc<Kept<Mutex<Instance<A>>>>, InvalidCommand> {
        self.instances.get(id, || match Instance::new(id) {
            Ok(instance) => Ok(Mutex::new(instance)),
            Err(fault) => Err(InvalidCommand::field(id_field, fault)),
        })
    }
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

/// Runs code of the domain; a panic becomes a message.
fn guarded<T>(what: &str, run: impl FnOnce() -> T) -> Result<T, String> {
    std::panic::catch_unwind(AssertUnwindSafe(run)).map_err(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "without a message".to_owned());
        format!("`{what}` panicked: {message}")
    })
}

/// What a failed append means to the loop.
fn append_failed<R>(error: AppendError) -> SendError<R> {
    SendError::from(error)
}
