//! What has to be true at the end.

use std::time::Duration;

use conference::{
    order::{Order, Status},
    seats::{SeatsAvailability, SeatsEvent},
};
use engine::{
    Bus, Event, StreamName,
    listen::Scope,
    processes::InstanceState,
    store::{EventStore, ReadStream, memory::MemoryStore},
};
use tokio::time::sleep;

pub(crate) async fn settle(bus: &Bus) {
    bus.processes().settle(Duration::from_secs(60)).await;
}

/// A payment that came before its order was booked is an invalid transition: the registration waits, an operator
/// leaves that payment aside, and the registration goes on to its end.
pub(crate) async fn see_to_early_payments(bus: &Bus, seed: u64) {
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
pub(crate) async fn check(bus: &Bus, memory: &MemoryStore, seed: u64) -> u32 {
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
