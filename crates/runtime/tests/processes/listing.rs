//! Listing instances: cheap however long their histories, and bounded however few are meant.

use std::{sync::Arc, time::Duration};

use engine_runtime::{Bus, Environment, processes::Summary};
use engine_store::EventStore;

use super::kit::{Act, Desk, Said, app, later, write};
use crate::support::faulty::FaultyStore;

/// Another process over the store of a desk, whose reads are counted; it has loaded nothing yet.
async fn newcomer(desk: Desk) -> (Bus, FaultyStore) {
    // Until its checkpoints are stored.
    desk.wait(1).await;
    let Desk { memory, clock, bus } = desk;
    drop(bus);
    let store = FaultyStore::over(memory.clone());
    let world = Environment { clock: Arc::new(clock), ..Environment::default() };
    let bus = app().start_in(Arc::new(store.clone()), world).await.unwrap();
    let head = memory.head().await.unwrap().unwrap();
    bus.handlers().wait_for("clerk", head, Duration::from_secs(600)).await.unwrap();
    (bus, store)
}

async fn all(bus: &Bus, state: Option<&str>, limit: usize) -> Vec<Summary> {
    let (mut after, mut listed) = (None, Vec::new());
    loop {
        let page = bus.processes().list("clerk", state, after.as_deref(), limit).await.unwrap();
        assert!(page.instances.len() <= limit);
        listed.extend(page.instances);
        after = page.next;
        if after.is_none() {
            return listed;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_event_is_read_for_each_instance_however_long_its_history() {
    let desk = Desk::new().await;
    for round in 0..6 {
        for number in 0..20 {
            let clerk = format!("c{number}");
            let timer = later(&format!("t{}", round % 2), 3_000, "x", "late");
            desk.tell(&clerk, [write("y", "line"), timer]).await;
            if number % 5 == round {
                desk.say(Said::Dismiss { clerk }).await;
            }
        }
    }
    desk.settle().await;
    desk.tell("c1", [Act::Forget { name: "t1".into() }]).await;
    desk.settle().await;
    let (bus, store) = newcomer(desk).await;
    store.take_events_read();
    let listed = all(&bus, None, 7).await;
    let read = store.take_events_read();
    assert!(read <= 2 * listed.len(), "{read} events were read for {} instances", listed.len());
    assert_eq!(listed.len(), 20);
    assert!(listed.iter().any(|it| it.timers == 2) && listed.iter().any(|it| it.timers == 1), "{listed:?}");
    for summary in listed {
        let at_length = bus.processes().show("clerk", &summary.id).await.unwrap().summary;
        assert_eq!(summary, at_length, "what was noted is what follows from all entries");
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_that_an_operator_has_ended_or_whose_timer_was_due_is_listed_as_it_is() {
    let desk = Desk::new().await;
    desk.tell("stopped", [later("t", 5, "x", "late")]).await;
    desk.tell("due", [later("t", 5, "x", "late"), later("u", 500, "x", "later")]).await;
    desk.settle().await;
    desk.bus.processes().stop("clerk", "stopped", "by hand").await.unwrap();
    desk.wait(7).await;
    let (bus, _) = newcomer(desk).await;
    let listed = all(&bus, None, 10).await;
    let told: Vec<_> = listed.iter().map(|it| (it.id.as_str(), it.state.word(), it.timers)).collect();
    assert_eq!(told, [("due", "running", 1), ("stopped", "ended", 0)]);
}

#[tokio::test(start_paused = true)]
async fn a_page_of_a_rare_state_looks_at_a_bounded_number_of_instances() {
    let desk = Desk::new().await;
    let clerks = (0..1_500).map(|number| format!("c{number:04}")).collect();
    desk.say(Said::Tell { clerks, acts: vec![Act::Stop] }).await;
    desk.tell("rare", []).await;
    desk.settle().await;
    let (bus, store) = newcomer(desk).await;
    store.take_events_read();
    let first = bus.processes().list("clerk", Some("running"), None, 1).await.unwrap();
    assert_eq!((first.instances.len(), first.next.as_deref()), (0, Some("c0999")));
    let read = store.take_events_read();
    assert!(read <= 1_100, "{read} events were read for one page");
    assert_eq!(
        all(&bus, Some("running"), 1).await.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(),
        ["rare"]
    );
}
