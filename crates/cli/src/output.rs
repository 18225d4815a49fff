//! The way out: what commands answer, for people or as JSON.

mod human;
mod human_help;
mod human_listening;
mod human_processes;
mod human_upkeep;
mod json;
mod raw_json;
mod table;

use std::{
    io::{self, BufWriter, IsTerminal, Write},
    path::Path,
};

use anstream::{AutoStream, ColorChoice};
use engine::{
    JsonEvent, JsonReceipt, Position, Revision, StreamName, TimerId,
    listen::{HandlerReport, ParkedSequence, ResetPreview, ownership::NodeReport},
    processes::{InstanceReport, Summary},
    read_models::ProjectionReport,
    runtime::map::{CommandDescription, Map, ProcessDescription, QueryDescription},
    store::{
        BackupReport, RecordedEvent, ScavengeReport, StoreStats, StreamInfo, VerifyReport, transfer::Imported,
    },
    timers::TimerReport,
};
use serde_json::Value;

use crate::{args::MapFormat, failure::Failure};

pub(crate) use human::printable;
pub(crate) use human_help::value as example_value;

/// How much is gathered before it is written.
const BUFFER_BYTES: usize = 64 * 1024;

/// One answer, or one line of a longer one.
pub(crate) enum Answer<'a> {
    /// A command was accepted.
    Accepted(&'a JsonReceipt),
    /// A command would lead to these events.
    Decided(&'a [JsonEvent]),
    /// The state of an instance.
    State { stream: &'a StreamName, revision: Revision, state: &'a Value },
    /// An event that was read, in its stream or among all.
    Event { event: &'a RecordedEvent, in_all: bool },
    /// A stream.
    Stream(&'a StreamInfo),
    /// A query was answered.
    Answered { query: &'a str, answer: &'a Value },
    /// How handlers are doing.
    Handlers(&'a [HandlerReport]),
    /// A sequence that a handler has put aside.
    Parked(&'a ParkedSequence),
    /// A sequence that a handler has put aside, with the event at fault.
    ParkedEvent { sequence: &'a ParkedSequence, event: Option<&'a RecordedEvent> },
    /// A handler was reset, or would be.
    Reset { handler: &'a str, preview: bool, leads_to: &'a ResetPreview },
    /// A handler was told something.
    Done(&'a Done<'a>),
    /// How read models are doing.
    Projections(&'a [ProjectionReport]),
    /// A read model was built anew.
    Rebuilt { report: &'a ProjectionReport, events: u64 },
    /// Instances of process managers, each with the name of its process manager.
    Instances(&'a [(&'static str, Summary)]),
    /// One instance at length.
    Instance(&'a InstanceReport),
    /// Timers that wait.
    Timers(&'a [TimerReport]),
    /// A command waits for its time.
    TimerSet(&'a TimerReport),
    /// A timer was cancelled.
    TimerCancelled(TimerId),
    /// An instance was told something.
    InstanceDone(&'a InstanceDone<'a>),
    /// The processes that share the store.
    Nodes(&'a [NodeReport]),
    /// The schema of the store was brought from one version to another.
    Migrated { from: i64, to: i64 },
    /// The store was checked.
    Verified(&'a VerifyReport),
    /// The store was scavenged.
    Scavenged(&'a ScavengeReport),
    /// The store was copied.
    BackedUp { report: &'a BackupReport, destination: &'a Path },
    /// The store was made of a backup.
    Restored { report: &'a BackupReport, source: &'a Path },
    /// How large the store is.
    Measured(&'a StoreStats),
    /// Events were written to a file, behind those that were there.
    Exported { events: u64, after: Option<Position>, file: &'a Path },
    /// Events were taken in from a file.
    Imported(Imported),
    /// The store is open to the network.
    #[cfg(feature = "serve")]
    Serving { address: std::net::SocketAddr, tls: bool, store: &'a str, app: Option<&'a str> },
    /// What is registered.
    Map(&'a Map, MapFormat),
    /// One process manager.
    Process(&'a ProcessDescription, MapFormat),
    /// All commands in short.
    Overview { grammar: &'a clap::Command, map: &'a Map },
    /// One query at length.
    Query { projection: &'a str, query: &'a QueryDescription },
    /// One command of the domain at length.
    Command { category: &'a str, command: &'a CommandDescription },
    /// A help text.
    Help(&'a str),
    /// The name and version of this program.
    Version(&'a str),
}

/// What a handler was told, and how many events that concerned.
#[derive(Debug, serde::Serialize)]
pub(crate) struct Done<'a> {
    pub(crate) handler: &'a str,
    #[serde(skip)]
    pub(crate) what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<u64>,
}

impl<'a> Done<'a> {
    pub(crate) fn new(handler: &'a str, what: &'static str) -> Self {
        Done { handler, what, events: None }
    }

    pub(crate) fn counted(handler: &'a str, what: &'static str, events: u64) -> Self {
        Done { handler, what, events: Some(events) }
    }
}

/// What an instance of a process manager was told, and how many events it has handled since.
#[derive(Debug, serde::Serialize)]
pub(crate) struct InstanceDone<'a> {
    pub(crate) process: &'a str,
    pub(crate) id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) events: Option<u64>,
}

/// Writes answers to stdout.
pub(crate) struct Output {
    out: BufWriter<Box<dyn Write>>,
    json: bool,
    style: human::Style,
    colours: bool,
}

impl Output {
    /// Colours are written for a terminal only, and never with `NO_COLOR`.
    pub(crate) fn to_stdout(json: bool) -> Self {
        let stdout = io::stdout();
        let style = human::Style { on_a_terminal: stdout.is_terminal() };
        // JSON holds no escape sequences that would have to be taken out.
        let choice = if json { ColorChoice::AlwaysAnsi } else { AutoStream::choice(&stdout) };
        let colours = !json && choice != ColorChoice::Never;
        Output { colours, ..Output::to(Box::new(AutoStream::new(stdout, choice)), json, style) }
    }

    fn to(out: Box<dyn Write>, json: bool, style: human::Style) -> Self {
        Output { out: BufWriter::with_capacity(BUFFER_BYTES, out), json, style, colours: false }
    }

    /// Keeps what is flushed, for tests.
    #[cfg(test)]
    pub(crate) fn to_memory(json: bool) -> (Self, std::sync::mpsc::Receiver<u8>) {
        struct Sender(std::sync::mpsc::Sender<u8>);
        impl Write for Sender {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
                bytes.iter().try_for_each(|byte| self.0.send(*byte)).map_err(gone)?;
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (sender, receiver) = std::sync::mpsc::channel();
        (Output::to(Box::new(Sender(sender)), json, human::Style { on_a_terminal: false }), receiver)
    }

    /// Whether answers are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether colours are welcome.
    pub(crate) fn has_colours(&self) -> bool {
        self.colours
    }

    /// Makes answers JSON, or not; says what they were before.
    pub(crate) fn set_json(&mut self, json: bool) -> bool {
        std::mem::replace(&mut self.json, json)
    }

    /// Writes an answer. It may be seen only after [`Output::flush`].
    pub(crate) fn answer(&mut self, answer: &Answer<'_>) -> io::Result<()> {
        if self.json {
            json::write(&mut self.out, answer)
        } else {
            human::write(&mut self.out, answer, self.style)
        }
    }

    /// Writes what went wrong as an answer.
    pub(crate) fn failure(&mut self, failure: &Failure) -> io::Result<()> {
        if self.json {
            json::write_failure(&mut self.out, failure)
        } else {
            human::write_failure(&mut self.out, failure)
        }
    }

    /// Writes a remark for people, which is nothing in JSON.
    pub(crate) fn remark(&mut self, remark: &str) -> io::Result<()> {
        if self.json { Ok(()) } else { writeln!(self.out, "{remark}") }
    }

    /// Where bytes go that are no answer.
    pub(crate) fn raw(&mut self) -> &mut impl Write {
        &mut self.out
    }

    /// Makes everything that was written visible.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Writes what went wrong to stderr.
    pub(crate) fn complain(failure: &Failure) {
        // There is nobody left to tell that stderr is closed.
        let _ = human::write_failure(&mut anstream::stderr().lock(), failure);
    }

    /// Writes to stderr what is worth knowing although nothing failed.
    pub(crate) fn warn(warning: &str) {
        let _ = human::write_warning(&mut anstream::stderr().lock(), warning);
    }
}
