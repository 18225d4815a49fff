//! A domain that counts, and a handler that notes what it hears and does what a test tells it.

mod domain;
mod mended;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use engine_runtime::{
    App, Bus,
    listen::{BatchError, BatchHandler, Delivered, EventHandler, HandlerError, HandlerOptions},
};
use engine_store::EventStore;
use engine_types::Position;
use parking_lot::Mutex;
use serde_json::json;

pub use domain::{Count, CountAll, CounterEvent, count};
pub use mended::Mended;

use crate::support::{
    faulty::{FaultyStore, Gate},
    foreign,
};

/// What a probe does about an event.
pub enum Behaviour {
    Handle,
    Fail(HandlerError),
    Panic,
    Hang,
    WaitAt(Gate),
    Take(Duration),
}

/// Fails for no reason but this.
pub fn fail(reason: &str) -> Behaviour {
    Behaviour::Fail(HandlerError::new(reason))
}

type Rule = Box<dyn FnMut(&Delivered<CounterEvent>) -> Behaviour + Send>;
type KeyOf = fn(&Delivered<CounterEvent>) -> String;

/// Notes what it hears; what it does is decided by a rule. Clones share both.
#[derive(Clone)]
pub struct Probe {
    pub name: &'static str,
    pub shared: Arc<Shared>,
    pub key: KeyOf,
}

pub struct Shared {
    rule: Mutex<Rule>,
    handled: Mutex<Vec<(String, u64)>>,
    tried: AtomicUsize,
    pub inits: AtomicUsize,
    pub starts: AtomicUsize,
    pub resets: AtomicUsize,
}

impl Probe {
    /// A handler named `probe` that handles everything well.
    pub fn new() -> Self {
        Probe::named("probe")
    }

    pub fn named(name: &'static str) -> Self {
        let shared = Shared {
            rule: Mutex::new(Box::new(|_| Behaviour::Handle)),
            handled: Mutex::default(),
            tried: AtomicUsize::new(0),
            inits: AtomicUsize::new(0),
            starts: AtomicUsize::new(0),
            resets: AtomicUsize::new(0),
        };
        Probe { name, shared: Arc::new(shared), key: |event| event.stream.to_string() }
    }

    /// Decides by this from now on.
    pub fn rule(&self, mut rule: impl FnMut(u64) -> Behaviour + Send + 'static) {
        *self.shared.rule.lock() = Box::new(move |event| rule(number_of(event)));
    }

    /// The numbers that were handled, in order.
    pub fn handled(&self) -> Vec<u64> {
        self.shared.handled.lock().iter().map(|(_, number)| *number).collect()
    }

    /// The numbers of a stream that were handled, in order.
    pub fn handled_of(&self, stream: &str) -> Vec<u64> {
        let handled = self.shared.handled.lock();
        handled.iter().filter(|(of, _)| of == stream).map(|(_, number)| *number).collect()
    }

    /// How often an event was handed out, well or not.
    pub fn tried(&self) -> usize {
        self.shared.tried.load(Ordering::SeqCst)
    }

    async fn do_about(&self, event: &Delivered<CounterEvent>) -> Result<(), HandlerError> {
        self.shared.tried.fetch_add(1, Ordering::SeqCst);
        let behaviour = (self.shared.rule.lock())(event);
        match behaviour {
            Behaviour::Handle => {}
            Behaviour::Fail(error) => return Err(error),
            Behaviour::Panic => panic!("as told"),
            Behaviour::Hang => std::future::pending().await,
            Behaviour::WaitAt(gate) => gate.wait().await,
            Behaviour::Take(time) => tokio::time::sleep(time).await,
        }
        Ok(())
    }

    fn note(&self, event: &Delivered<CounterEvent>) {
        self.shared.handled.lock().push((event.stream.to_string(), number_of(event)));
    }
}

pub fn number_of(event: &Delivered<CounterEvent>) -> u64 {
    match event.event {
        CounterEvent::Counted { number } => number,
        CounterEvent::Reset => 0,
    }
}

#[async_trait]
impl EventHandler for Probe {
    type Event = CounterEvent;

    fn name(&self) -> &str {
        self.name
    }

    async fn handle(&self, event: &Delivered<CounterEvent>) -> Result<(), HandlerError> {
        self.do_about(event).await?;
        self.note(event);
        Ok(())
    }

    fn key(&self, event: &Delivered<CounterEvent>) -> String {
        (self.key)(event)
    }

    async fn init(&self) -> Result<(), HandlerError> {
        self.shared.inits.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn started(&self) -> Result<(), HandlerError> {
        self.shared.starts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn before_reset(&self) -> Result<(), HandlerError> {
        self.shared.resets.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

/// A probe that hears batches: all of a batch, or none.
pub struct InBatches {
    pub probe: Probe,
    pub sizes: Arc<Mutex<Vec<usize>>>,
}

#[async_trait]
impl BatchHandler for InBatches {
    type Event = CounterEvent;

    fn name(&self) -> &str {
        self.probe.name
    }

    async fn handle_batch(&self, events: &[Delivered<CounterEvent>]) -> Result<(), BatchError> {
        self.sizes.lock().push(events.len());
        for event in events {
            self.probe.do_about(event).await?;
        }
        for event in events {
            self.probe.note(event);
        }
        Ok(())
    }
}

/// A world of one handler.
pub async fn start(store: &FaultyStore, probe: &Probe, options: HandlerOptions) -> Bus {
    let app = App::new("listening").command::<Count>().handler(probe.clone(), options);
    app.start(Arc::new(store.clone())).await.unwrap()
}

/// The same, in batches; answers where their sizes are noted.
pub async fn start_batches(
    store: &FaultyStore,
    probe: &Probe,
    options: HandlerOptions,
) -> (Bus, Arc<Mutex<Vec<usize>>>) {
    let sizes = Arc::default();
    let handler = InBatches { probe: probe.clone(), sizes: Arc::clone(&sizes) };
    let app = App::new("listening").command::<Count>().batch_handler(handler, options);
    (app.start(Arc::new(store.clone())).await.unwrap(), sizes)
}

/// Appends events to a stream; answers the position of the last.
pub async fn append(store: &FaultyStore, id: &str, numbers: impl IntoIterator<Item = u64>) -> Position {
    append_data(store, id, numbers.into_iter().map(|number| json!({ "number": number })), 2).await
}

/// Appends events as they were written once.
pub async fn append_old(store: &FaultyStore, id: &str, count: serde_json::Value) -> Position {
    append_data(store, id, [json!({ "count": count })], 1).await
}

async fn append_data(
    store: &FaultyStore,
    id: &str,
    data: impl IntoIterator<Item = serde_json::Value>,
    version: u32,
) -> Position {
    let mut last = None;
    for data in data {
        let mut request = foreign(&format!("counter-{id}"), "Counted", &data);
        for event in &mut request.streams[0].events {
            event.metadata = json!({ "$schemaVersion": version }).to_string().into();
        }
        last = store.healthy().append(request).await.unwrap().position;
    }
    last.expect("at least one event was appended")
}

pub const LONG: Duration = Duration::from_secs(3_600);

/// Waits until the handler has handled everything up to here.
pub async fn wait(bus: &Bus, position: Position) {
    bus.handlers().wait_for("probe", position, LONG).await.unwrap();
}

/// The state of the handler, as one word.
pub async fn state(bus: &Bus) -> &'static str {
    bus.handlers().report("probe").await.unwrap().state.word()
}

/// Waits until a condition holds; an hour at most.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..360_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("an hour went by without {what}");
}
