//! What a process manager may choose: how its commands are sent, whom they wait for, one instance for each chain of
//! causes, and what an invalid transition leads to.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use engine_runtime::{
    App, Bus, Consistency, Dispatch, Halt, Middleware, ProcessOptions, SendOptions,
    listen::{Delivered, EventHandler, HandlerError, HandlerOptions},
};
use engine_store::memory::MemoryStore;
use engine_types::{
    Heard, ProcessManager, Reaction, Route,
    process_manager::{Machine, Outgoing},
    state_machine,
    testing::given_process,
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use super::kit::{BookEvent, CloseBook, OfficeEvent, OpenBook, Said, Say, Write, write};
use crate::support::events_of;

/// Writes two lines for each chain of causes, the first with options of its own.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scribe {
    heard: u32,
}

impl ProcessManager for Scribe {
    const NAME: &'static str = "scribe";
    type Event = OfficeEvent;

    fn react(&self, _: &Heard<'_, OfficeEvent>) -> Reaction {
        let line = |book: &str| Write { id: book.into(), line: format!("{}", self.heard) };
        let first = Outgoing::of(line("x"))
            .timeout(Duration::from_secs(3))
            .consistency(Consistency::Handlers(Vec::new()))
            .metadata("by", "scribe");
        Reaction::send(first).and_send(line("y")).and_send(line("z"))
    }

    fn evolve(self, _: &Heard<'_, OfficeEvent>) -> Self {
        Scribe { heard: self.heard + 1 }
    }
}

/// Notes how commands are sent.
#[derive(Clone, Default)]
struct Watch(Arc<Mutex<Vec<(String, SendOptions)>>>);

#[async_trait]
impl Middleware for Watch {
    async fn before(&self, dispatch: &mut Dispatch<'_>) -> Result<(), Halt> {
        self.0.lock().push((dispatch.command.id().into_owned(), dispatch.options.clone()));
        Ok(())
    }
}

/// Takes a second for each line.
struct Reader;

#[async_trait]
impl EventHandler for Reader {
    type Event = BookEvent;

    fn name(&self) -> &'static str {
        "reader"
    }

    async fn handle(&self, _: &Delivered<BookEvent>) -> Result<(), HandlerError> {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(())
    }
}

fn app(options: ProcessOptions) -> App {
    let books =
        App::new("books").command::<Say>().command::<Write>().command::<OpenBook>().command::<CloseBook>();
    books.process::<Scribe>(options).handler(Reader, HandlerOptions::default())
}

fn tell() -> Say {
    Say { id: "1".into(), what: Said::Tell { clerks: Vec::new(), acts: vec![write("x", "1")] } }
}

async fn settle(bus: &Bus) {
    bus.processes().settle(Duration::from_secs(600)).await;
}

#[tokio::test(start_paused = true)]
async fn each_command_may_have_its_own_time_consistency_and_metadata() {
    let (watch, memory) = (Watch::default(), MemoryStore::new());
    let app = app(ProcessOptions::default()).middleware(watch.clone());
    let bus = app.start(Arc::new(memory.clone())).await.unwrap();
    bus.send_command(tell()).await.unwrap();
    settle(&bus).await;
    let sent = watch.0.lock().clone();
    let options = |book: &str| sent.iter().find(|(id, _)| id == book).unwrap().1.clone();
    let (first, second) = (options("x"), options("y"));
    assert_eq!((first.timeout, second.timeout), (Some(Duration::from_secs(3)), None));
    assert_eq!((first.consistency, second.consistency), (Some(Consistency::Handlers(Vec::new())), None));
    let events = events_of(&memory, "book-x").await;
    assert_eq!(events[0].parsed_metadata().user["by"], "scribe");
}

