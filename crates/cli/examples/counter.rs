//! A program of your own: a domain, and one line of `main`.
//!
//! ```text
//! cargo run -p engine-cli --example counter -- send Count id=sheep
//! ```
//!
//! `Break` shows what becomes of a defect in a domain: an answer of kind `internal`, nothing written, and
//! the program goes on. The handler `teller` stops at the counter `unlucky`, as handlers may: with
//! `--consistency strong` the sender is told so.

use async_trait::async_trait;
use engine::{
    prelude::*,
    runtime::listen::{Delivered, EventHandler, HandlerError, HandlerOptions},
};

/// Counts one further.
#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Counter, id = id)]
struct Count {
    /// Which counter.
    id: String,
}

/// Panics.
#[derive(Command, Serialize, Deserialize)]
#[command(aggregate = Counter, id = id)]
struct Break {
    /// Which counter.
    id: String,
}

#[derive(Event)]
enum CounterEvent {
    /// The counter went one further.
    Counted,
}

/// How far the counter came.
#[derive(Default, Clone, Serialize, Deserialize)]
struct Counter {
    count: u64,
}

impl Aggregate for Counter {
    const CATEGORY: &str = "counter";
    type Event = CounterEvent;
    type Rejection = std::convert::Infallible;

    fn evolve(self, _: &CounterEvent) -> Self {
        Counter { count: self.count + 1 }
    }
}

impl Decide<Count> for Counter {
    fn decide(&self, _: &Count) -> Result<Vec<CounterEvent>, Self::Rejection> {
        Ok(vec![CounterEvent::Counted])
    }
}

impl Decide<Break> for Counter {
    fn decide(&self, _: &Break) -> Result<Vec<CounterEvent>, Self::Rejection> {
        panic!("this counter\nis broken")
    }
}

/// Hears of every counter, but for one.
struct Teller;

#[async_trait]
impl EventHandler for Teller {
    type Event = CounterEvent;

    fn name(&self) -> &'static str {
        "teller"
    }

    async fn handle(&self, event: &Delivered<CounterEvent>) -> Result<(), HandlerError> {
        if event.stream.as_str() == "counter-unlucky" {
            return Err(HandlerError::stop("this counter is unlucky"));
        }
        Ok(())
    }
}

fn main() -> std::process::ExitCode {
    let app = App::new("counter").command::<Count>().command::<Break>();
    engine_cli::run(app.handler(Teller, HandlerOptions { strong: true, ..HandlerOptions::default() }))
}
