//! Nodes over one store: each has its own way to it, on which it sleeps or dies.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use engine_runtime::{
    Bus, Environment,
    listen::{
        Scope,
        ownership::{Leases, nodes},
    },
    timers::TimerId,
};
use engine_store::{EventStore, ReadAll, Timestamp, memory::MemoryStore};
use engine_types::CommandId;
use parking_lot::Mutex;
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

use crate::{
    processes::{
        crashes::{
            bank::{Ask, ClosePot, Give, PayIn, Sign, app},
            checks, witness,
            world::check_list,
        },
        kit::VirtualClock,
    },
    support::{
        faulty::{Fault, FaultyStore, Gate},
        random::Random,
    },
};

pub const LEASE: Duration = Duration::from_secs(3);

const POTS: [&str; 4] = ["a", "b", "c", "d"];
const IN_EACH: u64 = 50;
const ORDERS: u64 = 6;

pub struct World {
    memory: MemoryStore,
    clock: VirtualClock,
    partitions: usize,
    nodes: Vec<Node>,
    asleep: Option<usize>,
    /// The timers that were set, for all that is known.
    timers: Vec<TimerId>,
    number: u64,
    trace: Vec<String>,
}

struct Node {
    name: String,
    bus: Bus,
    body: Arc<Body>,
    is_there: bool,
}

/// Whether a process runs: every call of its to the store goes through here.
struct Body {
    is_dead: AtomicBool,
    is_awake: watch::Sender<bool>,
    gate: Mutex<Gate>,
}

impl World {
    /// A bank with something in its pots.
    pub async fn new(partitions: usize) -> Self {
        let clock = VirtualClock::new();
        let memory = MemoryStore::with_clock(Arc::new(clock.clone()));
        let world = World {
            memory,
            clock,
            partitions,
            nodes: Vec::new(),
            asleep: None,
            timers: Vec::new(),
            number: 0,
            trace: Vec::new(),
        };
        let environment = Environment { clock: Arc::new(world.clock.clone()), ..Environment::default() };
        let bus = app(partitions).start_in(Arc::new(world.memory.clone()), environment).await.unwrap();
        for pot in POTS {
            bus.send_command(PayIn { id: pot.into(), amount: IN_EACH }).await.unwrap();
        }
        world
    }

    /// One more node.
    pub async fn join(&mut self) {
        let number = self.nodes.len();
        let body = Arc::new(Body {
            is_dead: AtomicBool::new(false),
            is_awake: watch::Sender::new(true),
            gate: Mutex::new(Gate::closed()),
        });
        let name = format!("node {number}");
        let leases = Leases::with_id(name.clone(), LEASE, Uuid::from_u128(number as u128 + 1));
        let environment = Environment {
            clock: Arc::new(self.clock.clone()),
            ownership: Arc::new(leases),
            ..Environment::default()
        };
        let store = FaultyStore::over(self.memory.clone());
        let planned = body.clone();
        store.plan(move |_| {
            let is_stopped = planned.is_dead.load(Ordering::SeqCst) || !*planned.is_awake.borrow();
            is_stopped.then(|| Fault::Held(planned.gate.lock().clone()))
        });
        let bus = app(self.partitions).start_in(Arc::new(store), environment).await.unwrap();
        self.nodes.push(Node { name, bus, body, is_there: true });
    }

