//! Stores whose positions have gaps: nobody counts from one position to another, or goes on from where nothing stands.

use std::{sync::Arc, time::Duration};

use engine_runtime::{
    App, Bus, Consistency, SendError,
    listen::{ErrorPolicy, HandlerOptions, Scope},
};
use tokio::time::Instant;

use super::kit::{self, Behaviour, Count, CountAll, LONG, Probe, count, fail};
use crate::support::sparse::SparseStore;

async fn start(store: &SparseStore, probe: &Probe, options: HandlerOptions) -> Bus {
    let app = App::new("gaps").command::<Count>().command::<CountAll>().handler(probe.clone(), options);
    app.start(Arc::new(store.clone())).await.unwrap()
}

fn strong() -> HandlerOptions {
    HandlerOptions { strong: true, partitions: 4, ..HandlerOptions::default() }
}

fn all(id: &str, numbers: impl IntoIterator<Item = u64>) -> CountAll {
    CountAll { id: id.to_owned(), numbers: numbers.into_iter().collect() }
}

/// Keys that send the events of one command to different partitions: the last is handled long before the first.
fn by_number() -> Probe {
    let mut probe = Probe::new();
    probe.key = |event| kit::number_of(event).to_string();
    probe
}

#[tokio::test(start_paused = true)]
async fn a_strong_command_waits_for_each_of_its_events_wherever_they_stand() {
    let (store, probe) = (SparseStore::default(), by_number());
    probe.rule(
        |number| if number % 8 == 7 { Behaviour::Handle } else { Behaviour::Take(Duration::from_secs(1)) },
    );
    let bus = start(&store, &probe, strong()).await;
    for round in 0..20 {
        let numbers = round * 8..(round + 1) * 8;
        let command = all("a", numbers.clone());
        bus.send_command(command).consistency(Consistency::Strong).timeout(LONG).await.unwrap();
        let handled = probe.handled();
        assert!(numbers.clone().all(|number| handled.contains(&number)), "{numbers:?} of {handled:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_strong_command_tells_which_of_its_events_is_parked() {
    let (store, probe) = (SparseStore::default(), by_number());
    probe.rule(|number| if number == 2 { fail("poison") } else { Behaviour::Handle });
    let errors = Some(ErrorPolicy::park_at_once());
    let bus = start(&store, &probe, HandlerOptions { errors, ..strong() }).await;
    let sent = bus.send_command(all("a", 0..5)).consistency(Consistency::Strong).timeout(LONG).await;
    let SendError::NotYetHandled { position, reason, .. } = sent.unwrap_err() else { panic!("it is parked") };
    assert_eq!((position.0, reason.to_string().as_str()), (27, "its sequence is parked"));
}

#[tokio::test(start_paused = true)]
async fn a_strong_command_whose_events_cannot_be_looked_up_is_told_in_its_time() {
    use crate::support::faulty::{Call, Fault, FaultyStore};
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let app = App::new("gaps").command::<CountAll>().handler(probe.clone(), strong());
    let bus = app.start(Arc::new(store.clone())).await.unwrap();
    bus.send_command(all("a", [1])).consistency(Consistency::Strong).await.unwrap();
    store.plan(|call| (call == Call::Read).then_some(Fault::Unavailable));
    let begun = Instant::now();
    let command = bus.send_command(all("a", 2..5)).consistency(Consistency::Strong);
    let late = command.timeout(Duration::from_secs(3)).await.unwrap_err();
    assert!(
        late.to_string().contains("the command took effect") && late.to_string().contains("3000 ms"),
        "{late}"
    );
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
    store.plan(|_| None);
    bus.send_command(all("a", 5..9)).consistency(Consistency::Strong).await.unwrap();
    assert_eq!(probe.handled(), (1..9).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_handler_goes_on_after_restarts_from_where_events_stand() {
    let (store, probe) = (SparseStore::default(), Probe::new());
    // One key is slow, so that checkpoints stand still before its events while the others go ahead.
    probe.rule(|number| match number % 10 {
        3 => Behaviour::Take(Duration::from_secs(20)),
        _ => Behaviour::Handle,
    });
    for round in 0..10 {
        let bus = start(&store, &probe, HandlerOptions { grace: Duration::ZERO, ..strong() }).await;
        for number in round * 10..(round + 1) * 10 {
            bus.send_command(count(&format!("c{}", number % 10), number)).await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        let report = bus.handlers().report("probe").await.unwrap();
        assert_eq!((report.state.word(), report.fault), ("live", None));
        assert!(report.lag_events > round, "{} behind in round {round}", report.lag_events);
        bus.close().await.unwrap();
    }
    probe.rule(|_| Behaviour::Handle);
    let bus = start(&store, &probe, strong()).await;
    bus.handlers().wait_for("probe", engine_types::Position(99 * 10 + 7), LONG).await.unwrap();
    let mut handled = probe.handled();
    handled.sort_unstable();
    handled.dedup();
    assert_eq!(handled, (0..100).collect::<Vec<_>>(), "none is skipped");
}

#[tokio::test(start_paused = true)]
async fn parked_sequences_are_retried_and_resets_counted_where_there_are_gaps() {
    let (store, probe) = (SparseStore::default(), Probe::new());
    probe.rule(|number| if number == 1 { fail("poison") } else { Behaviour::Handle });
    let errors = Some(ErrorPolicy::park_at_once());
    let bus = start(&store, &probe, HandlerOptions { errors, ..HandlerOptions::default() }).await;
    for number in 0..6 {
        bus.send_command(count(&format!("c{}", number % 2), number)).await.unwrap();
    }
    bus.handlers().wait_for("probe", engine_types::Position(57), LONG).await.unwrap();
    assert_eq!(probe.handled(), [0, 2, 4]);
    probe.rule(|_| Behaviour::Handle);
    assert_eq!(bus.handlers().retry("probe", "counter-c1", Scope::All).await.unwrap(), 3);
    assert_eq!(probe.handled(), [0, 2, 4, 1, 3, 5]);
    let after = Some(engine_types::Position(27));
    assert_eq!(bus.handlers().preview_reset("probe", after).await.unwrap().events, 3);
    bus.handlers().reset("probe", after).await.unwrap();
    bus.handlers().wait_for("probe", engine_types::Position(57), LONG).await.unwrap();
    assert_eq!(probe.handled()[6..], [3, 4, 5]);
}
