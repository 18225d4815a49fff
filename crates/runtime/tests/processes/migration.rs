//! A new version of a process manager beside the old one, which finishes what it has begun.

use std::{sync::Arc, time::Duration};

use engine_runtime::{App, Bus, Environment, ProcessOptions, listen::StartFrom, processes::InstanceState};
use engine_store::{EventStore, memory::MemoryStore};
use engine_types::{Heard, Position, ProcessManager, Reaction, Route, process_manager::Timer};
use serde::{Deserialize, Serialize};

use super::kit::{Act, OfficeEvent, Said, Say, VirtualClock, Write};
use crate::support::events_of;

/// How long it takes from the beginning of an instance until its timer is due.
const LATER: Duration = Duration::from_secs(600);

/// A version of a process manager that writes by its own rules.
macro_rules! version {
    ($version:ident, $name:literal) => {
        #[derive(Debug, Default, Clone, Serialize, Deserialize)]
        pub struct $version {
            asked: u32,
        }

        impl ProcessManager for $version {
            const NAME: &'static str = $name;
            type Event = OfficeEvent;

            fn route(heard: &Heard<'_, OfficeEvent>) -> Route {
                match heard.event {
                    OfficeEvent::Hired { clerk } => Route::Start(clerk.clone()),
                    OfficeEvent::Asked { clerk, .. } => Route::ContinueIfRunning(clerk.clone()),
                    OfficeEvent::Dismissed { clerk } => Route::Stop(clerk.clone()),
                    OfficeEvent::Told { .. } => Route::Ignore,
                }
            }

            fn react(&self, heard: &Heard<'_, OfficeEvent>) -> Reaction {
                let line = |id: &str, what: &str| Write { id: id.into(), line: format!("{} {what}", $name) };
                match heard.event {
                    OfficeEvent::Hired { clerk } => {
                        Reaction::set_timer(Timer::after("later", LATER, line(clerk, "later")))
                    }
                    OfficeEvent::Asked { clerk, acts } => {
                        let all = acts.iter().map(|act| match act {
                            Act::Write { line: text, .. } => Reaction::send(line(clerk, text)),
                            _ => Reaction::none(),
                        });
                        all.fold(Reaction::none(), Reaction::and)
                    }
                    _ => Reaction::none(),
                }
            }

            fn evolve(self, _: &Heard<'_, OfficeEvent>) -> Self {
                $version { asked: self.asked + 1 }
            }
        }
    };
}

version!(Old, "old");
version!(New, "new");

/// What is registered.
#[derive(Clone, Copy)]
enum Registered {
    Old,
    /// The old one begins no more behind this position; the new one begins there.
    Both(Position),
    New(Position),
}

struct World {
    memory: MemoryStore,
    clock: VirtualClock,
}

impl World {
    async fn start(&self, what: Registered) -> Bus {
        let new = |after| ProcessOptions { start: StartFrom::After(after), ..ProcessOptions::default() };
        let app = App::new("office").command::<Say>().command::<Write>();
        let app = match what {
            Registered::Old => app.process::<Old>(ProcessOptions::default()),
            Registered::Both(at) => {
                let old = ProcessOptions { begins_until: Some(at), ..ProcessOptions::default() };
                app.process::<Old>(old).process::<New>(new(at))
            }
            Registered::New(at) => app.process::<New>(new(at)),
        };
        let world = Environment { clock: Arc::new(self.clock.clone()), ..Environment::default() };
        app.start_in(Arc::new(self.memory.clone()), world).await.unwrap()
    }

    async fn lines(&self, clerk: &str) -> Vec<String> {
        let events = events_of(&self.memory, &format!("book-{clerk}")).await;
        let line = |data: &[u8]| serde_json::from_slice::<serde_json::Value>(data).unwrap()["line"].clone();
        events.iter().map(|event| line(&event.data).as_str().unwrap().to_owned()).collect()
    }
}

async fn say(bus: &Bus, what: Said) {
    bus.send_command(Say { id: "1".into(), what }).await.unwrap();
    bus.processes().settle(Duration::from_secs(60)).await;
}

async fn hire(bus: &Bus, clerk: &str) {
    say(bus, Said::Hire { clerk: clerk.into() }).await;
}

async fn ask(bus: &Bus, clerk: &str, line: &str) {
    let acts = vec![Act::Write { book: String::new(), line: line.into() }];
    say(bus, Said::Ask { clerk: clerk.into(), acts }).await;
}

#[tokio::test(start_paused = true)]
async fn a_new_version_takes_over_what_begins_while_the_old_one_finishes_what_it_has_begun() {
    let clock = VirtualClock::new();
    let world = World { memory: MemoryStore::with_clock(Arc::new(clock.clone())), clock };
    let bus = world.start(Registered::Old).await;
    for clerk in ["a", "b"] {
        hire(&bus, clerk).await;
    }
    drop(bus);
    let at = world.memory.head().await.unwrap().unwrap();
    let bus = world.start(Registered::Both(at)).await;
    hire(&bus, "c").await;
    ask(&bus, "a", "1").await;
    ask(&bus, "c", "1").await;
    drop(bus);
    let bus = world.start(Registered::Both(at)).await;
    ask(&bus, "b", "2").await;
    ask(&bus, "c", "2").await;
    // What has ended by the old rules begins again by the new ones.
    say(&bus, Said::Dismiss { clerk: "a".into() }).await;
    hire(&bus, "a").await;
    ask(&bus, "a", "2").await;
    tokio::time::sleep(LATER + Duration::from_secs(5)).await;
    assert_eq!(world.lines("a").await, ["old 1", "new 2", "new later"]);
    assert_eq!(world.lines("b").await, ["old 2", "old later"]);
    assert_eq!(world.lines("c").await, ["new 1", "new 2", "new later"]);
    let running = bus.processes().list("old", Some("running"), None, 10).await.unwrap().instances;
    assert_eq!(
        running.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(),
        ["b"],
        "what is still to be finished"
    );
    say(&bus, Said::Dismiss { clerk: "b".into() }).await;
    let left = bus.processes().list("old", Some("running"), None, 10).await.unwrap().instances;
    assert!(left.is_empty(), "the old one may be taken out: {left:?}");
    drop(bus);
    let bus = world.start(Registered::New(at)).await;
    ask(&bus, "c", "3").await;
    assert_eq!(world.lines("c").await, ["new 1", "new 2", "new later", "new 3"]);
    let report = bus.processes().show("new", "c").await.unwrap();
    assert_eq!(report.summary.state, InstanceState::Running);
    assert!(bus.handlers().parked("new").await.unwrap().is_empty());
}
