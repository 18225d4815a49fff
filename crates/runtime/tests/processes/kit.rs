//! Clerks: a process manager that does what an event tells it, and books that it writes in.

use std::{sync::Arc, time::Duration};

use engine_macros::{Command, Event};
use engine_runtime::{App, Bus, Environment, ProcessOptions, listen::ErrorPolicy, processes::InstanceReport};
use engine_store::{Clock, EventStore, Timestamp, memory::MemoryStore};
use engine_types::{
    Aggregate, Decide, Heard, ProcessManager, Reaction, Rejected, Route, process_manager::Timer,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::support::{events_of, types_of};

/// Virtual time: begins in 1970 when it is made.
#[derive(Debug, Clone)]
pub struct VirtualClock(Instant);

impl VirtualClock {
    pub fn new() -> Self {
        VirtualClock(Instant::now())
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(0).after(self.0.elapsed())
    }
}

/// What a clerk is told to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Act {
    /// Writes a line into a book.
    Write {
        book: String,
        line: String,
    },
    /// Writes a line into a book after so many milliseconds.
    WriteLater {
        name: String,
        after_ms: u64,
        book: String,
        line: String,
    },
    /// The same, but not when it is late by more than a second.
    WriteInTime {
        name: String,
        after_ms: u64,
        book: String,
        line: String,
    },
    Forget {
        name: String,
    },
    Park,
    Panic,
    Stop,
}

#[derive(Debug, Clone, PartialEq, Event)]
#[event(crate = engine_types)]
pub enum OfficeEvent {
    /// These clerks are told this.
    Told {
        clerks: Vec<String>,
        acts: Vec<Act>,
    },
    /// A strict beginning.
    Hired {
        clerk: String,
    },
    /// A strict continuation.
    Asked {
        clerk: String,
        acts: Vec<Act>,
    },
    Dismissed {
        clerk: String,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Event)]
#[event(crate = engine_types)]
pub enum BookEvent {
    Written { line: String },
    BookClosed,
    BookOpened,
}

/// What a clerk hears.
#[derive(Debug, Clone, PartialEq, Event)]
#[event(crate = engine_types)]
pub enum ClerkEvent {
    #[event(flatten)]
    Office(OfficeEvent),
    #[event(flatten)]
    Book(BookEvent),
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Office;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("never")]
pub struct Never;

impl Aggregate for Office {
    const CATEGORY: &'static str = "office";
    type Event = OfficeEvent;
    type Rejection = Never;

    fn evolve(self, _: &OfficeEvent) -> Self {
        self
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Command)]
#[command(aggregate = Office, id = id, crate = engine_types)]
pub struct Say {
    pub id: String,
    pub what: Said,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Said {
    Tell { clerks: Vec<String>, acts: Vec<Act> },
    Hire { clerk: String },
    Ask { clerk: String, acts: Vec<Act> },
    Dismiss { clerk: String },
}

impl Decide<Say> for Office {
    fn decide(&self, command: &Say) -> Result<Vec<OfficeEvent>, Never> {
        Ok(vec![match command.what.clone() {
            Said::Tell { clerks, acts } => OfficeEvent::Told { clerks, acts },
            Said::Hire { clerk } => OfficeEvent::Hired { clerk },
            Said::Ask { clerk, acts } => OfficeEvent::Asked { clerk, acts },
            Said::Dismiss { clerk } => OfficeEvent::Dismissed { clerk },
        }])
    }
}

#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Book {
    pub is_closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookRejection {
    #[error("the book is closed")]
    IsClosed,
}

impl Aggregate for Book {
    const CATEGORY: &'static str = "book";
    type Event = BookEvent;
    type Rejection = BookRejection;

