//! A handler as an application names it: a listener and its options, of whatever kind.

use std::{
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
};

use engine_store::{Clock, EventStore, Filter, filter::Choice};
use tokio::sync::watch;
use uuid::Uuid;

use super::{
    ErrorPolicy, HandlerOptions,
    listener::Listener,
    progress::Progress,
    runner::{Outside, Runner},
    status::Status,
};

/// A handler that an application names.
pub(crate) trait Registered: Send + Sync {
    fn name(&self) -> &str;
    fn options(&self) -> &HandlerOptions;
    /// The events that it hears.
    fn filter(&self) -> Filter;
    /// Whether it keeps its own checkpoint, and belongs to this process alone.
    fn keeps_own(&self) -> bool;
    /// The name under which its parked sequences are recorded.
    fn records(&self) -> String;
    /// Why it cannot be reset at all, and what to do instead.
    fn cannot_be_reset(&self) -> Option<String>;
    /// Makes the task that runs it.
    fn runner(self: Arc<Self>, site: Site) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// Where a runner works.
pub(crate) struct Site {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) policy: ErrorPolicy,
    pub(super) owner: Uuid,
    pub(super) progress: Arc<Progress>,
    pub(super) status: watch::Sender<Status>,
    pub(super) outside: Outside,
}

/// A listener and its options.
pub(crate) struct Registration<L> {
    pub(crate) listener: Arc<L>,
    pub(crate) options: Arc<HandlerOptions>,
}

impl<L: Listener> Registration<L> {
    pub(crate) fn new(listener: L, options: HandlerOptions) -> Self {
        Registration { listener: Arc::new(listener), options: Arc::new(options) }
    }

    /// What cannot work.
    pub(crate) fn fault(&self) -> Option<&'static str> {
        let hears_nothing = || {
            both(&self.listener.filter(), self.options.filter.as_ref())
                .is_none()
                .then_some("its filter lets none of the events pass that it can read")
        };
        self.options.fault().or_else(hears_nothing)
    }
}

impl<L: Listener> Registered for Registration<L> {
    fn name(&self) -> &str {
        self.listener.name()
    }

    fn options(&self) -> &HandlerOptions {
        &self.options
    }

    fn filter(&self) -> Filter {
        both(&self.listener.filter(), self.options.filter.as_ref()).unwrap_or_else(|| self.listener.filter())
    }

    fn keeps_own(&self) -> bool {
        self.listener.keeps_own()
    }

    fn records(&self) -> String {
        self.listener.records()
    }

    fn cannot_be_reset(&self) -> Option<String> {
        self.listener.cannot_be_reset()
    }

    fn runner(self: Arc<Self>, site: Site) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Site { store, clock, policy, owner, progress, status, outside } = site;
        let runner = Runner {
            listener: self.listener.clone(),
            store,
            clock,
            options: self.options.clone(),
            policy: self.options.errors.clone().unwrap_or(policy),
            filter: self.filter(),
            progress,
            status,
            owner,
            orders_version: AtomicU64::new(0),
        };
        Box::pin(runner.run(outside))
    }
}

/// The events that pass what a listener can read and what was chosen for it; none where no type passes both.
pub(crate) fn both(readable: &Filter, chosen: Option<&Filter>) -> Option<Filter> {
    let Some(chosen) = chosen else { return Some(readable.clone()) };
    let (own, choice) = (readable.choice(), chosen.choice());
    let mut both = choice.clone();
    if own.event_types.is_empty() {
        return Some(chosen.clone());
    }
    let types = Filter::new(Choice {
        event_types: choice.event_types.clone(),
        event_type_prefixes: choice.event_type_prefixes.clone(),
        system: true,
        ..Choice::default()
    });
    both.event_types =
        own.event_types.iter().filter(|name| types.matches_names("any", name)).cloned().collect();
    both.event_type_prefixes = Vec::new();
    (!both.event_types.is_empty()).then(|| Filter::new(both))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(names: &[&str]) -> Choice {
        Choice { event_types: names.iter().map(ToString::to_string).collect(), ..Choice::default() }
    }

    #[test]
    fn an_event_has_to_pass_what_can_be_read_and_what_was_chosen() {
        let readable = Filter::new(types(&["Opened", "Closed", "OpenedAgain"]));
        let prefix = Choice { event_type_prefixes: vec!["Opened".to_owned()], ..Choice::default() };
        let chosen = Filter::new(Choice { categories: vec!["account".to_owned()], ..prefix });
        let both = both(&readable, Some(&chosen)).unwrap();
        assert!(both.matches_names("account-1", "OpenedAgain"));
        for (stream, event_type) in
            [("account-1", "Closed"), ("door-1", "Opened"), ("account-1", "OpenedOnce")]
        {
            assert!(!both.matches_names(stream, event_type), "{event_type} in {stream}");
        }
    }

    #[test]
    fn without_a_choice_all_that_can_be_read_passes() {
        let readable = Filter::new(types(&["Opened"]));
        assert_eq!(both(&readable, None), Some(readable));
    }

    #[test]
    fn a_choice_that_lets_nothing_readable_pass_is_found() {
        let readable = Filter::new(types(&["Opened"]));
        assert_eq!(both(&readable, Some(&Filter::new(types(&["Closed"])))), None);
    }
}
