//! Processes that share one store and one handler, and what they have handled between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use engine_runtime::{
    App, Bus, Environment,
    listen::{Delivered, EventHandler, HandlerError, HandlerOptions, Handlers, ownership::Leases},
};
use engine_store::memory::MemoryStore;
use engine_types::Position;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::watch;
use uuid::Uuid;

use crate::{
    listening::kit::{self, Count, CounterEvent},
    support::faulty::{Fault, FaultyStore, Gate},
};

pub const LEASE: Duration = Duration::from_secs(3);

/// Keys of the events.
const KEYS: u64 = 23;

/// What was handled: by which node, of which stream, which number.
type Log = Arc<Mutex<Vec<(usize, String, u64)>>>;

pub struct Nodes {
    memory: MemoryStore,
    plain: FaultyStore,
    partitions: usize,
    all: Vec<Node>,
    log: Log,
    broken: Arc<Mutex<Vec<String>>>,
    /// The last position of each checkpoint.
    checkpoints: Arc<Mutex<BTreeMap<String, Option<u64>>>>,
}

struct Node {
    bus: Bus,
    body: Arc<Body>,
    is_there: bool,
}

/// Whether a process runs: everything it does goes through here.
struct Body {
    is_dead: AtomicBool,
    is_awake: watch::Sender<bool>,
    gate: Mutex<Gate>,
}

impl Body {
    /// Waits while the process sleeps; for ever where it is dead.
    async fn live(&self) {
        let _ = self.is_awake.subscribe().wait_for(|is_awake| *is_awake).await;
        if self.is_dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }
}

/// The handler of one node.
struct Hand {
    node: usize,
    body: Arc<Body>,
    log: Log,
}

#[async_trait]
impl EventHandler for Hand {
    type Event = CounterEvent;

    fn name(&self) -> &'static str {
        "probe"
    }

    async fn handle(&self, event: &Delivered<CounterEvent>) -> Result<(), HandlerError> {
        self.body.live().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.body.live().await;
        self.log.lock().push((self.node, event.stream.to_string(), kit::number_of(event)));
        Ok(())
    }
}

impl Nodes {
    pub fn new(partitions: usize) -> Self {
        let plain = FaultyStore::new();
        Nodes {
            memory: plain.healthy().clone(),
            plain,
            partitions,
            all: Vec::new(),
            log: Log::default(),
            broken: Arc::default(),
            checkpoints: Arc::default(),
        }
    }

    /// One more process; answers its number.
    pub async fn join(&mut self) -> usize {
        let node = self.all.len();
        let body = Arc::new(Body {
            is_dead: AtomicBool::new(false),
            is_awake: watch::Sender::new(true),
            gate: Mutex::new(Gate::closed()),
        });
        let hand = Hand { node, body: body.clone(), log: self.log.clone() };
        let options = HandlerOptions {
            partitions: self.partitions,
            strong: true,
            checkpoint_every: Duration::from_millis(100),
            ..HandlerOptions::default()
        };
        let leases = Leases::with_id(format!("node {node}"), LEASE, Uuid::from_u128(node as u128 + 1));
        let world = Environment { ownership: Arc::new(leases), ..Environment::default() };
        let app = App::new("nodes").command::<Count>().handler(hand, options);
        let bus = app.start_in(Arc::new(self.store(&body)), world).await.unwrap();
        self.all.push(Node { bus, body, is_there: true });
        node
    }

    /// The way of one process to the store.
    fn store(&self, body: &Arc<Body>) -> FaultyStore {
        let store = FaultyStore::over(self.memory.clone());
        let body = body.clone();
        store.plan(move |_| {
            let is_stopped = body.is_dead.load(Ordering::SeqCst) || !*body.is_awake.borrow();
            is_stopped.then(|| Fault::Held(body.gate.lock().clone()))
        });
        let (checkpoints, broken) = (self.checkpoints.clone(), self.broken.clone());
        store.show_documents(move |key, content| {
            if let Some(place) = key.as_str().strip_prefix("handler/probe/checkpoint/") {
                let position = serde_json::from_slice::<Value>(content).unwrap()["position"].as_u64();
                let before = checkpoints.lock().insert(place.to_owned(), position).flatten();
                if position < before {
                    broken.lock().push(format!("the checkpoint {place} went back to {position:?}"));
                }
            }
        });
        store
    }

