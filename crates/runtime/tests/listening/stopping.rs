//! Closing: what is at hand is finished, what hangs is broken off, nothing waits for ever.

use std::time::Duration;

use engine_runtime::listen::{ErrorPolicy, HandlerOptions, Scope};
use tokio::time::Instant;

use super::kit::{self, Behaviour, LONG, Probe, fail};
use crate::support::faulty::{Call, Fault, FaultyStore, Gate};

#[tokio::test(start_paused = true)]
async fn the_event_at_hand_is_finished_and_its_checkpoint_stored() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let gate = Gate::closed();
    let held = gate.clone();
    probe.rule(move |_| Behaviour::WaitAt(held.clone()));
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    kit::append(&store, "a", 1..=3).await;
    gate.arrival().await;
    let closing = tokio::spawn(async move { bus.close().await });
    tokio::task::yield_now().await;
    gate.open();
    closing.await.unwrap().unwrap();
    assert_eq!(probe.handled(), [1]);

    probe.rule(|_| Behaviour::Handle);
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    kit::until("the others", async || probe.handled().len() >= 3).await;
    bus.close().await.unwrap();
    assert_eq!(probe.handled(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_never_returns_holds_up_closing_for_the_grace_only() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|_| Behaviour::Hang);
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    kit::append(&store, "a", [1]).await;
    kit::until("a try", async || probe.tried() == 1).await;
    let before = Instant::now();
    bus.close().await.unwrap();
    assert!(before.elapsed() <= Duration::from_secs(7), "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_holds_up_closing_for_the_grace_only() {
    for call in [Call::LoadDocument, Call::SaveDocument, Call::Subscribe, Call::ListDocuments] {
        let (store, probe) = (FaultyStore::new(), Probe::new());
        let gate = Gate::closed();
        let held = gate.clone();
        store.plan(move |asked| (asked == call).then(|| Fault::Held(held.clone())));
        let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
        kit::append(&store, "a", [1]).await;
        gate.arrival().await;
        let before = Instant::now();
        tokio::time::timeout(LONG, bus.close()).await.expect("closing ends").unwrap();
        assert!(before.elapsed() <= Duration::from_secs(7), "{call:?}: {:?}", before.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_retry_is_stopped_between_two_events_and_goes_on_there() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|_| fail("not yet"));
    let errors = Some(ErrorPolicy::park_at_once());
    let options = HandlerOptions { errors, ..HandlerOptions::default() };
    let bus = kit::start(&store, &probe, options.clone()).await;
    let last = kit::append(&store, "a", 1..=100).await;
    kit::wait(&bus, last).await;
    probe.rule(|_| Behaviour::Take(Duration::from_secs(1)));
    let handlers = bus.handlers().clone();
    let retry = tokio::spawn(async move { handlers.retry("probe", "counter-a", Scope::All).await });
    kit::until("ten events", async || probe.handled().len() == 10).await;
    let before = Instant::now();
    bus.close().await.unwrap();
    assert!(before.elapsed() <= Duration::from_secs(2), "{:?}", before.elapsed());
    assert!(retry.await.unwrap().is_err());

    let bus = kit::start(&store, &probe, options).await;
    kit::until("a live handler", async || kit::state(&bus).await == "live").await;
    bus.handlers().retry("probe", "counter-a", Scope::All).await.unwrap();
    assert_eq!(probe.handled(), (1..=100).collect::<Vec<_>>());
    bus.close().await.unwrap();
}
