//! Process managers at work: each instance a stream of entries, each entry a decision that is carried out once.
//!
//! ```text
//! event ─▶ route ─▶ instance: load ─▶ react, evolve ─▶ append one entry ─▶ send its commands ─▶ done with the event
//!                               ▲                                             │ refused
//!                               └── on_rejected ─▶ append one entry ◀─────────┘
//! ```
//!
//! A process manager is a listener like any other: its checkpoint does not pass an event before the commands that
//! the event led to have their answers. After a crash the event comes again, its entry says what was decided, and
//! the commands go out again under the ids that they had: whoever has answered one of them gives the first answer.

mod append;
mod dispatch;
mod door;
mod entry;
mod follow;
mod handle;
mod instance;
mod listener;
mod listing;
mod load;
mod manager;
mod options;
mod registered;
mod report;
mod snapshot;
mod standing;
mod step;
mod timing;

pub use follow::{NotFollowed, Trail};
pub use handle::{Processes, ProcessesError};
pub use options::ProcessOptions;
pub use report::{
    EntryReport, HandledReport, InstanceReport, InstanceState, InstancesPage, SentReport, Summary,
    TimerReport,
};
pub use step::{Decision, Occasion, Step};

pub(crate) use door::Door;
pub(crate) use manager::Site;
pub(crate) use registered::{AnyManager, ProcessEntry, ProcessOf};