    pub fn bus(&self, node: usize) -> &Bus {
        &self.all[node].bus
    }

    pub fn handlers(&self, node: usize) -> &Handlers {
        self.all[node].bus.handlers()
    }

    /// Those that have neither left nor been killed.
    pub fn there(&self) -> Vec<usize> {
        (0..self.all.len()).filter(|node| self.all[*node].is_there).collect()
    }

    pub fn kill(&mut self, node: usize) {
        self.all[node].is_there = false;
        *self.all[node].body.gate.lock() = Gate::closed();
        self.all[node].body.is_dead.store(true, Ordering::SeqCst);
        self.wake(node);
    }

    /// Stops a process in the middle of everything.
    pub fn sleep(&self, node: usize) {
        *self.all[node].body.gate.lock() = Gate::closed();
        self.all[node].body.is_awake.send_replace(false);
    }

    pub fn wake(&self, node: usize) {
        let body = &self.all[node].body;
        body.is_awake.send_replace(true);
        if !body.is_dead.load(Ordering::SeqCst) {
            body.gate.lock().open();
        }
    }

    pub async fn leave(&mut self, node: usize) {
        self.all[node].is_there = false;
        self.all[node].bus.close().await.unwrap();
    }

    pub async fn append(&self, numbers: Range<u64>) -> Position {
        let mut last = Position(0);
        for number in numbers {
            last = kit::append(&self.plain, &format!("k{}", number % KEYS), [number]).await;
        }
        last
    }

    pub fn handled(&self) -> u64 {
        self.log.lock().len() as u64
    }

    pub fn handled_by(&self, node: usize) -> usize {
        self.log.lock().iter().filter(|(by, ..)| *by == node).count()
    }

    /// Waits until all of the first so many events have been handled.
    pub async fn until_handled(&self, events: u64) {
        kit::until("all events", async || {
            let numbers: BTreeSet<_> = self.log.lock().iter().map(|(_, _, number)| *number).collect();
            numbers.range(..events).count() as u64 == events
        })
        .await;
    }

    /// Waits until every partition has an owner, so many different ones.
    pub async fn until_owned_by(&self, owners: usize) {
        let there = self.there();
        kit::until("owners", async || {
            let Ok(report) = self.handlers(there[0]).report("probe").await else { return false };
            let names: BTreeSet<_> = report.owners.iter().flatten().collect();
            report.owners.iter().all(Option::is_some) && names.len() == owners
        })
        .await;
    }

    pub async fn states(&self) -> Vec<&'static str> {
        let mut states = Vec::new();
        for node in self.there() {
            states.push(self.handlers(node).report("probe").await.unwrap().state.word());
        }
        states
    }

    /// No checkpoint went back, and within a key no event was handled before an earlier one.
    pub fn check(&self) {
        assert!(self.broken.lock().is_empty(), "{:?}", self.broken.lock());
        let mut furthest: BTreeMap<String, u64> = BTreeMap::new();
        for (node, stream, number) in self.log.lock().iter() {
            let expected = furthest.get(stream).map_or(number % KEYS, |before| before + KEYS);
            assert!(*number <= expected, "node {node} handled {number} of {stream} before {expected}");
            let before = furthest.get(stream).copied();
            furthest.insert(stream.clone(), before.map_or(*number, |before| before.max(*number)));
        }
    }

    pub fn check_each_once(&self) {
        self.check();
        let mut numbers: Vec<_> = self.log.lock().iter().map(|(_, _, number)| *number).collect();
        numbers.sort_unstable();
        let twice: Vec<_> = numbers.windows(2).filter(|pair| pair[0] == pair[1]).collect();
        assert!(twice.is_empty(), "handled twice: {twice:?}");
    }
}
