//! Strong consistency: a command is answered when the handlers that can see its events have handled them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_runtime::{
    App, Bus, Consistency, SendError, StartError,
    listen::{Delivered, ErrorPolicy, EventHandler, HandlerError, HandlerOptions},
};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::kit::{self, Behaviour, Count, CounterEvent, LONG, Probe, count, fail};
use crate::support::faulty::FaultyStore;

fn strong() -> HandlerOptions {
    HandlerOptions { strong: true, ..HandlerOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_strong_command_is_answered_after_its_handler() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, HandlerOptions { partitions: 3, ..strong() }).await;
    for number in 0..100 {
        let command = count(&format!("c{}", number % 7), number);
        bus.send_command(command).consistency(Consistency::Strong).await.unwrap();
        assert_eq!(*probe.handled().last().unwrap(), number);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_rests_is_told_at_once() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, strong()).await;
    bus.handlers().pause("probe").await.unwrap();
    let begun = Instant::now();
    let command = bus.send_command(count("a", 1)).consistency(Consistency::Strong).timeout(LONG);
    let error = command.await.unwrap_err();
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert!(matches!(error, SendError::NotYetHandled { .. }));
    assert!(error.to_string().contains("it is paused"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_parked_or_waits_behind_one_is_told() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|number| if number == 1 { fail("poison") } else { Behaviour::Handle });
    let errors = Some(ErrorPolicy::park_at_once());
    let bus = kit::start(&store, &probe, HandlerOptions { errors, ..strong() }).await;
    for number in 1..=2 {
        let command = bus.send_command(count("a", number)).consistency(Consistency::Strong).timeout(LONG);
        let error = command.await.unwrap_err();
        assert!(error.to_string().contains("parked"), "{error}");
    }
    bus.send_command(count("b", 1)).consistency(Consistency::Handlers(vec![])).await.unwrap();
    bus.send_command(count("c", 3)).consistency(Consistency::Strong).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_unknown_handler_is_refused_before_the_command_is_decided() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, strong()).await;
    let named = Consistency::Handlers(vec!["prob".to_owned()]);
    let error = bus.send_command(count("a", 1)).consistency(named).await.unwrap_err();
    assert!(error.to_string().contains("did you mean `probe`?"), "{error}");
    assert!(crate::support::events_of(&store, "counter-a").await.is_empty());
}

/// Sends a command for each event it hears of `a`, and waits for whom it is told.
#[derive(Clone, Default)]
struct Sender {
    bus: Arc<Mutex<Option<Bus>>>,
    /// None where its options decide.
    waits_for: Option<Consistency>,
    refused: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl EventHandler for Sender {
    type Event = CounterEvent;

    fn name(&self) -> &'static str {
        "sender"
    }

    async fn handle(&self, event: &Delivered<CounterEvent>) -> Result<(), HandlerError> {
        if event.stream.as_str() == "counter-a" {
            let bus = self.bus.lock().clone().expect("the bus is there before the first event");
            let mut command = bus.send_command(count("b", 2));
            if let Some(waits_for) = self.waits_for.clone() {
                command = command.consistency(waits_for);
            }
            if let Err(refused) = command.await {
                self.refused.lock().push(refused.to_string());
            }
        }
        Ok(())
    }
}

/// An application of a sender with these options, and of a probe for which strong consistency waits.
fn app(sender: &Sender, sends: HandlerOptions) -> (App, Probe) {
    let probe = Probe::new();
    let app = App::new("test").command::<Count>().handler(sender.clone(), sends);
    (app.handler(probe.clone(), strong()), probe)
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_would_wait_for_itself_is_refused_when_it_is_registered() {
    for sends in [Consistency::Strong, Consistency::Handlers(vec!["probe".into(), "sender".into()])] {
        let (app, _) = app(&Sender::default(), HandlerOptions { sends, ..strong() });
        let Err(StartError::Faulty { faults, .. }) = app.start(Arc::new(FaultyStore::new())).await else {
            panic!("it started");
        };
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].contains("`sender` would wait for itself"), "{faults:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_a_name_that_nobody_has_is_refused_when_it_is_registered() {
    let sends = Consistency::Handlers(vec!["prob".into()]);
    let (app, _) = app(&Sender::default(), HandlerOptions { sends, ..HandlerOptions::default() });
    let error = app.check().unwrap_err().to_string();
    assert!(
        error.contains("`sender` waits for `prob`, which is no handler; did you mean `probe`?"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_commands_of_a_handler_wait_for_whom_its_options_say() {
    let sender = Sender::default();
    let sends = HandlerOptions { sends: Consistency::Strong, ..HandlerOptions::default() };
    let (app, probe) = app(&sender, sends);
    let rule = |number| if number == 2 { fail("poison") } else { Behaviour::Handle };
    probe.rule(rule);
    let bus =
        app.on_handler_error(ErrorPolicy::park_at_once()).start(Arc::new(FaultyStore::new())).await.unwrap();
    *sender.bus.lock() = Some(bus.clone());
    let receipt = bus.send_command(count("a", 1)).await.unwrap();
    bus.handlers().wait_for("sender", receipt.position.unwrap(), LONG).await.unwrap();
    let refused = sender.refused.lock();
    assert!(refused[0].contains("`probe`") && refused[0].contains("parked"), "it has waited: {refused:?}");
}

/// What cannot be known before: it says so with the command itself.
#[tokio::test(start_paused = true)]
async fn a_handler_that_would_wait_for_itself_is_refused_when_it_sends() {
    let sender = Sender { waits_for: Some(Consistency::Strong), ..Sender::default() };
    let (app, _) = app(&sender, strong());
    let bus = app.start(Arc::new(FaultyStore::new())).await.unwrap();
    *sender.bus.lock() = Some(bus.clone());
    bus.send_command(count("a", 1)).consistency(Consistency::Strong).await.unwrap();
    assert!(sender.refused.lock()[0].contains("would wait for itself"), "{:?}", sender.refused);
}
