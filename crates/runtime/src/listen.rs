//! The listening half: event handlers, and what runs them.
//!
//! A *runner* reads for a handler and keeps its checkpoint; *workers* handle the events of its partitions. An
//! event that cannot be handled is tried again, skipped, or **parked**: put aside where it is not forgotten, with
//! the later events of its key behind it, while all other keys go on.

pub(crate) mod circles;
mod handler;
mod handlers;
mod listener;
mod options;
pub mod ownership;
mod partition;
mod policy;
mod progress;
mod raw;
pub(crate) mod records;
mod registered;
mod retry;
mod runner;
mod status;
mod tracker;
mod worker;

pub use handler::{BatchError, BatchHandler, Delivered, EventHandler, HandlerError};
pub use handlers::{HandlerReport, Handlers, HandlersError, NotHandled, ResetPreview};
pub use options::{HandlerOptions, StartFrom};
pub use policy::{Action, ErrorPolicy, Failure, Finally};
pub use raw::RawHandler;
pub use records::ParkedSequence;
pub use retry::Scope;
pub use status::HandlerState;

pub(crate) use circles::Waits;
pub(crate) use handlers::Start;
pub(crate) use listener::{Attempt, InBatches, Listener, OneByOne, Sequences, read, types_of};
pub(crate) use raw::AsStored;
pub(crate) use registered::{Registered, Registration, both};

tokio::task_local! {
    /// The handler on whose behalf a task runs.
    pub(crate) static HANDLING: String;
}

/// The handler on whose behalf the present task runs, if it is one.
pub(crate) fn handling_now() -> Option<String> {
    HANDLING.try_with(Clone::clone).ok()
}
