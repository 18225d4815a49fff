//! A program of your own: a domain, and one line of `main`.
//!
//! ```text
//! cargo run -p engine-cli --example counter -- send Count id=sheep
//! ```
//!
//! `Break` shows what becomes of a defect in a domain: an answer of kind `internal`, nothing written, and
//! the program goes on.

use engine::prelude::*;

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

fn main() -> std::process::ExitCode {
    engine_cli::run(App::new("counter").command::<Count>().command::<Break>())
}
