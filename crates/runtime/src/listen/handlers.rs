//! The handlers of an application: starting, stopping, and telling them what to do.

mod error;
mod report;
mod wait;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine_store::{Clock, EventStore, ReadError, ReadStream, RecordedEvent};
use engine_types::{Consistency, Position, command::nearest};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use super::{
    ErrorPolicy, ParkedSequence, Scope, handling_now,
    ownership::{Ownership, SoleOwner, Work},
    progress::Progress,
    records,
    registered::{Registered, Site},
    retry,
    runner::{Control, Outside},
    status::Status,
};
pub(super) use error::nothing_at;
pub use error::{HandlersError, NotHandled};
pub use report::{HandlerReport, ResetPreview};

/// How many orders wait for a runner at most.
const CONTROLS: usize = 16;

/// How long a runner may take to end beyond the grace of its workers.
const ENDING: Duration = Duration::from_secs(1);

/// What handlers are started with.
pub(crate) struct Start<'a> {
    pub(crate) store: &'a Arc<dyn EventStore>,
    pub(crate) clock: &'a Arc<dyn Clock>,
    pub(crate) ownership: &'a Arc<dyn Ownership>,
    pub(crate) policy: &'a ErrorPolicy,
    /// Who moves checkpoints here: nobody else has this id.
    pub(crate) owner: Uuid,
}

/// The handlers of a running application. Cheap to clone.
#[derive(Clone)]
pub struct Handlers {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    ownership: Arc<dyn Ownership>,
    running: BTreeMap<String, Running>,
    /// Whether any of them waits for others with the commands that it sends.
    some_wait: bool,
}

struct Running {
    registered: Arc<dyn Registered>,
    work: Work,
    ownership: Arc<dyn Ownership>,
    progress: Arc<Progress>,
    status: watch::Receiver<Status>,
    /// Gone once the handlers are stopped.
    controls: parking_lot::Mutex<Option<mpsc::Sender<Control>>>,
    task: parking_lot::Mutex<Option<JoinHandle<()>>>,
}

impl std::fmt::Debug for Handlers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.inner.running.keys()).finish()
    }
}

impl Running {
    /// Starts the task of a handler.
    fn start(registered: &Arc<dyn Registered>, start: &Start<'_>) -> Self {
        let work = Work {
            store: start.store.clone(),
            handler: registered.name().to_owned(),
            partitions: registered.options().partitions,
        };
        // What a listener keeps with its own data it shares with nobody.
        let ownership: Arc<dyn Ownership> =
            if registered.keeps_own() { Arc::new(SoleOwner) } else { start.ownership.clone() };
        let progress = Arc::new(Progress::new());
        let (status, watched) = watch::channel(Status::default());
        let (sender, controls) = mpsc::channel(CONTROLS);
        let site = Site {
            store: start.store.clone(),
            clock: start.clock.clone(),
            policy: start.policy.clone(),
            owner: start.owner,
            progress: progress.clone(),
            status,
            outside: Outside { controls, share: ownership.join(work.clone()) },
        };
        Running {
            registered: registered.clone(),
            work,
            ownership,
            progress,
            status: watched,
            controls: parking_lot::Mutex::new(Some(sender)),
            task: parking_lot::Mutex::new(Some(tokio::spawn(registered.clone().runner(site)))),
        }
    }
}

impl Handlers {
    /// Starts a task for each handler.
    pub(crate) fn start(registered: &[Arc<dyn Registered>], start: &Start<'_>) -> Self {
        let running = registered
            .iter()
            .map(|registered| (registered.name().to_owned(), Running::start(registered, start)))
            .collect();
        Handlers {
            inner: Arc::new(Inner {
                store: start.store.clone(),
                clock: start.clock.clone(),
                ownership: start.ownership.clone(),
                some_wait: registered.iter().any(|it| it.options().sends != Consistency::Eventual),
                running,
            }),
        }
    }

