//! Strong consistency: a command is answered when the handlers that can see its events have handled them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_runtime::{
    App, Bus, Consistency, SendError,
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

/// Sends a command for each event it hears, and waits for itself.
struct Selfish {
    bus: Arc<Mutex<Option<Bus>>>,
    heard: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl EventHandler for Selfish {
    type Event = CounterEvent;

    fn name(&self) -> &'static str {
        "selfish"
    }

    async fn handle(&self, event: &Delivered<CounterEvent>) -> Result<(), HandlerError> {
        if event.stream.as_str() == "counter-a" {
            let bus = self.bus.lock().clone().expect("the bus is there before the first event");
            let sent = bus.send_command(count("b", 2)).consistency(Consistency::Strong).await;
            self.heard.lock().push(sent.unwrap_err().to_string());
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_would_wait_for_itself_is_refused() {
    let (place, heard) = (Arc::new(Mutex::new(None)), Arc::default());
    let selfish = Selfish { bus: Arc::clone(&place), heard: Arc::clone(&heard) };
    let app = App::new("test").command::<Count>().handler(selfish, strong());
    let bus = app.start(Arc::new(FaultyStore::new())).await.unwrap();
    *place.lock() = Some(bus.clone());
    bus.send_command(count("a", 1)).consistency(Consistency::Strong).await.unwrap();
    assert!(heard.lock()[0].contains("would wait for itself"), "{heard:?}");
}
