//! Commands that are observed: before they are decided, and when they have their answer.

use std::{sync::Arc, time::Duration};

use engine_macros::Event;
use engine_runtime::{App, Bus, Environment, ProcessOptions};
use engine_store::memory::MemoryStore;
use engine_types::{CommandId, Heard, Observed, ProcessManager, Reaction, Route, testing::given_process};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::kit::{CloseBook, VirtualClock, Write};
use crate::support::{
    events_of,
    faulty::{Call, Fault, FaultyStore},
};

#[derive(Debug, Clone, Event)]
#[event(crate = engine_types)]
pub enum WatchEvent {
    #[event(flatten)]
    Writing(Observed<Write>),
}

/// Writes down what it hears of lines in one book, in another.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Watch;

impl ProcessManager for Watch {
    const NAME: &'static str = "watch";
    type Event = WatchEvent;

    fn route(heard: &Heard<'_, WatchEvent>) -> Route {
        let WatchEvent::Writing(writing) = heard.event;
        match writing.command().id.as_str() {
            "log" => Route::Ignore,
            book => Route::StartOrContinue(book.to_owned()),
        }
    }

    fn react(&self, heard: &Heard<'_, WatchEvent>) -> Reaction {
        let WatchEvent::Writing(writing) = heard.event;
        let what = match writing {
            Observed::Dispatched(_) => "dispatched".to_owned(),
            Observed::Accepted(_) => "accepted".to_owned(),
            Observed::Refused(_, refusal) => format!("{} {}", refusal.kind, refusal.code),
        };
        let line = format!("{} {what}", writing.command().line);
        Reaction::send(Write { id: "log".into(), line })
    }

    fn evolve(self, _: &Heard<'_, WatchEvent>) -> Self {
        self
    }
}

fn line(line: &str) -> Write {
    Write { id: "x".into(), line: line.into() }
}

async fn start((store, clock): &(FaultyStore, VirtualClock)) -> Bus {
    let app = App::new("books").command::<Write>().command::<CloseBook>();
    let world = Environment { clock: Arc::new(clock.clone()), ..Environment::default() };
    app.process::<Watch>(ProcessOptions::default()).start_in(Arc::new(store.clone()), world).await.unwrap()
}

fn store() -> (FaultyStore, VirtualClock) {
    let clock = VirtualClock::new();
    (FaultyStore::over(MemoryStore::with_clock(Arc::new(clock.clone()))), clock)
}

async fn log(memory: &MemoryStore) -> Vec<String> {
    let events = events_of(memory, "book-log").await;
    let line = |data: &[u8]| serde_json::from_slice::<serde_json::Value>(data).unwrap()["line"].clone();
    events.iter().map(|event| line(&event.data).as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_observed_command_is_an_event_like_any_other() {
    given_process::<Watch>([])
        .when(WatchEvent::Writing(Observed::Dispatched(line("a"))))
        .then_sends([Write { id: "log".into(), line: "a dispatched".into() }]);
}

#[tokio::test(start_paused = true)]
async fn a_process_manager_hears_of_commands_before_and_after_they_are_decided() {
    let world = store();
    let (store, _) = &world;
    let bus = start(&world).await;
    bus.send_command(line("a")).await.unwrap();
    bus.send_command(CloseBook { id: "x".into() }).await.unwrap();
    bus.send_command(line("b")).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(
        log(store.healthy()).await,
        ["a dispatched", "a accepted", "b dispatched", "b rejected IsClosed"]
    );
    assert_eq!(
        events_of(store.healthy(), "observed_commands-CloseBook").await.len(),
        0,
        "nobody observes it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_written_down_but_not_decided_is_told_as_lost() {
    let world = store();
    let (store, _) = &world;
    let bus = start(&world).await;
    store.next(Call::Append, [Fault::LostAfter]);
    bus.send_command(line("a")).await.unwrap_err();
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(log(store.healthy()).await, ["a dispatched", "a lost "]);
    assert_eq!(events_of(store.healthy(), "book-x").await.len(), 0, "it was not decided");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_in_a_crash_is_looked_up_by_the_commands_id() {
    for is_written in [false, true] {
        let world = store();
        let (store, _) = &world;
        let bus = start(&world).await;
        let mut appends = 0;
        // The command is observed, and the process dies when its events are, or are not, written.
        store.plan(move |call| {
            appends += usize::from(call == Call::Append);
            match (call, appends, is_written) {
                (Call::Append, 2, false) | (Call::Append, 3.., _) => Some(Fault::Unavailable),
                _ => None,
            }
        });
        let id = CommandId(Uuid::from_u128(7));
        let _ = bus.send_command(line("a")).command_id(id).await;
        drop(bus);
        store.plan(|_| None);
        let _bus = start(&world).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        let last = if is_written { "a accepted" } else { "a lost " };
        assert_eq!(log(store.healthy()).await, ["a dispatched", last]);
    }
}