    fn evolve(self, event: &BookEvent) -> Self {
        match event {
            BookEvent::Written { .. } => self,
            BookEvent::BookClosed => Book { is_closed: true },
            BookEvent::BookOpened => Book { is_closed: false },
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize, Command)]
#[command(aggregate = Book, id = id, crate = engine_types)]
pub struct Write {
    pub id: String,
    pub line: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, Command)]
#[command(aggregate = Book, id = id, crate = engine_types)]
pub struct CloseBook {
    pub id: String,
}

#[derive(Debug, Clone, Serialize, Deserialize, Command)]
#[command(aggregate = Book, id = id, crate = engine_types)]
pub struct OpenBook {
    pub id: String,
}

impl Decide<Write> for Book {
    fn decide(&self, command: &Write) -> Result<Vec<BookEvent>, BookRejection> {
        if self.is_closed {
            return Err(BookRejection::IsClosed);
        }
        Ok(vec![BookEvent::Written { line: command.line.clone() }])
    }
}

impl Decide<CloseBook> for Book {
    fn decide(&self, _: &CloseBook) -> Result<Vec<BookEvent>, BookRejection> {
        Ok(vec![BookEvent::BookClosed])
    }
}

impl Decide<OpenBook> for Book {
    fn decide(&self, _: &OpenBook) -> Result<Vec<BookEvent>, BookRejection> {
        Ok(vec![BookEvent::BookOpened])
    }
}

/// Does what it is told, and counts.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clerk {
    pub heard: u32,
    pub answers: u32,
    pub refusals: u32,
}

impl ProcessManager for Clerk {
    const NAME: &'static str = "clerk";
    const SNAPSHOT_EVERY: u64 = 3;
    type Event = ClerkEvent;

    fn route(heard: &Heard<'_, ClerkEvent>) -> Route {
        match heard.event {
            ClerkEvent::Office(OfficeEvent::Told { clerks, .. }) => {
                Route::All(clerks.iter().cloned().map(Route::StartOrContinue).collect())
            }
            ClerkEvent::Office(OfficeEvent::Hired { clerk }) => Route::Start(clerk.clone()),
            ClerkEvent::Office(OfficeEvent::Asked { clerk, .. }) => Route::Continue(clerk.clone()),
            ClerkEvent::Office(OfficeEvent::Dismissed { clerk }) => Route::Stop(clerk.clone()),
            ClerkEvent::Book(_) => Route::back_to(heard.answers::<Self>()),
        }
    }

    fn react(&self, heard: &Heard<'_, ClerkEvent>) -> Reaction {
        match heard.event {
            ClerkEvent::Office(OfficeEvent::Told { acts, .. } | OfficeEvent::Asked { acts, .. }) => {
                acts.iter().map(reaction).fold(Reaction::none(), Reaction::and)
            }
            _ => Reaction::none(),
        }
    }

    fn evolve(self, heard: &Heard<'_, ClerkEvent>) -> Self {
        match heard.event {
            ClerkEvent::Book(_) => Clerk { answers: self.answers + 1, ..self },
            ClerkEvent::Office(_) => Clerk { heard: self.heard + 1, ..self },
        }
    }

    /// What a line says that is refused says what is to be done.
    fn on_rejected(&self, rejected: &Rejected) -> Reaction {
        let Some(Write { id, line }) = rejected.command.command::<Write>() else { return rejected.park() };
        match line.split_once(' ').map_or(line.as_str(), |(word, _)| word) {
            "elsewhere" => Reaction::send(Write { id: format!("{id}2"), line: rejected.code.clone() }),
            "again" if rejected.attempt < 4 => rejected.retry_after(Duration::from_secs(10)),
            "again" => Reaction::stop(),
            "ignore" => Reaction::none(),
            _ => rejected.park(),
        }
    }

    fn evolve_rejected(self, _: &Rejected) -> Self {
        Clerk { refusals: self.refusals + 1, ..self }
    }
}

fn reaction(act: &Act) -> Reaction {
    let line = |book: &String, line: &String| Write { id: book.clone(), line: line.clone() };
    let pause = Duration::from_millis;
    match act {
        Act::Write { book, line: text } => Reaction::send(line(book, text)),
        Act::WriteLater { name, after_ms, book, line: text } => {
            Reaction::set_timer(Timer::after(name, pause(*after_ms), line(book, text)))
        }
        Act::WriteInTime { name, after_ms, book, line: text } => Reaction::set_timer(
            Timer::after(name, pause(*after_ms), line(book, text)).skip_if_late_by(pause(1_000)),
        ),
        Act::Forget { name } => Reaction::cancel_timer(name),
        Act::Park => Reaction::park("told to"),
        Act::Panic => panic!("told to"),
        Act::Stop => Reaction::stop(),
    }
}

