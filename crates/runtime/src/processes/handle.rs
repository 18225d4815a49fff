//! The process managers of a running application: looking at their instances, and telling them what to do.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use engine_store::{EventStore, ReadError};
use engine_types::{ProcessManager, StreamName, command::nearest, stream::InvalidName};

use super::{
    entry::{STOPPED, Stopped},
    instance::Instance,
    listing::{never_begun, note_parked},
    manager::Manager,
    registered::AnyManager,
    report::{InstanceReport, Summary},
    standing::Stands,
};
use crate::{
    listen::{HandlerError, Handlers, HandlersError, Scope},
    timers::TimerId,
};

/// The process managers of a running application. Cheap to clone.
///
/// Each is also a handler of its name: how far it has come, pausing and resuming are those of
/// [`Bus::handlers`](crate::Bus::handlers).
#[derive(Clone)]
pub struct Processes {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) handlers: Handlers,
    pub(super) managers: Arc<BTreeMap<&'static str, Arc<dyn AnyManager>>>,
}

impl std::fmt::Debug for Processes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.managers.keys()).finish()
    }
}

/// Why an instance could not be looked at, or told something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProcessesError {
    /// There is no process manager of this name.
    #[error("there is no process manager `{name}`{}", .nearest.as_ref().map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    Unknown {
        /// The name.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
    },
    /// There is no such instance.
    #[error("`{process}` has no instance `{id}`")]
    NoInstance {
        /// The process manager.
        process: String,
        /// The id.
        id: String,
    },
    /// That cannot be done now. The message says why.
    #[error("{0}")]
    Refused(String),
    /// As for any handler.
    #[error(transparent)]
    Handlers(#[from] HandlersError),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] ReadError),
}

impl From<HandlerError> for ProcessesError {
    fn from(error: HandlerError) -> Self {
        ProcessesError::Refused(error.to_string())
    }
}

impl ProcessesError {
    #[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
    pub(super) fn id(fault: InvalidName) -> Self {
        ProcessesError::Refused(format!("this cannot be the id of an instance: it {fault}"))
    }

    #[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
    pub(super) fn unwritable(fault: serde_json::Error) -> Self {
        ProcessesError::Refused(format!("the state cannot be written as JSON: {fault}"))
    }
}

impl Processes {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        handlers: Handlers,
        managers: BTreeMap<&'static str, Arc<dyn AnyManager>>,
    ) -> Self {
        Processes { store, handlers, managers: Arc::new(managers) }
    }

    /// The names of the process managers.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.managers.keys().copied()
    }

    /// An instance and how it came to be what it is.
    ///
    /// # Errors
    /// An unknown name, an instance that is not there, and the failures of the store.
    pub async fn show(&self, name: &str, id: &str) -> Result<InstanceReport, ProcessesError> {
        let manager = self.find(name)?;
        let parked = self.handlers.parked(name).await?.into_iter().find(|sequence| sequence.key == id);
        let mut report = match (manager.report(id).await?, &parked) {
            (Some(report), _) => report,
            (None, Some(parked)) => {
                InstanceReport::never_begun(manager.name(), never_begun(id, &parked.error))
            }
            (None, None) => return Err(no_instance(name, id)),
        };
        note_parked(&mut report.summary, parked.as_ref().map(|sequence| &sequence.error));
        report.parked = parked;
        Ok(report)
    }

    /// Lets an instance that is parked try again; answers how many events it has handled then.
    ///
    /// # Errors
    /// An unknown name, an instance that is not parked, and why it stays parked.
    pub async fn retry(&self, name: &str, id: &str) -> Result<u64, ProcessesError> {
        self.find(name)?;
        Ok(self.handlers.retry(name, id, Scope::All).await?)
    }

    /// Ends an instance, for this reason: its timers are cancelled, and what it was parked at is discarded. What it
    /// has sent before stays sent. One that has come to its end, but is parked at its last event, is let go.
    ///
    /// # Errors
    /// An unknown name, an instance that neither runs nor is parked, and the failures of the store.
    pub async fn stop(&self, name: &str, id: &str, reason: &str) -> Result<(), ProcessesError> {
        let is_parked = self.parked(name).await?.contains_key(id);
        let is_stopped = self.find(name)?.stop(id, reason, is_parked).await?;
        if is_parked {
            self.handlers.discard(name, id, Scope::All).await?;
        }
        if is_stopped || is_parked {
            return Ok(());
        }
        Err(ProcessesError::Refused(format!("`{name}` has no instance `{id}` that runs")))
    }

    /// Builds the state of an instance again from its entries, with the functions of today. Nothing is sent.
    ///
    /// # Errors
    /// An unknown name, an instance that is not there, and the failures of the store.
    pub async fn rebuild(&self, name: &str, id: &str) -> Result<InstanceReport, ProcessesError> {
        self.find(name)?.rebuild(id).await?;
        self.show(name, id).await
    }

    pub(crate) fn drop_idle(&self) {
        for manager in self.managers.values() {
            manager.drop_idle();
        }
    }

    pub(super) fn find(&self, name: &str) -> Result<&Arc<dyn AnyManager>, ProcessesError> {
        self.managers.get(name).ok_or_else(|| ProcessesError::Unknown {
            name: name.to_owned(),
            nearest: nearest(name, self.names()).map(str::to_owned),
        })
    }
}

