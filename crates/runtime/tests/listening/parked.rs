//! Parked sequences: listed, retried, discarded, over restarts and beside live events.

use std::{sync::Arc, time::Duration};

use engine_runtime::listen::{ErrorPolicy, HandlerError, HandlerOptions, Scope};
use engine_store::{DeleteMode, EventStore};
use engine_types::ExpectedRevision;
use parking_lot::Mutex;
use serde_json::json;

use super::kit::{self, Behaviour, Probe, fail};
use crate::support::faulty::{Call, Fault, FaultyStore};

fn options() -> HandlerOptions {
    HandlerOptions { errors: Some(ErrorPolicy::park_at_once()), partitions: 2, ..HandlerOptions::default() }
}

fn cannot_bear(poison: u64) -> impl FnMut(u64) -> Behaviour {
    move |number| if number == poison { fail("poison") } else { Behaviour::Handle }
}

/// A handler that has parked event 1 of `counter-a`, with 2 and 3 behind it, and whose process then died
/// before the checkpoint was stored: it lies before the parked event.
async fn parked_and_rewound(probe: &Probe) -> (FaultyStore, engine_runtime::Bus) {
    let store = FaultyStore::new();
    probe.rule(cannot_bear(1));
    let bus = kit::start(&store, probe, options()).await;
    store.plan(|_| None);
    let last = kit::append(&store, "a", 1..=3).await;
    let (tried, shown) = (Arc::new(Mutex::new(0)), store.clone());
    shown.show_documents(move |_, _| *tried.lock() += 1);
    kit::until("a parked event", async || !bus.handlers().parked("probe").await.unwrap().is_empty()).await;
    store.plan(|call| (call == Call::SaveDocument).then_some(Fault::Unavailable));
    kit::wait(&bus, last).await;
    bus.close().await.unwrap();
    store.plan(|_| None);
    let bus = kit::start(&store, probe, options()).await;
    (store, bus)
}