    /// The names of the handlers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.inner.running.keys().map(String::as_str)
    }

    /// The names of the handlers that strong consistency waits for.
    pub(crate) fn strong(&self) -> impl Iterator<Item = &str> {
        let strong = self.inner.running.iter().filter(|(_, running)| running.registered.options().strong);
        strong.map(|(name, _)| name.as_str())
    }

    /// The consistency of the commands that the handler sends on whose behalf the present task runs, where they do not
    /// say themselves.
    pub(crate) fn sends_now(&self) -> &Consistency {
        if !self.inner.some_wait {
            return &Consistency::Eventual;
        }
        let now = handling_now();
        let running = now.as_deref().and_then(|name| self.inner.running.get(name));
        running.map_or(&Consistency::Eventual, |running| &running.registered.options().sends)
    }

    /// Refuses a name that no handler has.
    pub(crate) fn check_name(&self, name: &str) -> Result<(), HandlersError> {
        self.find(name).map(drop)
    }

    /// Lets a handler rest, over restarts too, until it is resumed. The event at hand is finished first.
    ///
    /// # Errors
    /// An unknown name, and what keeps the handler from resting.
    pub async fn pause(&self, name: &str) -> Result<(), HandlersError> {
        self.control(name, Control::Pause).await
    }

    /// Lets a handler go on that was paused or has stopped.
    ///
    /// # Errors
    /// An unknown name, and what keeps the handler from going on.
    pub async fn resume(&self, name: &str) -> Result<(), HandlersError> {
        self.control(name, Control::Resume).await
    }

    /// Sets a handler back, or forth, to go on after this position; none is the beginning. Its parked sequences
    /// are forgotten. A reset that has begun is finished, over restarts too, before anything else is handled.
    ///
    /// # Errors
    /// An unknown name, a position that no event has yet, and what keeps the handler from being reset.
    pub async fn reset(&self, name: &str, after: Option<Position>) -> Result<(), HandlersError> {
        self.check_resettable(name)?;
        self.control(name, |done| Control::Reset(after, done)).await
    }

    /// The sequences that a handler has parked.
    ///
    /// # Errors
    /// An unknown name, and the failures of the store.
    pub async fn parked(&self, name: &str) -> Result<Vec<ParkedSequence>, HandlersError> {
        let recorded = self.find(name)?.registered.records();
        Ok(records::parked(&*self.inner.store, &recorded).await?)
    }

    /// One sequence that a handler has parked, with the event at fault, where it can still be read.
    ///
    /// # Errors
    /// An unknown name or key, and the failures of the store.
    pub async fn parked_sequence(
        &self,
        name: &str,
        key: &str,
    ) -> Result<(ParkedSequence, Option<RecordedEvent>), HandlersError> {
        let (store, recorded) = (&*self.inner.store, self.find(name)?.registered.records());
        let parked = records::parked_sequence(store, &recorded, key).await?;
        let sequence = parked.ok_or_else(|| HandlersError::Refused(retry::not_parked(key)))?;
        let request = ReadStream::forwards(sequence.stream.clone()).from(sequence.revision).limit(1);
        let event = match store.read_stream(request).await {
            Ok(page) => page.events.into_iter().find(|event| event.position == sequence.position),
            Err(ReadError::StreamNotFound { .. } | ReadError::StreamDeleted { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        Ok((sequence, event))
    }

    /// Hands out the events of a parked sequence again; answers how many were handled. Stays parked at the first
    /// that fails.
    ///
    /// # Errors
    /// An unknown name or key, and the failure of the event.
    pub async fn retry(&self, name: &str, key: &str, scope: Scope) -> Result<u64, HandlersError> {
        self.about_sequence(name, key, scope, true).await
    }

    /// Leaves the events of a parked sequence unhandled for good; answers how many.
    ///
    /// # Errors
    /// An unknown name or key.
    pub async fn discard(&self, name: &str, key: &str, scope: Scope) -> Result<u64, HandlersError> {
        self.about_sequence(name, key, scope, false).await
    }

    /// Finishes the events at hand, stores the checkpoints, and ends all handlers. What hangs is broken off after
    /// the grace that its options give it.
    pub async fn stop(&self) {
        for running in self.inner.running.values() {
            running.controls.lock().take();
        }
        let begun = Instant::now();
        for running in self.inner.running.values() {
            let Some(mut task) = running.task.lock().take() else { continue };
            let end = begun + running.registered.options().grace + ENDING;
            if timeout_at(end, &mut task).await.is_err() {
                tracing::warn!(handler = running.registered.name(), "it did not end and was broken off");
                task.abort();
            }
        }
    }

    /// Does something while a handler rests. It goes on afterwards from where its listener says.
    pub(crate) async fn while_resting<T>(
        &self,
        name: &str,
        work: impl Future<Output = T>,
    ) -> Result<T, HandlersError> {
        let (rests, resting) = oneshot::channel();
        let (_done, until_done) = oneshot::channel();
        self.send(name, Control::Rest(rests, until_done)).await?;
        resting.await.map_err(|_| broken_off())?;
        Ok(work.await)
    }

    /// Lets other processes have what this one has worked on.
    pub(crate) async fn leave(&self) {
        self.inner.ownership.leave().await;
    }

    async fn about_sequence(
        &self,
        name: &str,
        key: &str,
        scope: Scope,
        handle: bool,
    ) -> Result<u64, HandlersError> {
        let (done, outcome) = oneshot::channel();
        let order = retry::Order { key: key.to_owned(), scope, handle, done };
        self.send(name, Control::Sequence(order)).await?;
        outcome.await.map_err(|_| broken_off())?.map_err(HandlersError::Refused)
    }

    async fn control(
        &self,
        name: &str,
        control: impl FnOnce(oneshot::Sender<Result<(), String>>) -> Control,
    ) -> Result<(), HandlersError> {
        let (done, outcome) = oneshot::channel();
        self.send(name, control(done)).await?;
        outcome.await.map_err(|_| broken_off())?.map_err(HandlersError::Refused)
    }

    async fn send(&self, name: &str, control: Control) -> Result<(), HandlersError> {
        let sender = self.find(name)?.controls.lock().clone();
        let ended = || HandlersError::Refused("the handlers have been stopped".to_owned());
        sender.ok_or_else(ended)?.send(control).await.map_err(|_| ended())
    }

    /// Refuses to reset what cannot be reset at all.
    fn check_resettable(&self, name: &str) -> Result<(), HandlersError> {
        self.find(name)?.registered.cannot_be_reset().map_or(Ok(()), |why| Err(HandlersError::Refused(why)))
    }

    fn find(&self, name: &str) -> Result<&Running, HandlersError> {
        self.inner.running.get(name).ok_or_else(|| HandlersError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, self.names()).map(str::to_owned),
        })
    }
}

fn broken_off() -> HandlersError {
    HandlersError::Refused(
        "the handler was stopped, or began anew, before it was done: look, then repeat".to_owned(),
    )
}