    pub fn there(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_there).count()
    }

    /// One that is there and awake, if there is one.
    fn awake(&self, random: &Random) -> Option<usize> {
        let awake: Vec<_> = (0..self.nodes.len())
            .filter(|number| self.nodes[*number].is_there && self.asleep != Some(*number))
            .collect();
        (!awake.is_empty()).then(|| awake[random.index(awake.len())])
    }

    pub fn kill(&mut self, random: &Random) {
        if let Some(number) = self.awake(random) {
            self.kill_number(number);
        }
    }

    pub fn kill_named(&mut self, name: &str) {
        let number = self.nodes.iter().position(|node| node.name == name).unwrap();
        self.kill_number(number);
    }

    fn kill_number(&mut self, number: usize) {
        self.trace.push(format!("killed {number}"));
        let node = &mut self.nodes[number];
        node.is_there = false;
        *node.body.gate.lock() = Gate::closed();
        node.body.is_dead.store(true, Ordering::SeqCst);
    }

    pub async fn leave(&mut self, random: &Random) {
        if let Some(number) = self.awake(random) {
            self.trace.push(format!("left {number}"));
            self.nodes[number].is_there = false;
            self.nodes[number].bus.close().await.unwrap();
        }
    }

    /// Stops a node in the middle of everything, or lets the one that was stopped go on.
    pub fn sleep_or_wake(&mut self, random: &Random) {
        if self.asleep.is_some() {
            return self.wake();
        }
        if let Some(number) = self.awake(random) {
            self.trace.push(format!("slept {number}"));
            self.asleep = Some(number);
            let body = &self.nodes[number].body;
            *body.gate.lock() = Gate::closed();
            body.is_awake.send_replace(false);
        }
    }

    fn wake(&mut self) {
        if let Some(sleeper) = self.asleep.take() {
            let body = &self.nodes[sleeper].body;
            body.is_awake.send_replace(true);
            body.gate.lock().open();
        }
    }

    /// Somebody asks a node for something, and does not ask again when there is no answer.
    pub async fn act(&mut self, random: &Random) {
        let Some(number) = self.awake(random) else { return };
        let bus = self.nodes[number].bus.clone();
        let pot = || POTS[random.index(POTS.len())].to_owned();
        let order = format!("o{}", random.below(ORDERS));
        self.number += 1;
        let id = CommandId(Uuid::from_u64_pair(0xAC7, self.number));
        let limit = Duration::from_secs(2);
        match random.below(20) {
            0 => drop(timeout(limit, bus.send_command(ClosePot { id: pot() }).command_id(id)).await),
            1..9 => {
                let asking = Ask { id: order, from: pot(), to: pot(), amount: 1 + random.below(60) };
                let _ = timeout(limit, bus.send_command(asking).command_id(id)).await;
            }
            9..15 => drop(timeout(limit, bus.send_command(Sign { id: order }).command_id(id)).await),
            _ => {
                let after = Duration::from_millis(random.below(40_000));
                let setting = bus.send_command_at(Give { id: pot() }, after);
                if let Ok(Ok(timer)) = timeout(limit, setting).await {
                    self.timers.push(timer);
                }
            }
        }
    }

    /// Has something given after a while.
    pub async fn give_after(&mut self, after: Duration) -> TimerId {
        let node = self.nodes.iter().find(|node| node.is_there).unwrap();
        let timer = node.bus.send_command_at(Give { id: "a".into() }, after).await.unwrap();
        self.timers.push(timer);
        timer
    }

    /// When what this timer was to give was given.
    pub async fn given(&self, timer: TimerId) -> Option<Timestamp> {
        let page = self.memory.read_all(ReadAll::forwards().limit(100_000)).await.unwrap();
        let given = page.events.iter().filter(|event| &*event.event_type == "Given");
        let mut given =
            given.filter(|event| event.parsed_metadata().command_id() == Some(timer.command_id()));
        given.next().map(|event| event.created)
    }

    /// Which node sends what is due.
    pub async fn keeper_of_timers(&self) -> String {
        let reports = nodes(&self.memory).await.unwrap();
        let keeps = |work: &engine_runtime::listen::ownership::NodeWork| work.handler == "$timers";
        let keeper = reports.iter().find(|node| node.work.iter().any(keeps));
        keeper.map(|node| node.name.clone()).unwrap_or_default()
    }

    pub async fn until_timers_are_kept_by(&self, name: &str) {
        for _ in 0..1_000 {
            if self.keeper_of_timers().await == name {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("nobody keeps the timers");
    }

    /// With all awake, everything comes to an end.
    pub async fn come_to_rest(&mut self) {
        self.wake();
        let (mut head, mut quiet_looks) = (None, 0);
        while quiet_looks < 2 {
            tokio::time::sleep(Duration::from_secs(31)).await;
            self.see_to_parked().await;
            let now = self.memory.head().await.unwrap();
            quiet_looks = if now == head { quiet_looks + 1 } else { 0 };
            head = now;
        }
        let bus = self.bus();
        for state in ["running", "parked"] {
            let yet = bus.processes().list("mover", Some(state), None, 100).await.unwrap();
            assert_eq!(yet.instances, [], "{state}: {:?}", self.trace);
        }
        assert_eq!(bus.timers().list(None, 100).await.unwrap().timers.len(), 0);
    }

    /// A parked sequence is tried again where its partition is worked on.
    async fn see_to_parked(&self) {
        for process in ["mover", "witness"] {
            for sequence in self.bus().handlers().parked(process).await.unwrap() {
                for node in self.nodes.iter().filter(|node| node.is_there) {
                    let retry = node.bus.handlers().retry(process, &sequence.key, Scope::All);
                    let _ = timeout(Duration::from_secs(5), retry).await;
                }
            }
        }
    }

    fn bus(&self) -> &Bus {
        &self.nodes.iter().find(|node| node.is_there).unwrap().bus
    }

    pub async fn check(&self) -> Vec<String> {
        let mut told = checks::check(&self.memory, ORDERS, IN_EACH * POTS.len() as u64).await;
        for timer in &self.timers {
            let given = self.given(*timer).await;
            let Some(given) = given else { panic!("what timer {timer} was to give was never given") };
            assert!(given >= timer.due(), "timer {timer} was early: {given}");
            told.push("given".to_owned());
        }
        let page = self.memory.read_all(ReadAll::forwards().limit(100_000)).await.unwrap();
        witness::check_heard(self.bus(), &page.events).await;
        check_list(self.bus()).await;
        [self.trace.clone(), told].concat()
    }
}
