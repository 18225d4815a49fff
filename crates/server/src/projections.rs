//! The projections of the system: they sort events anew, by links in streams of their own.
//!
//! `emit` is pure: which link an event asks for. `worker` follows all streams and writes links in batches; `system` knows
//! the five, and which of them run. A link's id comes from the event that it is for, so that a batch that is done again
//! after a crash, or after a reset, writes nothing twice. Where a projection stands is a document of the store.

mod emit;
mod system;
mod worker;

pub(crate) use emit::Kind;
pub(crate) use system::{Figures, Projections, Status};
