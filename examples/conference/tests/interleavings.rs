//! Many orders on few seats, at once, paid in time, early, late or never: no seat is ever sold twice.
//!
//! The real runtime over the in-memory store, in virtual time. Each seed is one schedule; `CONFERENCE_SEEDS=1000` plays
//! more of them, `CONFERENCE_SEED=7` one alone.

#![expect(clippy::unwrap_used, reason = "what fails here is to fail the test")]

use std::{sync::Arc, time::Duration};

use conference::{
    order::{ExpireOrder, Order, PlaceOrder, Status},
    payment::ReceivePayment,
    seats::{AddSeats, SeatsAvailability, SeatsEvent},
};
use engine::{
    Bus, Event, SendError, StreamName, Timestamp,
    listen::Scope,
    processes::InstanceState,
    runtime::Environment,
    store::{Clock, EventStore, ReadStream, memory::MemoryStore},
};
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

/// A refusal is an answer too; anything else is not.
fn answered<T, R: std::fmt::Debug + std::fmt::Display>(answer: Result<T, SendError<R>>) {
    if let Err(error) = answer {
        assert!(matches!(error, SendError::Rejected(_)), "{error:?}");
    }
}

async fn carry_out(bus: Bus, plan: Plan) {
    sleep(plan.placed_after).await;
    let order = || plan.id.clone();
    let place = PlaceOrder { id: order(), conference: "rustfest".into(), seats: plan.seats };
    bus.send_command(place).await.unwrap();
    let pay = async {
        let Some(after) = plan.paid_after else { return };
        sleep(after).await;
        let payment = ReceivePayment { id: format!("p-{}", order()), order: order(), amount_cents: 500 };
        answered(bus.send_command(payment).await);
    };
    let expire = async {
        let Some(after) = plan.expired_after else { return };
        sleep(after).await;
        answered(bus.send_command(ExpireOrder { id: order() }).await);
    };
    tokio::join!(pay, expire);
}

async fn start(memory: &MemoryStore, clock: &VirtualClock) -> Bus {
    let world = Environment { clock: Arc::new(clock.clone()), ..Environment::default() };
    conference::app().start_in(Arc::new(memory.clone()), world).await.unwrap()
}

/// Plays one schedule to its end; answers how many seats were sold.
async fn play(seed: u64) -> u32 {
    let mut random = Random(seed);
    let clock = VirtualClock(Instant::now());
    let memory = MemoryStore::with_clock(Arc::new(clock.clone()));
    let bus = start(&memory, &clock).await;
    let add = |seats| AddSeats { id: "rustfest".into(), seats };
    bus.send_command(add(1 + u32::try_from(random.below(6)).unwrap())).await.unwrap();
    let mut work = JoinSet::new();
    for number in 0..5 + random.below(15) {
        work.spawn(carry_out(bus.clone(), plan(&mut random, number)));
    }
    let more = random.seconds(40 * 60);
    work.spawn({
        let bus = bus.clone();
        async move {
            sleep(more).await;
            bus.send_command(add(1)).await.unwrap();
        }
    });
    while let Some(done) = work.join_next().await {
        done.unwrap();
    }
    // The last order is placed after 20 minutes and has 15 to be paid.
    sleep(Duration::from_secs(16 * 60)).await;
    settle(&bus).await;
    see_to_early_payments(&bus, seed).await;
    let sold = check(&bus, &memory, seed).await;
    bus.close().await.unwrap();
    sold
}

async fn settle(bus: &Bus) {
    bus.processes().settle(Duration::from_secs(60)).await;
}

/// A payment that came before its order was booked is an invalid transition: the registration waits, an operator
/// leaves that payment aside, and the registration goes on to its end.
async fn see_to_early_payments(bus: &Bus, seed: u64) {
    let parked = bus.processes().list("registration", Some("parked"), None, 100).await.unwrap();
    for instance in parked.instances {
        let error = instance.error.unwrap();
        let is_early = error.contains("`PaymentReceived` is not valid in state AwaitingReservation");
        assert!(is_early, "seed {seed}: {error}");
        bus.handlers().discard("registration", &instance.id, Scope::First).await.unwrap();
        let retried = bus.processes().retry("registration", &instance.id).await;
        // Where nothing stood behind the payment, there is nothing to be tried again.
        assert!(retried.is_ok() || retried.unwrap_err().to_string().contains("parked"), "seed {seed}");
    }
    // What was held up for longer than 15 minutes expires at once.
    sleep(Duration::from_secs(16 * 60)).await;
    settle(bus).await;
}

/// Checks the whole history, and that all registrations have come to an end.
async fn check(bus: &Bus, memory: &MemoryStore, seed: u64) -> u32 {
    let running = bus.processes().list("registration", None, None, 1_000).await.unwrap().instances;
    let all_ended = running.iter().all(|instance| instance.state == InstanceState::Ended);
    assert!(all_ended, "seed {seed}: {running:?}");
    assert!(running.iter().all(|instance| instance.timers == 0), "seed {seed}: {running:?}");
    assert_eq!(bus.timers().list(None, 10).await.unwrap().timers.len(), 0, "seed {seed}");
    never_oversold(memory, seed).await;
    let seats = bus.state::<SeatsAvailability>("rustfest", None).await.unwrap().unwrap().state;
    let sold: u32 = seats.committed.values().sum();
    assert_eq!((seats.held.len(), seats.available + sold), (0, seats.total), "seed {seed}: {seats:?}");
    for instance in &running {
        let order = bus.state::<Order>(&instance.id, None).await.unwrap().unwrap().state;
        let expected =
            if seats.committed.contains_key(&instance.id) { Status::Booked } else { Status::Rejected };
        assert_eq!(order.status, expected, "seed {seed}, {}", instance.id);
    }
    sold
}

/// Counts for itself: at no time are more seats held or sold than there are.
async fn never_oversold(memory: &MemoryStore, seed: u64) {
    let (mut total, mut taken) = (0_u32, 0_u32);
    let stream = StreamName::new("seats-rustfest").unwrap();
    let page = memory.read_stream(ReadStream::forwards(stream).limit(10_000)).await.unwrap();
    for recorded in page.events {
        let event = SeatsEvent::from_json(&recorded.event_type, &recorded.data).unwrap();
        match event {
            SeatsEvent::SeatsAdded { seats } => total += seats,
            SeatsEvent::ReservationAccepted { seats, .. } => taken += seats,
            SeatsEvent::ReservationCancelled { seats, .. } => taken -= seats,
            SeatsEvent::ReservationRejected { .. } | SeatsEvent::ReservationCommitted { .. } => {}
        }
        assert!(taken <= total, "seed {seed}: {taken} of {total} seats at @{}", recorded.revision);
    }
}

#[test]
fn no_seat_is_oversold_whatever_the_interleaving() {
    let number = |name: &str| std::env::var(name).ok().map(|value| value.parse::<u64>().unwrap());
    let seeds = match number("CONFERENCE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CONFERENCE_SEEDS").unwrap_or(25),
    };
    let mut sold = 0;
    for seed in seeds {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        sold += runtime.enable_time().start_paused(true).build().unwrap().block_on(play(seed));
    }
    assert!(sold > 0, "some order is paid in time");
}
