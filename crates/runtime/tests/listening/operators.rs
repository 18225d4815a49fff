//! Pause, resume, reset: what an operator says, over restarts and failures.

use std::time::Duration;

use engine_runtime::listen::{ErrorPolicy, Finally, HandlerOptions, HandlersError};
use engine_types::Position;

use super::kit::{self, Behaviour, Probe, fail};
use crate::support::faulty::{Call, Fault, FaultyStore};

#[tokio::test(start_paused = true)]
async fn a_paused_handler_rests_over_a_restart_and_tells_how_far_it_is_behind() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    let handled = kit::append(&store, "a", 1..=3).await;
    kit::wait(&bus, handled).await;
    bus.handlers().pause("probe").await.unwrap();
    assert_eq!(kit::state(&bus).await, "paused", "it is paused when the answer says so");
    bus.close().await.unwrap();

    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    kit::until("the pause", async || kit::state(&bus).await == "paused").await;
    let last = kit::append(&store, "a", 4..=5).await;
    let report = bus.handlers().report("probe").await.unwrap();
    assert_eq!((report.checkpoint, report.lag_events), (Some(handled), 2));
    bus.handlers().resume("probe").await.unwrap();
    assert_ne!(kit::state(&bus).await, "paused", "it is resumed when the answer says so");
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled(), [1, 2, 3, 4, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_cannot_be_stored_is_none() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    kit::until("a live handler", async || kit::state(&bus).await == "live").await;
    store.plan(|call| (call == Call::SaveDocument).then_some(Fault::Unavailable));
    assert!(bus.handlers().pause("probe").await.is_err());
    store.plan(|_| None);
    let last = kit::append(&store, "a", [1]).await;
    kit::wait(&bus, last).await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_handles_again_what_stands_behind_the_position() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let options = HandlerOptions { partitions: 3, ..HandlerOptions::default() };
    let bus = kit::start(&store, &probe, options).await;
    let third = kit::append(&store, "a", 1..=3).await;
    let last = kit::append(&store, "b", 4..=6).await;
    kit::wait(&bus, last).await;
    assert_eq!(bus.handlers().preview_reset("probe", Some(third)).await.unwrap().events, 3);
    bus.handlers().reset("probe", Some(third)).await.unwrap();
    kit::until("a replay", async || probe.handled().len() == 9).await;
    assert_eq!(probe.handled_of("counter-b"), [4, 5, 6, 4, 5, 6]);
    assert_eq!(bus.handlers().preview_reset("probe", None).await.unwrap().events, 6);
    bus.handlers().reset("probe", None).await.unwrap();
    kit::until("a replay", async || probe.handled().len() == 15).await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_beyond_the_end_of_the_store_is_refused() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    kit::append(&store, "a", 1..=3).await;
    let refused = bus.handlers().reset("probe", Some(Position(1_000))).await.unwrap_err();
    assert!(refused.to_string().contains("position 1000"), "{refused}");
    let last = kit::append(&store, "a", 4..=6).await;
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled(), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test(start_paused = true)]
async fn a_reset_that_breaks_off_is_finished_after_a_restart() {
    for written in 0..6 {
        let (store, probe) = (FaultyStore::new(), Probe::new());
        let errors = Some(ErrorPolicy::park_at_once());
        let options = HandlerOptions { partitions: 2, errors, ..HandlerOptions::default() };
        probe.rule(|number| if number == 2 { fail("poison") } else { Behaviour::Handle });
        let bus = kit::start(&store, &probe, options.clone()).await;
        kit::append(&store, "a", 1..=3).await;
        let last = kit::append(&store, "b", 4..=6).await;
        kit::wait(&bus, last).await;
        bus.handlers().pause("probe").await.unwrap();
        // The store breaks down after so many writes, and the process dies.
        let mut writes = 0;
        store.plan(move |call| {
            writes += u32::from(matches!(call, Call::SaveDocument | Call::DeleteDocument));
            (writes > written).then_some(Fault::Unavailable)
        });
        let answer = bus.handlers().reset("probe", None).await;
        bus.close().await.unwrap();
        store.plan(|_| None);

        probe.rule(|_| Behaviour::Handle);
        let bus = kit::start(&store, &probe, options).await;
        bus.handlers().resume("probe").await.unwrap();
        kit::wait(&bus, last).await;
        let whole = if written == 0 {
            assert!(answer.is_err());
            vec![1]
        } else {
            vec![1, 1, 2, 3]
        };
        assert_eq!(probe.handled_of("counter-a"), whole, "broken off after {written} writes");
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_to_a_failing_handler_is_carried_out_whole() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, HandlerOptions { partitions: 2, ..HandlerOptions::default() }).await;
    let last = kit::append(&store, "a", 1..=3).await;
    kit::wait(&bus, last).await;
    bus.handlers().pause("probe").await.unwrap();
    store.plan(|call| (call == Call::Subscribe).then_some(Fault::Unavailable));
    bus.handlers().resume("probe").await.unwrap();
    kit::until("a failure", async || kit::state(&bus).await == "failing").await;
    // Every write takes longer than the pause after a failure.
    store.plan(|call| match call {
        Call::Subscribe => Some(Fault::Unavailable),
        Call::SaveDocument => Some(Fault::Late(Duration::from_secs(20))),
        _ => None,
    });
    bus.handlers().reset("probe", None).await.unwrap();
    store.plan(|_| None);
    kit::until("a replay", async || probe.handled().len() == 6).await;
}

#[tokio::test(start_paused = true)]
async fn a_stopped_handler_goes_on_with_the_same_event_when_it_is_resumed() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let errors = Some(ErrorPolicy { retries: 1, finally: Finally::Stop, ..ErrorPolicy::default() });
    probe.rule(|number| if number == 2 { fail("poison") } else { Behaviour::Handle });
    let bus = kit::start(&store, &probe, HandlerOptions { errors, ..HandlerOptions::default() }).await;
    let last = kit::append(&store, "a", 1..=3).await;
    kit::until("a stop", async || kit::state(&bus).await == "stopped").await;
    assert_eq!(probe.handled(), [1]);
    probe.rule(|_| Behaviour::Handle);
    bus.handlers().resume("probe").await.unwrap();
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_name_is_refused_with_the_nearest() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    let refused = bus.handlers().pause("prob").await.unwrap_err();
    assert!(matches!(refused, HandlersError::Unknown { nearest: Some(near), .. } if near == "probe"));
}
