//! Event handlers over the in-memory store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_macros::{Command, Event};
use engine_runtime::{
    App, Consistency,
    listen::{Delivered, ErrorPolicy, EventHandler, HandlerError, HandlerOptions, Scope},
};
use engine_store::memory::MemoryStore;
use engine_types::{Aggregate, Decide};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Counter, id = id, crate = engine_types)]
struct Count {
    id: String,
    number: u64,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(crate = engine_types)]
enum CounterEvent {
    Counted { number: u64 },
}

#[derive(Default, Clone, Serialize, Deserialize)]
struct Counter;

impl Aggregate for Counter {
    const CATEGORY: &'static str = "counter";
    type Event = CounterEvent;
    type Rejection = std::fmt::Error;
    fn evolve(self, _: &CounterEvent) -> Self {
        self
    }
}

impl Decide<Count> for Counter {
    fn decide(&self, command: &Count) -> Result<Vec<CounterEvent>, std::fmt::Error> {
        Ok(vec![CounterEvent::Counted { number: command.number }])
    }
}

type Seen = Arc<Mutex<Vec<(String, u64)>>>;

/// Notes what it hears; cannot bear the numbers in `poison`.
struct Noting {
    seen: Seen,
    poison: Arc<Mutex<Vec<u64>>>,
}

#[async_trait]
impl EventHandler for Noting {
    type Event = CounterEvent;

    fn name(&self) -> &'static str {
        "noting"
    }

    async fn handle(&self, event: &Delivered<CounterEvent>) -> Result<(), HandlerError> {
        let CounterEvent::Counted { number } = event.event;
        if self.poison.lock().contains(&number) {
            return Err(HandlerError::new(format!("{number} is poison")));
        }
        self.seen.lock().push((event.stream.to_string(), number));
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_strong_command_is_answered_after_its_handler() {
    let seen = Seen::default();
    let handler = Noting { seen: seen.clone(), poison: Arc::default() };
    let options = HandlerOptions { strong: true, ..HandlerOptions::default() };
    let app = App::new("test").command::<Count>().handler(handler, options);
    let bus = app.start(Arc::new(MemoryStore::new())).await.unwrap();
    for number in 0..100 {
        let command = Count { id: format!("c{}", number % 7), number };
        bus.send_command(command).consistency(Consistency::Strong).await.unwrap();
        assert_eq!(seen.lock().last().unwrap().1, number);
    }
    bus.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_poison_event_holds_up_its_own_key_only_until_it_is_retried() {
    let (seen, poison) = (Seen::default(), Arc::new(Mutex::new(vec![3])));
    let handler = Noting { seen: seen.clone(), poison: poison.clone() };
    let errors = Some(ErrorPolicy::park_at_once());
    let options = HandlerOptions { partitions: 4, errors, ..HandlerOptions::default() };
    let app = App::new("test").command::<Count>().handler(handler, options);
    let bus = app.start(Arc::new(MemoryStore::new())).await.unwrap();
    let mut last = None;
    for number in 0..40 {
        let receipt = bus.send_command(Count { id: format!("c{}", number % 5), number }).await.unwrap();
        last = receipt.position;
    }
    let handlers = bus.handlers();
    handlers.wait_for("noting", last.unwrap(), Duration::from_secs(5)).await.unwrap();
    assert!(seen.lock().iter().all(|(stream, _)| stream != "counter-c3"));
    assert_eq!(seen.lock().len(), 32);
    let parked = handlers.parked("noting").await.unwrap();
    assert_eq!((parked.len(), parked[0].key.as_str(), parked[0].revision.0), (1, "counter-c3", 0));
    assert_eq!(parked[0].error, "3 is poison");

    let refused = handlers.retry("noting", "counter-c3", Scope::All).await.unwrap_err();
    assert_eq!(refused.to_string(), "3 is poison");
    poison.lock().clear();
    assert_eq!(handlers.retry("noting", "counter-c3", Scope::All).await.unwrap(), 8);
    let of_c3: Vec<_> =
        seen.lock().iter().filter(|(key, _)| key == "counter-c3").map(|(_, number)| *number).collect();
    assert_eq!(of_c3, [3, 8, 13, 18, 23, 28, 33, 38]);
    assert!(handlers.parked("noting").await.unwrap().is_empty());
    bus.close().await.unwrap();
}
