//! Routes: which instances an event concerns, and whether they must be there.

use super::Heard;
use crate::Event;

/// Which instances of a process manager an event concerns.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Route {
    /// None.
    #[default]
    Ignore,
    /// Begins this instance. Strict: where it runs already, the event is parked.
    Start(String),
    /// Begins this instance, or continues it where it runs.
    StartOrContinue(String),
    /// Continues this instance. Strict: where it does not run, the event is parked.
    Continue(String),
    /// Continues this instance where it runs, and is of no interest otherwise.
    ContinueIfRunning(String),
    /// The last event of this instance, where it runs: it is handled, and then the instance ends.
    Stop(String),
    /// All of these. Each instance handles the event for itself, in its own order. One that is named twice is called
    /// as it is first.
    All(Vec<Route>),
}

impl Route {
    /// One instance for each correlation id, begun by the first event. Events without one are ignored.
    pub fn per_correlation<E: Event>(heard: &Heard<'_, E>) -> Route {
        heard.correlation_id().map_or(Route::Ignore, |id| Route::StartOrContinue(id.0.clone()))
    }

    /// The instance whose command led to the event, where it still runs.
    pub fn back_to(instance: Option<&str>) -> Route {
        instance.map_or(Route::Ignore, |instance| Route::ContinueIfRunning(instance.to_owned()))
    }

    /// The instances, each once, in the order in which they are named.
    pub fn calls(self) -> Vec<Call> {
        let mut calls = Vec::new();
        self.gather(&mut calls);
        calls
    }

    fn gather(self, calls: &mut Vec<Call>) {
        let (entrance, id) = match self {
            Route::Ignore => return,
            Route::All(routes) => return routes.into_iter().for_each(|route| route.gather(calls)),
            Route::Start(id) => (Entrance::Start, id),
            Route::StartOrContinue(id) => (Entrance::StartOrContinue, id),
            Route::Continue(id) => (Entrance::Continue, id),
            Route::ContinueIfRunning(id) => (Entrance::ContinueIfRunning, id),
            Route::Stop(id) => (Entrance::Stop, id),
        };
        if !calls.iter().any(|call| call.id == id) {
            calls.push(Call { entrance, id });
        }
    }
}

/// One instance that an event concerns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// How the event enters.
    pub entrance: Entrance,
    /// The instance.
    pub id: String,
}

/// How an event enters an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// [`Route::Start`]
    Start,
    /// [`Route::StartOrContinue`]
    StartOrContinue,
    /// [`Route::Continue`]
    Continue,
    /// [`Route::ContinueIfRunning`]
    ContinueIfRunning,
    /// [`Route::Stop`]
    Stop,
}
