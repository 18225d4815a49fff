//! State machines: what is not in the table does not happen, and the map draws the table.

use std::{sync::Arc, time::Duration};

use engine_runtime::{App, ProcessOptions};
use engine_store::memory::MemoryStore;
use engine_types::{
    Heard, ProcessManager, Reaction, Route, process_manager::Machine, state_machine, testing::given_process,
};
use serde::{Deserialize, Serialize};

use super::kit::{BookEvent, CloseBook, OpenBook, Write};

state_machine! {
    /// How a reading goes.
    #[derive(PartialEq)]
    pub enum Stage of BookEvent, otherwise Park {
        /// Nobody reads.
        Shut { BookOpened => Reading [Write, CloseBook] }
        Reading { Written => Reading, BookClosed => Done, rejected Write => Done }
        Done {}
    }
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Reading {
    stage: Stage,
}

impl ProcessManager for Reading {
    const NAME: &'static str = "reading";
    const MACHINE: Option<&'static Machine> = Some(&Stage::MACHINE);
    type Event = BookEvent;

    fn route(heard: &Heard<'_, BookEvent>) -> Route {
        Route::StartOrContinue(heard.aggregate_id().to_owned())
    }

    fn react(&self, heard: &Heard<'_, BookEvent>) -> Reaction {
        let id = heard.aggregate_id().to_owned();
        match heard.event {
            BookEvent::BookOpened => Reaction::send(Write { id: id.clone(), line: "read".into() }),
            BookEvent::Written { line } if line == "stray" => Reaction::send(OpenBook { id }),
            _ => Reaction::none(),
        }
    }

    fn evolve(self, heard: &Heard<'_, BookEvent>) -> Self {
        Reading { stage: self.stage.after(heard) }
    }

    fn stage(&self) -> Option<&'static str> {
        Some(self.stage.name())
    }
}

fn written(line: &str) -> BookEvent {
    BookEvent::Written { line: line.into() }
}

#[test]
fn a_machine_goes_from_state_to_state_and_ends_where_nothing_is_valid() {
    given_process::<Reading>([BookEvent::BookOpened, written("a")])
        .state(|reading| assert_eq!(reading.stage, Stage::Reading))
        .when(BookEvent::BookClosed)
        .then_nothing()
        .state(|reading| assert_eq!(reading.stage, Stage::Done))
        .has_ended();
}

#[test]
fn what_is_not_in_the_table_is_an_invalid_transition() {
    given_process::<Reading>([])
        .when(BookEvent::BookClosed)
        .then_parked("`reading`: `BookClosed` is not valid in state Shut");
}

#[test]
fn a_command_that_the_table_does_not_name_is_found() {
    given_process::<Reading>([BookEvent::BookOpened])
        .when(written("stray"))
        .then_parked("`Written` sends `OpenBook`, which its table does not name");
}

#[test]
fn the_map_draws_the_table_that_runs() {
    let app = App::new("books")
        .command::<Write>()
        .command::<OpenBook>()
        .command::<CloseBook>()
        .process::<Reading>(ProcessOptions::default());
    let map = app.map();
    let (name, diagram) = map.state_diagrams().next().unwrap();
    assert_eq!(name, "reading");
    assert_eq!(
        diagram,
        "stateDiagram-v2\n  [*] --> Shut\n  note right of Shut\n    Nobody reads.\n  end note\n  \
         Shut --> Reading : BookOpened / Write, CloseBook\n  Reading --> Reading : Written\n  \
         Reading --> Done : BookClosed\n  Reading --> Done : Write refused\n  Done --> [*]\n"
    );
    assert!(map.to_string().contains("process reading (version 1)\n  hears    BookClosed\n"), "{map}");
    let drawn = map.to_mermaid();
    assert!(drawn.contains("m0{{\"reading\"}}") && drawn.contains("m0 --> a0c2"), "{drawn}");
}

#[tokio::test(start_paused = true)]
async fn a_machine_runs_and_lists_its_instances_by_their_state() {
    let app = App::new("books").command::<Write>().command::<OpenBook>().command::<CloseBook>();
    let store = Arc::new(MemoryStore::new());
    let bus = app.process::<Reading>(ProcessOptions::default()).start(store).await.unwrap();
    bus.send_command(OpenBook { id: "a".into() }).await.unwrap();
    bus.send_command(OpenBook { id: "b".into() }).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    bus.send_command(CloseBook { id: "b".into() }).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let listed = bus.processes().list("reading", Some("Reading"), None, 10).await.unwrap().instances;
    assert_eq!(
        listed.iter().map(|it| (it.id.as_str(), it.stage)).collect::<Vec<_>>(),
        [("a", Some("Reading"))]
    );
    let done = bus.processes().list("reading", Some("ended"), None, 10).await.unwrap().instances;
    assert_eq!(done.iter().map(|it| (it.id.as_str(), it.stage)).collect::<Vec<_>>(), [("b", Some("Done"))]);
}
