//! How far a handler is behind: events, and the age of the oldest.

use std::{sync::Arc, time::Duration};

use engine_runtime::{App, Environment, listen::HandlerOptions};
use engine_store::{EventStore, clock::ManualClock, memory::MemoryStore};
use serde_json::json;

use super::kit::{self, Behaviour, Probe};
use crate::support::foreign;

#[tokio::test(start_paused = true)]
async fn the_lag_counts_what_is_unhandled_and_tells_the_age_of_the_oldest() {
    let clock = Arc::new(ManualClock::default());
    let (store, probe) = (Arc::new(MemoryStore::with_clock(clock.clone())), Probe::new());
    let options = HandlerOptions { partitions: 4, ..HandlerOptions::default() };
    let app = App::new("test").handler(probe.clone(), options);
    let world = Environment { clock: clock.clone(), ..Environment::default() };
    let bus = app.start_in(store.clone(), world).await.unwrap();
    kit::until("a live handler", async || kit::state(&bus).await == "live").await;
    let report = bus.handlers().report("probe").await.unwrap();
    assert_eq!((report.lag_events, report.oldest_unhandled, report.lag_ms), (0, None, 0));
    assert_eq!(report.owners, vec![Some("this process".to_owned()); 4]);

    // One event hangs; the others of other partitions are handled behind it.
    probe.rule(|number| if number == 0 { Behaviour::Hang } else { Behaviour::Handle });
    for number in 0..40 {
        let data = json!({ "number": number });
        let mut request = foreign(&format!("counter-{}", number % 9), "Counted", &data);
        request.streams[0].events[0].metadata = json!({ "$schemaVersion": 2 }).to_string().into();
        store.append(request).await.unwrap();
        clock.advance(Duration::from_secs(1));
    }
    kit::until("the others", async || {
        let handled = probe.handled().len() as u64;
        handled > 5 && bus.handlers().report("probe").await.unwrap().lag_events == 40 - handled
    })
    .await;
    let report = bus.handlers().report("probe").await.unwrap();
    assert_eq!((report.checkpoint, report.lag_ms), (None, 40_000));
}
