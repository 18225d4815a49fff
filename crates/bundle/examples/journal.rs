//! The bank, with an event handler that writes down what it hears: the tests of several processes look whether all of
//! it was handled, and in which order.
//!
//! ```text
//! cargo run -p engine-bundle --example journal -- send CreateAccount id=jsdf
//! ```
//!
//! Each event becomes a line of the file `journal` in the folder in which the program was started: stream, revision and
//! the process that handled it. Events are handled at least once, so a line may stand there again; stream and revision
//! say which it repeats.

use std::{fs::OpenOptions, io::Write, process::ExitCode};

use bank::transfer_process::TransferProcessEvent;
use engine::{
    async_trait,
    listen::{Delivered, EventHandler, HandlerError, HandlerOptions},
};

/// Writes down what happens to accounts and transfers, in order within each stream.
struct Journal;

#[async_trait]
impl EventHandler for Journal {
    type Event = TransferProcessEvent;

    fn name(&self) -> &'static str {
        "journal"
    }

    async fn handle(&self, event: &Delivered<TransferProcessEvent>) -> Result<(), HandlerError> {
        let line = format!("{} {} {}\n", event.stream, event.revision.0, std::process::id());
        let mut file = OpenOptions::new().append(true).create(true).open("journal")?;
        // In one piece: others write into the same file.
        file.write_all(line.as_bytes())?;
        Ok(())
    }
}

fn main() -> ExitCode {
    let options = HandlerOptions { partitions: 16, ..HandlerOptions::default() };
    engine_cli::run([bank::app().handler(Journal, options)])
}
