//! The handlers of an application: starting, looking, and telling them what to do.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine_store::{Clock, EventStore, Filter, ReadAll, ReadError, Timestamp};
use engine_types::{Position, command::nearest};
use serde::Serialize;
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};

use super::{
    ErrorPolicy, HandlerOptions, HandlerState, ParkedSequence, Scope,
    listener::Listener,
    progress::Progress,
    records, retry,
    runner::{Control, Runner},
    status::Status,
};

/// How many orders wait for a runner at most.
const CONTROLS: usize = 16;

/// How many events are counted at most to tell how far a handler is behind.
const MAX_COUNTED: u64 = 10_000;

/// A handler that an application names.
pub(crate) trait Registered: Send + Sync {
    fn name(&self) -> &str;
    fn options(&self) -> &HandlerOptions;
    fn filter(&self) -> Filter;
    /// Makes the task that runs it.
    fn runner(self: Arc<Self>, site: Site) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Where a runner works.
pub(crate) struct Site {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    policy: ErrorPolicy,
    progress: Arc<Progress>,
    status: watch::Sender<Status>,
    controls: mpsc::Receiver<Control>,
}

/// A listener and its options.
pub(crate) struct Registration<L> {
    pub(crate) listener: Arc<L>,
    pub(crate) options: Arc<HandlerOptions>,
}

impl<L: Listener> Registered for Registration<L> {
    fn name(&self) -> &str {
        self.listener.name()
    }

    fn options(&self) -> &HandlerOptions {
        &self.options
    }

    fn filter(&self) -> Filter {
        self.options.filter.clone().unwrap_or_else(|| self.listener.filter())
    }

    fn runner(self: Arc<Self>, site: Site) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        let Site { store, clock, policy, progress, status, controls } = site;
        let runner = Runner {
            listener: self.listener.clone(),
            store,
            clock,
            options: self.options.clone(),
            policy: self.options.errors.clone().unwrap_or(policy),
            progress,
            status,
            controls,
        };
        Box::pin(runner.run())
    }
}

/// Why a handler could not be looked at, told something, or waited for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlersError {
    /// There is no handler of this name.
    #[error("there is no handler `{name}`{}", .nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    Unknown {
        /// The name.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// The handler cannot do that now. The message says why.
    #[error("{0}")]
    Refused(String),
    /// The handler had not come as far when the time was up.
    #[error("handler `{handler}` had not handled position {position} within {} ms", .limit.as_millis())]
    Timeout {
        /// The handler.
        handler: String,
        /// The position that was waited for.
        position: Position,
        /// How long.
        limit: Duration,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] ReadError),
}

/// How a handler is doing.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandlerReport {
    /// Its name.
    pub name: String,
    /// What it does at the moment.
    #[serde(flatten)]
    pub state: HandlerState,
    /// Everything up to here is handled; absent before the first event.
    pub checkpoint: Option<Position>,
    /// How many events it has yet to handle, counted up to 10,000.
    pub lag_events: u64,
    /// When the oldest event was stored that it has yet to handle.
    pub oldest_unhandled: Option<Timestamp>,
    /// How old that event is, in milliseconds.
    pub lag_ms: u64,
    /// How many keys are parked.
    pub parked_keys: usize,
    /// How many events it has handled since the process began.
    pub handled: u64,
    /// How many events it handles at the same time.
    pub partitions: usize,
    /// Whether strong consistency waits for it.
    pub strong: bool,
}

/// What a reset would lead to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResetPreview {
    /// How many events would be handled again, or for the first time.
    pub events: u64,
    /// How many parked sequences would be forgotten.
    pub parked_keys: usize,
}

/// The handlers of a running application. Cheap to clone.
#[derive(Clone)]
pub struct Handlers {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    running: BTreeMap<String, Running>,
}