#[tokio::test(start_paused = true)]
async fn the_commands_of_a_process_manager_wait_for_whom_its_options_say() {
    for (sends, pause) in [(Consistency::Eventual, 0), (Consistency::Handlers(vec!["reader".into()]), 1)] {
        let memory = MemoryStore::with_clock(Arc::new(super::kit::VirtualClock::new()));
        let options = ProcessOptions { sends, ..ProcessOptions::default() };
        let bus = app(options).start(Arc::new(memory.clone())).await.unwrap();
        bus.send_command(tell()).await.unwrap();
        settle(&bus).await;
        let mut written = Vec::new();
        for book in ["x", "y", "z"] {
            written.push(events_of(&memory, &format!("book-{book}")).await[0].created);
        }
        // The first says itself that it waits for nobody; the second waits until the lines before it were read too.
        assert_eq!(written[1].since(written[0]), Duration::ZERO);
        assert_eq!(written[2].since(written[1]) >= Duration::from_secs(1), pause > 0, "{written:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_route_of_its_own_there_is_one_instance_for_each_chain_of_causes() {
    let bus = app(ProcessOptions::default()).start(Arc::new(MemoryStore::new())).await.unwrap();
    for chain in ["k1", "k2", "k1", "k1"] {
        bus.send_command(tell()).correlation_id(chain).await.unwrap();
    }
    settle(&bus).await;
    let listed = bus.processes().list("scribe", None, None, 10).await.unwrap().instances;
    assert_eq!(listed.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["k1", "k2"]);
    let report = bus.processes().show("scribe", "k1").await.unwrap();
    assert_eq!(report.value.unwrap()["heard"], 3);
}

/// A machine that knows one message, and chooses what the others lead to.
macro_rules! door {
    ($door:ident, $stage:ident, $name:literal, $policy:ident) => {
        state_machine! {
            pub enum $stage of BookEvent, otherwise $policy {
                Shut { BookOpened => Open }
                Open { BookClosed => Shut }
            }
        }

        #[derive(Debug, Default, Clone, Serialize, Deserialize)]
        pub struct $door {
            stage: $stage,
        }

        impl ProcessManager for $door {
            const NAME: &'static str = $name;
            const MACHINE: Option<&'static Machine> = Some(&$stage::MACHINE);
            type Event = BookEvent;

            fn route(heard: &Heard<'_, BookEvent>) -> Route {
                Route::StartOrContinue(heard.aggregate_id().to_owned())
            }

            fn react(&self, _: &Heard<'_, BookEvent>) -> Reaction {
                Reaction::none()
            }

            fn evolve(self, heard: &Heard<'_, BookEvent>) -> Self {
                $door { stage: self.stage.after(heard) }
            }

            fn stage(&self) -> Option<&'static str> {
                Some(self.stage.name())
            }
        }
    };
}

door!(Patient, PatientStage, "patient", Ignore);
door!(Careful, CarefulStage, "careful", Park);
door!(Strict, StrictStage, "strict", Fail);

#[test]
fn an_invalid_transition_is_ignored_or_parked_as_its_table_says() {
    given_process::<Patient>([]).when(BookEvent::BookClosed).then_ignored();
    given_process::<Careful>([])
        .when(BookEvent::BookClosed)
        .then_parked("`careful`: `BookClosed` is not valid in state Shut");
}

#[tokio::test(start_paused = true)]
async fn at_an_invalid_transition_one_goes_on_one_parks_the_instance_and_one_stops() {
    let app = App::new("doors").command::<OpenBook>().command::<CloseBook>();
    let app = app
        .process::<Patient>(ProcessOptions::default())
        .process::<Careful>(ProcessOptions::default())
        .process::<Strict>(ProcessOptions::default());
    let bus = app.start(Arc::new(MemoryStore::new())).await.unwrap();
    bus.send_command(OpenBook { id: "b".into() }).await.unwrap();
    settle(&bus).await;
    bus.send_command(CloseBook { id: "a".into() }).await.unwrap();
    settle(&bus).await;
    let mut told = Vec::new();
    for name in ["patient", "careful", "strict"] {
        let state = bus.handlers().report(name).await.unwrap().state.word();
        let parked = bus.handlers().parked(name).await.unwrap();
        let running = bus.processes().list(name, Some("Open"), None, 10).await.unwrap().instances;
        told.push((state, parked.into_iter().map(|it| it.key).collect::<Vec<_>>(), running.len()));
    }
    let a = vec!["a".to_owned()];
    assert_eq!(told, [("live", vec![], 1), ("live", a, 1), ("stopped", vec![], 1)]);
}
