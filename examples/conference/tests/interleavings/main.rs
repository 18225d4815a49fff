//! Many orders on few seats, at once, paid in time, early, late or never: no seat is ever sold twice, also where one
//! process after the other dies before or after any call to the store.
//!
//! The real runtime over the in-memory store, in virtual time. Each seed is one schedule; `CONFERENCE_SEEDS=1000` plays
//! more of them, `CONFERENCE_SEED=7` one alone.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test")]

mod checks;
mod mortal;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use conference::{
    order::{ExpireOrder, PlaceOrder},
    payment::ReceivePayment,
    seats::AddSeats,
};
use engine::{
    Bus, Command, CommandId, Decide, IdGenerator, SendError, Timestamp,
    runtime::{Environment, ids::CountedIds},
    store::{Clock, EventStore, memory::MemoryStore},
};
use mortal::{Life, Mortal};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// Virtual time: begins in 1970 when it is made.
#[derive(Debug, Clone)]
struct VirtualClock(Instant);

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0).after(self.0.elapsed())
    }
}

/// Numbers that look like chance and are the same for the same seed.
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// Others, for somebody else.
    fn fork(&mut self) -> Self {
        Random(self.below(u64::from(u32::MAX)))
    }

    fn seconds(&mut self, limit: u64) -> Duration {
        Duration::from_millis(self.below(limit * 1_000 + 1))
    }
}

/// What an order does, and when.
#[derive(Debug, Clone)]
struct Plan {
    id: String,
    seats: u32,
    placed_after: Duration,
    /// After it was placed: at once, which may be before there is an answer, up to long after it has expired.
    paid_after: Option<Duration>,
    /// Somebody says that it has expired before it has.
    expired_after: Option<Duration>,
}

fn plan(random: &mut Random, number: u64) -> Plan {
    let paid_after = match random.below(10) {
        0 => Some(Duration::ZERO),
        1..6 => Some(random.seconds(14 * 60)),
        6..8 => Some(random.seconds(30 * 60)),
        _ => None,
    };
    Plan {
        id: format!("o{number}"),
        seats: 1 + u32::try_from(random.below(3)).unwrap(),
        placed_after: random.seconds(20 * 60),
        paid_after,
        expired_after: (random.below(5) == 0).then(|| random.seconds(20 * 60)),
    }
}

/// Sends a command until there is an answer, whichever process runs. A refusal is an answer too; nothing but time and
/// crashes is none.
async fn send<C>(world: &World, command: C)
where
    C: Command + Clone,
    C::Aggregate: Decide<C>,
{
    let id = CommandId(world.ids.next());
    loop {
        let bus = world.bus();
        let sending = bus.send_command(command.clone()).command_id(id);
        match tokio::time::timeout(Duration::from_secs(3), sending).await {
            Ok(Ok(_) | Err(SendError::Rejected(_))) => return,
            Ok(Err(error)) => assert!(world.is_mortal, "{error}"),
            Err(_) => assert!(world.is_mortal, "no answer"),
        }
        sleep(Duration::from_millis(500)).await;
    }
}

async fn carry_out(world: World, plan: Plan) {
    sleep(plan.placed_after).await;
    let order = || plan.id.clone();
    send(&world, PlaceOrder { id: order(), conference: "rustfest".into(), seats: plan.seats }).await;
    let pay = async {
        let Some(after) = plan.paid_after else { return };
        sleep(after).await;
        let payment = ReceivePayment { id: format!("p-{}", order()), order: order(), amount_cents: 500 };
        send(&world, payment).await;
    };
    let expire = async {
        let Some(after) = plan.expired_after else { return };
        sleep(after).await;
        send(&world, ExpireOrder { id: order() }).await;
    };
    tokio::join!(pay, expire);
}

/// A store that outlives the processes over it, and the process that runs at the moment.
#[derive(Clone)]
struct World {
    memory: MemoryStore,
    clock: VirtualClock,
    ids: Arc<CountedIds>,
    running: Arc<Mutex<Option<Bus>>>,
    is_mortal: bool,
}

impl World {
    fn new(is_mortal: bool) -> Self {
        let clock = VirtualClock(Instant::now());
        let memory = MemoryStore::with_clock(Arc::new(clock.clone()));
        World { memory, clock, ids: Arc::default(), running: Arc::default(), is_mortal }
    }

    fn bus(&self) -> Bus {
        self.running.lock().unwrap().clone().unwrap()
    }

    async fn start(&self, store: Arc<dyn EventStore>) {
        let world = Environment {
            ids: self.ids.clone(),
            clock: Arc::new(self.clock.clone()),
            ..Environment::default()
        };
        let bus = conference::app().start_in(store, world).await.unwrap();
        *self.running.lock().unwrap() = Some(bus);
    }

    /// Runs one process after the other, each until it dies.
    async fn run_mortals(self, mut random: Random) {
        loop {
            let life = Life::new(random.fork(), [50, 200, 1_000][usize::try_from(random.below(3)).unwrap()]);
            let store = Arc::new(Mortal::over(self.memory.clone(), life.clone()));
            // It may die while it starts.
            if tokio::time::timeout(Duration::from_secs(5), self.start(store)).await.is_ok() {
                life.death().await;
            }
            // What comes next finds it dead for a while.
            sleep(random.seconds(5)).await;
        }
    }
}

/// Plays one schedule to its end; answers how many seats were sold.
async fn play(seed: u64, is_mortal: bool) -> u32 {
    let (mut random, world) = (Random(seed), World::new(is_mortal));
    let quiet = || world.start(Arc::new(world.memory.clone()));
    quiet().await;
    let add = |seats| AddSeats { id: "rustfest".into(), seats };
    send(&world, add(1 + u32::try_from(random.below(6)).unwrap())).await;
    let mut work = JoinSet::new();
    for number in 0..5 + random.below(15) {
        work.spawn(carry_out(world.clone(), plan(&mut random, number)));
    }
    let (more, later) = (random.seconds(40 * 60), world.clone());
    work.spawn(async move {
        sleep(more).await;
        send(&later, add(1)).await;
    });
    let mortals = is_mortal.then(|| tokio::spawn(world.clone().run_mortals(random.fork())));
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }
    if let Some(mortals) = mortals {
        mortals.abort();
        quiet().await;
    }
    // The last order is placed after 20 minutes and has 15 to be paid.
    sleep(Duration::from_secs(16 * 60)).await;
    let bus = world.bus();
    checks::settle(&bus).await;
    checks::see_to_early_payments(&bus, seed).await;
    let sold = checks::check(&bus, &world.memory, seed).await;
    bus.close().await.unwrap();
    sold
}

/// Plays the schedules of all seeds; answers how many seats were sold in all of them.
fn play_all(is_mortal: bool, count: u64) -> u32 {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seeds = match number("CONFERENCE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CONFERENCE_SEEDS").unwrap_or(count),
    };
    let mut sold = 0;
    for seed in seeds {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        sold += runtime.enable_time().start_paused(true).build().unwrap().block_on(play(seed, is_mortal));
    }
    sold
}

#[test]
fn no_seat_is_oversold_whatever_the_interleaving() {
    assert!(play_all(false, 25) > 0, "some order is paid in time");
}

#[test]
fn no_seat_is_oversold_and_all_registrations_end_whatever_crashes() {
    assert!(play_all(true, 25) > 0, "some order is paid in time");
}
