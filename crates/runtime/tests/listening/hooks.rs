//! The hooks in a handler's life.

use std::sync::{Arc, atomic::Ordering};

use async_trait::async_trait;
use engine_runtime::{
    App,
    listen::{Action, Delivered, EventHandler, Failure, HandlerError, HandlerOptions},
};
use parking_lot::Mutex;

use super::kit::{self, CounterEvent, Probe};
use crate::support::faulty::FaultyStore;

#[tokio::test(start_paused = true)]
async fn each_start_runs_the_hooks_and_a_reset_its_own() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    let last = kit::append(&store, "a", [1]).await;
    kit::wait(&bus, last).await;
    let counts = || {
        let shared = &probe.shared;
        [&shared.inits, &shared.starts, &shared.resets].map(|count| count.load(Ordering::SeqCst))
    };
    assert_eq!(counts(), [1, 1, 0]);
    bus.handlers().reset("probe", None).await.unwrap();
    kit::until("a replay", async || probe.handled().len() == 2).await;
    assert_eq!(counts(), [2, 2, 1]);
}

/// Notes when its hooks run; does not start the first two times; knows best what to do about failures.
#[derive(Clone, Default)]
struct Fussy {
    notes: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl EventHandler for Fussy {
    type Event = CounterEvent;

    fn name(&self) -> &'static str {
        "probe"
    }

    async fn handle(&self, event: &Delivered<CounterEvent>) -> Result<(), HandlerError> {
        self.notes.lock().push(format!("handle {}", kit::number_of(event)));
        Err(HandlerError::new("never"))
    }

    fn on_error(&self, failure: &Failure<'_>) -> Option<Action> {
        assert_eq!((failure.event.revision.0, failure.cause.to_string().as_str()), (0, "never"));
        (failure.failures == 2).then_some(Action::Skip)
    }

    async fn init(&self) -> Result<(), HandlerError> {
        self.notes.lock().push("init".to_owned());
        if self.notes.lock().len() == 1 { Err(HandlerError::new("not yet")) } else { Ok(()) }
    }

    async fn started(&self) -> Result<(), HandlerError> {
        self.notes.lock().push("started".to_owned());
        if self.notes.lock().len() == 3 { Err(HandlerError::new("not yet")) } else { Ok(()) }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_that_fails_is_tried_again_and_a_handler_may_decide_about_failures() {
    let (store, fussy) = (FaultyStore::new(), Fussy::default());
    let app = App::new("test").handler(fussy.clone(), HandlerOptions::default());
    let bus = app.start(Arc::new(store.clone())).await.unwrap();
    let last = kit::append(&store, "a", [7]).await;
    kit::wait(&bus, last).await;
    let expected = ["init", "init", "started", "init", "started", "handle 7", "handle 7"];
    assert_eq!(*fussy.notes.lock(), expected);
}