pub fn write(book: &str, line: &str) -> Act {
    Act::Write { book: book.into(), line: line.into() }
}

pub fn later(name: &str, seconds: u64, book: &str, line: &str) -> Act {
    let (book, line) = (book.into(), line.into());
    Act::WriteLater { name: name.into(), after_ms: seconds * 1_000, book, line }
}

/// An office over a store that outlives it.
pub struct Desk {
    pub memory: MemoryStore,
    pub clock: VirtualClock,
    pub bus: Bus,
}

pub fn app() -> App {
    app_with(ProcessOptions { partitions: 3, ..ProcessOptions::default() })
}

pub fn app_with(options: ProcessOptions) -> App {
    App::new("office")
        .command::<Say>()
        .command::<Write>()
        .command::<CloseBook>()
        .command::<OpenBook>()
        .process::<Clerk>(options)
        .on_handler_error(ErrorPolicy { retries: 2, ..ErrorPolicy::default() })
}

impl Desk {
    pub async fn new() -> Self {
        Desk::with(app()).await
    }

    pub async fn with(app: App) -> Self {
        let clock = VirtualClock::new();
        let memory = MemoryStore::with_clock(Arc::new(clock.clone()));
        let bus = start(app, Arc::new(memory.clone()), &clock).await;
        Desk { memory, clock, bus }
    }

    /// Kills the process, and starts another over the same store.
    pub async fn restart(self) -> Self {
        let Desk { memory, clock, bus } = self;
        drop(bus);
        let bus = start(app(), Arc::new(memory.clone()), &clock).await;
        Desk { memory, clock, bus }
    }

    pub async fn say(&self, what: Said) {
        self.bus.send_command(Say { id: "1".into(), what }).await.unwrap();
    }

    pub async fn tell(&self, clerk: &str, acts: impl IntoIterator<Item = Act>) {
        let clerks = vec![clerk.to_owned()];
        self.say(Said::Tell { clerks, acts: acts.into_iter().collect() }).await;
    }

    /// Waits until all that is there is handled, again and again where handling leads to more.
    pub async fn settle(&self) {
        loop {
            let head = self.memory.head().await.unwrap();
            if let Some(head) = head {
                self.bus.handlers().wait_for("clerk", head, Duration::from_secs(600)).await.unwrap();
            }
            if self.memory.head().await.unwrap() == head {
                return;
            }
        }
    }

    /// Lets virtual time pass.
    pub async fn wait(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        self.settle().await;
    }

    /// The lines of a book.
    pub async fn lines(&self, book: &str) -> Vec<String> {
        let events = events_of(&self.memory, &format!("book-{book}")).await;
        let lines = events.iter().filter(|event| &*event.event_type == "Written");
        let line = |data: &[u8]| serde_json::from_slice::<serde_json::Value>(data).unwrap()["line"].clone();
        lines.map(|event| line(&event.data).as_str().unwrap().to_owned()).collect()
    }

    pub async fn clerk(&self, id: &str) -> InstanceReport {
        self.bus.processes().show("clerk", id).await.unwrap()
    }

    /// The types of the entries of a clerk.
    pub async fn entries(&self, id: &str) -> Vec<String> {
        types_of(&self.memory, &format!("clerk-{id}")).await
    }
}

async fn start(app: App, store: Arc<dyn EventStore>, clock: &VirtualClock) -> Bus {
    let world = Environment { clock: Arc::new(clock.clone()), ..Environment::default() };
    app.start_in(store, world).await.unwrap()
}

/// Starts over a store that is there.
pub async fn reopen(memory: MemoryStore, clock: VirtualClock) -> Desk {
    let bus = start(app(), Arc::new(memory.clone()), &clock).await;
    Desk { memory, clock, bus }
}
