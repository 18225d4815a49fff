//! The pure core: what a user of the engine writes, and the words it is written in.
//!
//! Aggregates answer commands with events and fold events into state. Everything in this crate is a
//! function of its arguments: there is no async, no I/O, no clock and no chance here, and `clippy.toml`
//! beside this crate bans the usual doors to them. Loading, saving and sending are the runtime's.
//!
//! ```
//! use engine_types::{testing::given, Aggregate, Command, Decide, Event};
//! # use engine_macros::{Command, Event};
//! use serde::{Deserialize, Serialize};
//!
//! /// Switches the lamp on.
//! #[derive(Command, Serialize, Deserialize)]
//! #[command(aggregate = Lamp, id = id, crate = engine_types)]
//! struct SwitchOn { id: String }
//!
//! #[derive(Debug, PartialEq, Event)]
//! #[event(crate = engine_types)]
//! enum LampEvent { SwitchedOn }
//!
//! #[derive(Debug, PartialEq, thiserror::Error)]
//! #[error("the lamp is already on")]
//! struct AlreadyOn;
//!
//! #[derive(Default, Clone, Serialize, Deserialize)]
//! struct Lamp { on: bool }
//!
//! impl Aggregate for Lamp {
//!     const CATEGORY: &str = "lamp";
//!     type Event = LampEvent;
//!     type Rejection = AlreadyOn;
//!     fn evolve(self, event: &LampEvent) -> Self {
//!         match event { LampEvent::SwitchedOn => Lamp { on: true } }
//!     }
//! }
//!
//! impl Decide<SwitchOn> for Lamp {
//!     fn decide(&self, _: &SwitchOn) -> Result<Vec<LampEvent>, AlreadyOn> {
//!         if self.on { Err(AlreadyOn) } else { Ok(vec![LampEvent::SwitchedOn]) }
//!     }
//! }
//!
//! given::<Lamp>([]).when(SwitchOn { id: "desk".into() }).then([LampEvent::SwitchedOn]);
//! given::<Lamp>([LampEvent::SwitchedOn]).when(SwitchOn { id: "desk".into() }).then_rejected(AlreadyOn);
//! ```

pub mod aggregate;
pub mod command;
mod consistency;
mod derived;
pub mod event;
pub mod form;
pub mod metadata;
pub mod multi;
pub mod observed;
pub mod process_manager;
pub mod query;
pub mod stream;
pub mod testing;
mod time;
pub mod upcast;

pub use aggregate::{Aggregate, Decide};
pub use command::Command;
pub use consistency::Consistency;
pub use event::Event;
pub use metadata::{CausationId, CommandId, CorrelationId, EventMetadata, Metadata};
pub use multi::Multi;
pub use observed::Observed;
pub use process_manager::{Heard, ProcessManager, Reaction, Rejected, Route};
pub use query::Query;
pub use stream::{Category, CurrentRevision, ExpectedRevision, Position, Revision, StreamName};
pub use time::Timestamp;
pub use upcast::{RawEvent, Upcasters};

/// What the derive macros name. Not part of the public API.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        Command, Event, Query, Upcasters,
        command::{Field, FieldKind},
        derived::{assert_distinct, concat, count, handled, names, read, read_fields, read_object},
        event::{DecodeError, EventType},
    };
    pub use serde;
    pub use serde_json;
    pub use std::borrow::Cow;
}