#[tokio::test(start_paused = true)]
async fn a_retry_right_after_a_restart_hands_out_the_whole_sequence() {
    let probe = Probe::new();
    let (_store, bus) = parked_and_rewound(&probe).await;
    let refused = bus.handlers().retry("probe", "counter-a", Scope::All).await.unwrap_err();
    assert_eq!(refused.to_string(), "poison");
    probe.rule(|_| Behaviour::Handle);
    assert_eq!(bus.handlers().retry("probe", "counter-a", Scope::All).await.unwrap(), 3);
    assert_eq!(probe.handled(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_was_discarded_right_after_a_restart_is_never_handled() {
    let probe = Probe::new();
    let (store, bus) = parked_and_rewound(&probe).await;
    probe.rule(|_| Behaviour::Handle);
    assert_eq!(bus.handlers().discard("probe", "counter-a", Scope::First).await.unwrap(), 1);
    assert_eq!(bus.handlers().parked("probe").await.unwrap()[0].revision.0, 1);
    assert_eq!(bus.handlers().discard("probe", "counter-a", Scope::All).await.unwrap(), 2);
    let last = kit::append(&store, "a", [4]).await;
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled(), [4]);
}

#[tokio::test(start_paused = true)]
async fn what_was_discarded_does_not_come_back_when_the_process_dies_at_once() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(cannot_bear(1));
    let bus = kit::start(&store, &probe, options()).await;
    let last = kit::append(&store, "a", 1..=2).await;
    kit::wait(&bus, last).await;
    bus.handlers().discard("probe", "counter-a", Scope::All).await.unwrap();
    store.plan(|call| (call == Call::SaveDocument).then_some(Fault::Unavailable));
    bus.close().await.unwrap();
    store.plan(|_| None);
    let tried = probe.tried();
    let bus = kit::start(&store, &probe, options()).await;
    kit::wait(&bus, last).await;
    assert_eq!(probe.tried(), tried, "a discarded event was handed out again");
    assert!(bus.handlers().parked("probe").await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_event_is_handled_when_it_can_be_read_again() {
    let (store, mut probe) = (FaultyStore::new(), Probe::new());
    probe.key = |event| format!("group-{}", kit::number_of(event) % 2);
    let bus = kit::start(&store, &probe, options()).await;
    kit::append_old(&store, "a", json!("no number")).await;
    let last = kit::append_old(&store, "a", json!(-4)).await;
    kit::wait(&bus, last).await;
    let parked = bus.handlers().parked("probe").await.unwrap();
    assert_eq!((parked.len(), parked[0].key.as_str(), parked[0].waiting), (1, "counter-a", 1));
    assert!(bus.handlers().retry("probe", "counter-a", Scope::All).await.is_err());
    bus.close().await.unwrap();

    // A version of the program that can read them gives them other keys.
    let mended = kit::Mended::new();
    let app = engine_runtime::App::new("mended").handler(mended.clone(), options());
    let bus = app.start(Arc::new(store.clone())).await.unwrap();
    assert_eq!(bus.handlers().retry("probe", "counter-a", Scope::All).await.unwrap(), 2);
    assert_eq!(mended.handled(), ["\"no number\"", "-4"]);
    assert!(bus.handlers().parked("probe").await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_fails_tells_how_often_it_was_tried_and_what_waits() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(cannot_bear(2));
    let bus = kit::start(&store, &probe, options()).await;
    let last = kit::append(&store, "a", 1..=5).await;
    kit::wait(&bus, last).await;
    for tries in 2..4 {
        assert!(bus.handlers().retry("probe", "counter-a", Scope::All).await.is_err());
        let parked = &bus.handlers().parked("probe").await.unwrap()[0];
        assert_eq!((parked.attempts, parked.waiting, parked.revision.0), (tries, 3, 1));
    }
    probe.rule(cannot_bear(4));
    assert_eq!(bus.handlers().retry("probe", "counter-a", Scope::First).await.unwrap(), 1);
    assert!(bus.handlers().retry("probe", "counter-a", Scope::All).await.is_err());
    let parked = &bus.handlers().parked("probe").await.unwrap()[0];
    assert_eq!((parked.attempts, parked.waiting, parked.revision.0), (1, 1, 3));
    assert_eq!(probe.handled(), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn an_event_that_the_handler_skips_is_done_with_in_a_retry_too() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(cannot_bear(1));
    let bus = kit::start(&store, &probe, options()).await;
    let last = kit::append(&store, "a", 1..=3).await;
    kit::wait(&bus, last).await;
    probe.rule(|number| match number {
        1 => Behaviour::Fail(HandlerError::skip("of no use")),
        _ => Behaviour::Handle,
    });
    assert_eq!(bus.handlers().retry("probe", "counter-a", Scope::All).await.unwrap(), 3);
    assert_eq!(probe.handled(), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn live_events_of_a_key_wait_until_its_retry_is_through() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(cannot_bear(0));
    let bus = kit::start(&store, &probe, options()).await;
    let mut last = kit::append(&store, "a", 0..600).await;
    kit::wait(&bus, last).await;
    probe.rule(|_| Behaviour::Take(Duration::from_millis(10)));
    let handlers = bus.handlers().clone();
    let retry = tokio::spawn(async move { handlers.retry("probe", "counter-a", Scope::All).await });
    for number in 600..900 {
        last = kit::append(&store, "a", [number]).await;
        kit::append(&store, &format!("b{}", number % 3), [number]).await;
        tokio::time::sleep(Duration::from_millis(17)).await;
    }
    retry.await.unwrap().unwrap();
    kit::wait(&bus, last).await;
    assert_eq!(probe.handled_of("counter-a"), (0..900).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn one_parked_sequence_is_shown_with_the_event_at_fault() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(cannot_bear(2));
    let bus = kit::start(&store, &probe, options()).await;
    let last = kit::append(&store, "a", 1..=3).await;
    kit::wait(&bus, last).await;
    let (sequence, event) = bus.handlers().parked_sequence("probe", "counter-a").await.unwrap();
    assert_eq!((sequence.error.as_str(), sequence.waiting), ("poison", 1));
    assert_eq!(&*event.unwrap().data, br#"{"number":2}"#);
    let refused = bus.handlers().parked_sequence("probe", "counter-b").await.unwrap_err();
    assert_eq!(refused.to_string(), "no sequence of key `counter-b` is parked");
    let stream = crate::support::stream("counter-a");
    store.delete_stream(&stream, ExpectedRevision::Any, DeleteMode::Soft).await.unwrap();
    let (_, event) = bus.handlers().parked_sequence("probe", "counter-a").await.unwrap();
    assert_eq!(event, None, "it can no longer be read");
}

/// The simulation found it once (seed 327 of its worlds at that time).
#[tokio::test(start_paused = true)]
async fn a_retry_during_which_the_store_cannot_be_read_once_goes_on_and_does_not_begin_anew() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(cannot_bear(0));
    let bus = kit::start(&store, &probe, options()).await;
    let last = kit::append(&store, "a", 0..600).await;
    kit::wait(&bus, last).await;
    probe.rule(|_| Behaviour::Handle);
    let mut reads = 0;
    store.plan(move |call| {
        reads += u32::from(call == Call::ReadAll);
        (call == Call::ReadAll && reads == 2).then_some(Fault::Unavailable)
    });
    assert_eq!(bus.handlers().retry("probe", "counter-a", Scope::All).await.unwrap(), 600);
    assert_eq!(probe.handled(), (0..600).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_sequence_of_no_such_key_and_one_of_a_resting_handler_are_refused() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let bus = kit::start(&store, &probe, options()).await;
    kit::until("a live handler", async || kit::state(&bus).await == "live").await;
    let refused = bus.handlers().retry("probe", "counter-x", Scope::All).await.unwrap_err();
    assert_eq!(refused.to_string(), "no sequence of key `counter-x` is parked");
    bus.handlers().pause("probe").await.unwrap();
    let refused = bus.handlers().retry("probe", "counter-x", Scope::All).await.unwrap_err();
    assert_eq!(refused.to_string(), "the handler does not run: resume it first");
}

#[tokio::test(start_paused = true)]
async fn one_parked_key_more_than_allowed_stops_the_handler() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|_| fail("no"));
    let options = HandlerOptions { parked_keys: 3, ..options() };
    let bus = kit::start(&store, &probe, options).await;
    for id in ["a", "b", "c", "d", "e", "f"] {
        kit::append(&store, id, [1]).await;
    }
    kit::until("a stop", async || kit::state(&bus).await == "stopped").await;
    assert_eq!(bus.handlers().parked("probe").await.unwrap().len(), 3);
    probe.rule(|_| Behaviour::Handle);
    bus.handlers().resume("probe").await.unwrap();
    kit::until("the others", async || probe.handled().len() == 3).await;
}

#[tokio::test(start_paused = true)]
async fn a_poison_event_holds_up_its_own_key_only_until_it_is_retried() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(cannot_bear(3));
    let bus = kit::start(&store, &probe, HandlerOptions { partitions: 4, ..options() }).await;
    for number in 0..39 {
        kit::append(&store, &format!("c{}", number % 5), [number]).await;
    }
    let last = kit::append(&store, "c4", [39]).await;
    kit::wait(&bus, last).await;
    assert_eq!((probe.handled().len(), probe.handled_of("counter-c3").len()), (32, 0));
    let parked = bus.handlers().parked("probe").await.unwrap();
    assert_eq!((parked.len(), parked[0].key.as_str(), parked[0].revision.0), (1, "counter-c3", 0));
    assert_eq!((parked[0].error.as_str(), parked[0].waiting), ("poison", 7));
    probe.rule(|_| Behaviour::Handle);
    assert_eq!(bus.handlers().retry("probe", "counter-c3", Scope::All).await.unwrap(), 8);
    assert_eq!(probe.handled_of("counter-c3"), [3, 8, 13, 18, 23, 28, 33, 38]);
    assert!(bus.handlers().parked("probe").await.unwrap().is_empty());
}
