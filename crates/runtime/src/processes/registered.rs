//! A process manager as an application names it, of whatever type.

use std::{marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use engine_types::{ProcessManager, event::Decoder};

use super::{
    ProcessOptions, ProcessesError,
    listener::ProcessListener,
    manager::{Manager, Site},
    report::{InstanceReport, Summary},
};
use crate::{
    listen::{Registered, Registration, Waits, types_of},
    map::ProcessDescription,
    timers::TimerId,
};

/// A process manager that an application names.
pub(crate) trait ProcessEntry: Send + Sync {
    fn name(&self) -> &'static str;
    /// What cannot work.
    fn fault(&self) -> Option<String>;
    /// Whom it waits for, and whether others wait for it.
    fn waits(&self) -> Waits<'_>;
    fn describe(&self) -> ProcessDescription;
    fn at_work(&self, site: Site) -> AtWork;
}

/// A process manager over a store.
pub(crate) struct AtWork {
    pub(crate) listener: Arc<dyn Registered>,
    pub(crate) manager: Arc<dyn AnyManager>,
}

/// The instances of a process manager whose type is known only at run time.
#[async_trait]
pub(crate) trait AnyManager: Send + Sync {
    fn name(&self) -> &'static str;
    fn drop_idle(&self);
    async fn summary(&self, id: &str) -> Result<Option<Summary>, ProcessesError>;
    async fn report(&self, id: &str) -> Result<Option<InstanceReport>, ProcessesError>;
    async fn rebuild(&self, id: &str) -> Result<(), ProcessesError>;
    /// Ends an instance that runs, or is parked at its end; answers whether it is such a one.
    async fn stop(&self, id: &str, reason: &str, is_parked: bool) -> Result<bool, ProcessesError>;
    /// Sends the command of a timer that is due, if the instance still waits for it.
    async fn timer_is_due(&self, id: &str, name: &str, timer: TimerId) -> Result<(), String>;
}

pub(crate) struct ProcessOf<P> {
    options: ProcessOptions,
    process: PhantomData<fn() -> P>,
}

impl<P: ProcessManager> ProcessOf<P> {
    pub(crate) fn new(options: ProcessOptions) -> Self {
        ProcessOf { options, process: PhantomData }
    }
}

impl<P: ProcessManager> ProcessEntry for ProcessOf<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn fault(&self) -> Option<String> {
        let decoder = Decoder::<P::Event>::default();
        let unstarted = || {
            let machine = P::MACHINE?;
            let (first, stage) = (machine.states.first()?.name, P::default().stage());
            (stage != Some(first)).then(|| {
                let stage = stage.unwrap_or("none");
                format!("its default is in state {stage}, but its machine begins in {first}")
            })
        };
        let untold = || {
            let event_type = decoder.unreachable_type()?;
            Some(format!(
                "an upcaster takes away events of type `{event_type}`; raise the version of the event"
            ))
        };
        let fault = self.options.for_listening().fault();
        fault.map(str::to_owned).or_else(unstarted).or_else(untold)
    }

    fn waits(&self) -> Waits<'_> {
        Waits { name: P::NAME, is_strong: self.options.strong, sends: &self.options.sends }
    }

    fn describe(&self) -> ProcessDescription {
        ProcessDescription {
            name: P::NAME,
            version: P::VERSION,
            event_types: types_of(&Decoder::<P::Event>::default()).choice().event_types.clone(),
            machine: P::MACHINE.copied(),
            strong: self.options.strong,
        }
    }

    fn at_work(&self, site: Site) -> AtWork {
        let manager = Arc::new(Manager::<P>::new(site, &self.options));
        let listener = ProcessListener { manager: manager.clone() };
        let listener = Registration::new(listener, self.options.for_listening());
        AtWork { listener: Arc::new(listener), manager }
    }
}
