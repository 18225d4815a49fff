//! What happens to events that fail: the policy, the application's default, the handler's own word.

use std::time::Duration;

use engine_runtime::{
    App,
    listen::{ErrorPolicy, Finally, HandlerError, HandlerOptions},
};
use tokio::time::Instant;

use super::kit::{self, Behaviour, Count, Probe, fail};
use crate::support::faulty::FaultyStore;

#[tokio::test(start_paused = true)]
async fn an_event_is_tried_again_with_growing_pauses_then_parked() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|_| fail("no"));
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    let begun = Instant::now();
    let last = kit::append(&store, "a", [1]).await;
    kit::wait(&bus, last).await;
    assert_eq!(probe.tried(), 6);
    let took = begun.elapsed();
    assert!(took >= Duration::from_millis(3_100) && took <= Duration::from_millis(3_900), "{took:?}");
    assert_eq!(bus.handlers().parked("probe").await.unwrap()[0].attempts, 6);
}

#[tokio::test(start_paused = true)]
async fn the_application_decides_where_a_handler_does_not() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|number| if number == 1 { fail("no") } else { Behaviour::Handle });
    let policy = ErrorPolicy { retries: 2, finally: Finally::Skip, ..ErrorPolicy::default() };
    let app = App::new("test").command::<Count>().on_handler_error(policy);
    let app = app.handler(probe.clone(), HandlerOptions::default());
    let bus = app.start(std::sync::Arc::new(store.clone())).await.unwrap();
    let last = kit::append(&store, "a", 1..=2).await;
    kit::wait(&bus, last).await;
    assert_eq!((probe.tried(), probe.handled()), (4, vec![2]));
}

#[tokio::test(start_paused = true)]
async fn the_error_itself_may_say_what_is_to_be_done() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let mut tries = 0;
    probe.rule(move |number| match number {
        1 if tries < 10 => {
            tries += 1;
            Behaviour::Fail(HandlerError::retry_after("busy", Duration::from_millis(1)))
        }
        2 => Behaviour::Fail(HandlerError::skip("of no use")),
        3 => Behaviour::Fail(HandlerError::park("later")),
        5 => Behaviour::Fail(HandlerError::stop("enough")),
        _ => Behaviour::Handle,
    });
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    for number in 1..=6 {
        kit::append(&store, &format!("k{number}"), [number]).await;
    }
    kit::until("a stop", async || kit::state(&bus).await == "stopped").await;
    assert_eq!(probe.handled(), [1, 4]);
    assert_eq!(bus.handlers().parked("probe").await.unwrap()[0].key, "counter-k3");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_takes_too_long_has_failed() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|number| if number == 1 { Behaviour::Hang } else { Behaviour::Handle });
    let options = HandlerOptions {
        time_limit: Some(Duration::from_secs(2)),
        errors: Some(ErrorPolicy::park_at_once()),
        ..HandlerOptions::default()
    };
    let bus = kit::start(&store, &probe, options).await;
    kit::append(&store, "a", [1]).await;
    let last = kit::append(&store, "b", [2]).await;
    kit::wait(&bus, last).await;
    let parked = bus.handlers().parked("probe").await.unwrap();
    assert_eq!(parked[0].error, "it was not handled within 2000 ms");
    assert_eq!(probe.handled(), [2]);
}

#[tokio::test(start_paused = true)]
async fn a_pause_does_not_wait_for_a_long_back_off() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|_| Behaviour::Fail(HandlerError::retry_after("later", Duration::from_secs(86_400))));
    let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
    kit::append(&store, "a", [1]).await;
    kit::until("a try", async || probe.tried() == 1).await;
    let begun = Instant::now();
    bus.handlers().pause("probe").await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1));
}
