//! Checkpoints: they never pass an unhandled event, whatever the partitions, the store and the process do.

use std::time::Duration;

use engine_runtime::listen::{HandlerOptions, StartFrom};

use super::kit::{self, Behaviour, Probe};
use crate::support::faulty::{Call, Fault, FaultyStore};

fn partitions(partitions: usize) -> HandlerOptions {
    HandlerOptions { partitions, ..HandlerOptions::default() }
}

#[tokio::test(start_paused = true)]
async fn a_handler_goes_on_after_its_checkpoint() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    for round in 0..3 {
        let bus = kit::start(&store, &probe, partitions(2)).await;
        let last = kit::append(&store, "a", [round]).await;
        kit::wait(&bus, last).await;
        bus.close().await.unwrap();
    }
    assert_eq!(probe.handled(), [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn one_slow_partition_holds_its_own_checkpoint_only() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    probe.rule(|number| if number == 0 { Behaviour::Hang } else { Behaviour::Handle });
    let bus = kit::start(&store, &probe, partitions(4)).await;
    for number in 0..40 {
        kit::append(&store, &format!("k{number}"), [number]).await;
    }
    kit::until("the other partitions", async || probe.handled().len() >= 25).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(bus.handlers().report("probe").await.unwrap().checkpoint, None);
    let before = probe.handled().len();
    bus.close().await.unwrap();
    probe.rule(|_| Behaviour::Handle);
    let bus = kit::start(&store, &probe, partitions(4)).await;
    kit::until("all", async || probe.handled().len() >= 40).await;
    bus.close().await.unwrap();
    let mut handled = probe.handled();
    assert_eq!(handled.len(), 40, "{before} were handled before and are not handled again");
    handled.sort_unstable();
    assert_eq!(handled, (0..40).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn partitions_may_be_added_and_removed_and_nothing_is_skipped() {
    let (store, probe) = (FaultyStore::new(), Probe::new());
    let mut expected = 0;
    for count in [1, 4, 2, 3, 1, 7] {
        let bus = kit::start(&store, &probe, partitions(count)).await;
        for number in expected..expected + 10 {
            kit::append(&store, &format!("k{}", number % 5), [number]).await;
        }
        expected += 10;
        let seen = usize::try_from(expected).unwrap();
        kit::until("all", async || probe.handled().len() >= seen).await;
        bus.close().await.unwrap();
    }
    for key in 0..5 {
        let of_key: Vec<_> = (0..expected).filter(|number| number % 5 == key).collect();
        assert_eq!(probe.handled_of(&format!("counter-k{key}")), of_key);
    }
}

/// The change is broken off after each of its writes; then the number goes back, and forth again.
#[tokio::test(start_paused = true)]
async fn a_change_of_partitions_that_breaks_off_skips_nothing() {
    for written in 0..8 {
        let (store, probe) = (FaultyStore::new(), Probe::new());
        let bus = kit::start(&store, &probe, partitions(3)).await;
        let last = kit::append(&store, "a", 0..5).await;
        kit::wait(&bus, last).await;
        bus.close().await.unwrap();
        let last = kit::append(&store, "b", 5..10).await;

        let mut writes = 0;
        store.plan(move |call| {
            writes += u32::from(matches!(call, Call::SaveDocument | Call::DeleteDocument));
            (writes > written).then_some(Fault::Unavailable)
        });
        let bus = kit::start(&store, &probe, partitions(2)).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        bus.close().await.unwrap();
        store.plan(|_| None);
        for count in [3, 2] {
            let bus = kit::start(&store, &probe, partitions(count)).await;
            kit::wait(&bus, last).await;
            bus.close().await.unwrap();
        }
        assert_eq!(probe.handled_of("counter-a"), [0, 1, 2, 3, 4], "after {written} writes");
        for delivery in probe.handled_of("counter-b").chunks(5) {
            assert_eq!(delivery, [5, 6, 7, 8, 9], "after {written} writes");
        }
        assert!(!probe.handled_of("counter-b").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_handler_begins_where_it_was_told_and_only_the_first_time() {
    let first = kit::append(&FaultyStore::new(), "a", [0]).await;
    for (start, expected) in [
        (StartFrom::Origin, vec![0, 1, 2, 3, 4]),
        (StartFrom::End, vec![3, 4]),
        (StartFrom::After(first), vec![1, 2, 3, 4]),
    ] {
        let (store, probe) = (FaultyStore::new(), Probe::new());
        kit::append(&store, "a", 0..3).await;
        for number in 3..5 {
            let bus = kit::start(&store, &probe, HandlerOptions { start, ..partitions(2) }).await;
            kit::until("a live handler", async || kit::state(&bus).await == "live").await;
            let last = kit::append(&store, "a", [number]).await;
            kit::wait(&bus, last).await;
            bus.close().await.unwrap();
        }
        assert_eq!(probe.handled(), expected, "{start:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_cannot_keep_checkpoints_does_not_hold_up_events() {
    for fault in [|| Fault::Unavailable, || Fault::LostBefore, || Fault::LostAfter] {
        let (store, probe) = (FaultyStore::new(), Probe::new());
        let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
        kit::until("a live handler", async || kit::state(&bus).await == "live").await;
        store.plan(move |call| (call == Call::SaveDocument).then(fault));
        for number in 0..20 {
            let last = kit::append(&store, "a", [number]).await;
            kit::wait(&bus, last).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        let report = bus.handlers().report("probe").await.unwrap();
        assert_eq!((report.state.word(), report.fault.is_some()), ("live", true));
        store.plan(|_| None);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(bus.handlers().report("probe").await.unwrap().fault, None);
        bus.close().await.unwrap();
        let bus = kit::start(&store, &probe, HandlerOptions::default()).await;
        let last = kit::append(&store, "a", [20]).await;
        kit::wait(&bus, last).await;
        assert_eq!(probe.handled(), (0..=20).collect::<Vec<_>>(), "each once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_while_the_handler_starts_is_tried_again() {
    for call in [Call::LoadDocument, Call::SaveDocument, Call::ListDocuments, Call::Subscribe] {
        let (store, probe) = (FaultyStore::new(), Probe::new());
        store.plan(move |asked| (asked == call).then_some(Fault::Unavailable));
        let bus = kit::start(&store, &probe, partitions(2)).await;
        kit::until("a failure", async || kit::state(&bus).await == "failing").await;
        store.plan(|_| None);
        let last = kit::append(&store, "a", 0..5).await;
        kit::wait(&bus, last).await;
        assert_eq!(probe.handled(), [0, 1, 2, 3, 4]);
    }
}