struct Running {
    registered: Arc<dyn Registered>,
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

impl Handlers {
    /// Starts a task for each handler.
    pub(crate) fn start(
        registered: &[Arc<dyn Registered>],
        store: &Arc<dyn EventStore>,
        clock: &Arc<dyn Clock>,
        policy: &ErrorPolicy,
    ) -> Self {
        let start = |registered: &Arc<dyn Registered>| {
            let progress = Arc::new(Progress::new());
            let (status, watched) = watch::channel(Status::default());
            let (sender, controls) = mpsc::channel(CONTROLS);
            let site = Site {
                store: store.clone(),
                clock: clock.clone(),
                policy: policy.clone(),
                progress: progress.clone(),
                status,
                controls,
            };
            let running = Running {
                registered: registered.clone(),
                progress,
                status: watched,
                controls: parking_lot::Mutex::new(Some(sender)),
                task: parking_lot::Mutex::new(Some(tokio::spawn(registered.clone().runner(site)))),
            };
            (registered.name().to_owned(), running)
        };
        let running = registered.iter().map(start).collect();
        Handlers { inner: Arc::new(Inner { store: store.clone(), clock: clock.clone(), running }) }
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

    /// Refuses a name that no handler has.
    pub(crate) fn check_name(&self, name: &str) -> Result<(), HandlersError> {
        self.find(name).map(drop)
    }

    /// Waits until a handler has handled this event, if it can see it.
    pub(crate) async fn wait_for_event(
        &self,
        name: &str,
        stream: &str,
        event_type: &str,
        position: Position,
    ) {
        if let Ok(running) = self.find(name)
            && running.registered.filter().matches_names(stream, event_type)
        {
            running.progress.wait_for(position).await;
        }
    }

    /// How all handlers are doing, by name.
    ///
    /// # Errors
    /// The failures of the store.
    pub async fn list(&self) -> Result<Vec<HandlerReport>, HandlersError> {
        let mut reports = Vec::with_capacity(self.inner.running.len());
        for name in self.inner.running.keys() {
            reports.push(self.report(name).await?);
        }
        Ok(reports)
    }

    /// How a handler is doing.
    ///
    /// # Errors
    /// An unknown name, and the failures of the store.
    pub async fn report(&self, name: &str) -> Result<HandlerReport, HandlersError> {
        let running = self.find(name)?;
        let status = running.status.borrow().clone();
        let checkpoint = running.progress.checkpoint();
        let (lag_events, oldest_unhandled) = self.behind(running, checkpoint, MAX_COUNTED).await?;
        let lag = oldest_unhandled.map(|oldest| self.inner.clock.now().since(oldest)).unwrap_or_default();
        Ok(HandlerReport {
            name: name.to_owned(),
            state: status.state,
            checkpoint,
            lag_events,
            oldest_unhandled,
            lag_ms: u64::try_from(lag.as_millis()).unwrap_or(u64::MAX),
            parked_keys: status.parked_keys,
            handled: status.handled,
            partitions: running.registered.options().partitions,
            strong: running.registered.options().strong,
        })
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
    /// are forgotten.
    ///
    /// # Errors
    /// An unknown name, and what keeps the handler from being reset.
    pub async fn reset(&self, name: &str, after: Option<Position>) -> Result<(), HandlersError> {
        self.control(name, |done| Control::Reset(after, done)).await
    }

    /// What a reset would lead to.
    ///
    /// # Errors
    /// An unknown name, and the failures of the store.
    pub async fn preview_reset(
        &self,
        name: &str,
        after: Option<Position>,
    ) -> Result<ResetPreview, HandlersError> {
        let running = self.find(name)?;
        let (events, _) = self.behind(running, after, u64::MAX).await?;
        let parked_keys = records::parked(&*self.inner.store, name).await?.len();
        Ok(ResetPreview { events, parked_keys })
    }

    /// The sequences that a handler has parked.
    ///
    /// # Errors
    /// An unknown name, and the failures of the store.
    pub async fn parked(&self, name: &str) -> Result<Vec<ParkedSequence>, HandlersError> {
        self.find(name)?;
        Ok(records::parked(&*self.inner.store, name).await?)
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

    /// Waits until a handler has handled everything up to this position: read your own writes.
    ///
    /// Events that are parked count as handled: they no longer hold up the others.
    ///
    /// # Errors
    /// An unknown name, and [`HandlersError::Timeout`].
    pub async fn wait_for(
        &self,
        name: &str,
        position: Position,
        limit: Duration,
    ) -> Result<(), HandlersError> {
        let progress = &self.find(name)?.progress;
        let waited = tokio::time::timeout(limit, progress.wait_for_all_up_to(position)).await;
        waited.map_err(|_| HandlersError::Timeout { handler: name.to_owned(), position, limit })
    }

    /// Finishes the events at hand, stores the checkpoints, and ends all handlers.
    pub async fn stop(&self) {
        for running in self.inner.running.values() {
            running.controls.lock().take();
        }
        for running in self.inner.running.values() {
            let task = running.task.lock().take();
            if let Some(task) = task {
                let _ = task.await;
            }
        }
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
        outcome.await.map_err(|_| ended())?.map_err(HandlersError::Refused)
    }

    async fn control(
        &self,
        name: &str,
        control: impl FnOnce(oneshot::Sender<Result<(), String>>) -> Control,
    ) -> Result<(), HandlersError> {
        let (done, outcome) = oneshot::channel();
        self.send(name, control(done)).await?;
        outcome.await.map_err(|_| ended())?.map_err(HandlersError::Refused)
    }

    async fn send(&self, name: &str, control: Control) -> Result<(), HandlersError> {
        let sender = self.find(name)?.controls.lock().clone();
        sender.ok_or_else(ended)?.send(control).await.map_err(|_| ended())
    }

    fn find(&self, name: &str) -> Result<&Running, HandlersError> {
        self.inner.running.get(name).ok_or_else(|| HandlersError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, self.names()).map(str::to_owned),
        })
    }

    /// Counts the events behind a position that concern a handler, up to a number, and tells the time of the
    /// first.
    async fn behind(
        &self,
        running: &Running,
        checkpoint: Option<Position>,
        most: u64,
    ) -> Result<(u64, Option<Timestamp>), ReadError> {
        let mut next = checkpoint.map_or(Position::FIRST, Position::next);
        let filter = running.registered.filter();
        let (mut count, mut oldest) = (0, None);
        loop {
            let page =
                self.inner.store.read_all(ReadAll::forwards().from(next).filter(filter.clone())).await?;
            oldest = oldest.or(page.events.first().map(|event| event.created));
            count += page.events.len() as u64;
            match page.next {
                Some(following) if !page.end && count < most => next = following,
                _ => return Ok((count, oldest)),
            }
        }
    }
}

fn ended() -> HandlersError {
    HandlersError::Refused("the handlers have been stopped".to_owned())
}