fn no_instance(process: &str, id: &str) -> ProcessesError {
    ProcessesError::NoInstance { process: process.to_owned(), id: id.to_owned() }
}

#[async_trait]
impl<P: ProcessManager> AnyManager for Manager<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn drop_idle(&self) {
        Manager::drop_idle(self);
    }

    async fn summary(&self, id: &str) -> Result<Option<Summary>, ProcessesError> {
        // What is kept in memory may be old where another process works on the instance; and one that only is looked at
        // takes no place there.
        if let Some(summary) = self.standing(id).await? {
            return Ok(Some(summary));
        }
        let mut instance = Instance::new(StreamName::of_instance(P::NAME, id).map_err(ProcessesError::id)?);
        self.load(&mut instance).await?;
        Ok(Self::summarize(&instance))
    }

    async fn report(&self, id: &str) -> Result<Option<InstanceReport>, ProcessesError> {
        self.look(id).await
    }

    async fn rebuild(&self, id: &str) -> Result<(), ProcessesError> {
        let kept = self.instance(id)?;
        let mut instance = kept.value.lock().await;
        self.forget_snapshot(&instance).await.map_err(HandlerError::new)?;
        instance.is_loaded = false;
        Ok(self.load(&mut instance).await?)
    }

    async fn stop(&self, id: &str, reason: &str, is_parked: bool) -> Result<bool, ProcessesError> {
        let kept = self.instance(id)?;
        let mut instance = kept.value.lock().await;
        for _ in 0..=self.options.conflict_retries {
            self.load(&mut instance).await?;
            // One that has come to its end may still wait for its last commands.
            if instance.running.is_none() && !(is_parked && instance.ended.is_some()) {
                return Ok(false);
            }
            let (at_us, stands) = (self.clock.now().as_micros(), Stands::stopped(&instance));
            let entry = Stopped { reason: reason.to_owned(), at_us, stands };
            let cause = uuid::Uuid::new_v5(
                &uuid::Uuid::NAMESPACE_OID,
                format!("{} {:?}", instance.stream, instance.revision).as_bytes(),
            );
            let correlation_id = instance.correlation_id.clone();
            let causes = (correlation_id.as_ref(), cause);
            if let Ok(revision) = self.append(&mut instance, cause, (STOPPED, &entry), causes).await? {
                instance.note_stopped(revision);
                self.note_timers(&mut instance).await?;
                return Ok(true);
            }
        }
        Err(ProcessesError::Refused("others changed the instance again and again: try again".to_owned()))
    }

    async fn timer_is_due(&self, id: &str, name: &str, timer: TimerId) -> Result<(), String> {
        Manager::timer_is_due(self, id, name, timer).await.map_err(|error| error.to_string())
    }
}
