//! The façade: everything that a domain, a test and a `main` name, in one crate.
//!
//! ```
//! use engine::prelude::*;
//!
//! /// Opens an account.
//! #[derive(Command, Serialize, Deserialize)]
//! #[command(aggregate = Account, id = id)]
//! struct OpenAccount { id: String }
//!
//! #[derive(Event, Debug, PartialEq)]
//! enum AccountEvent { AccountOpened }
//!
//! #[derive(Debug, PartialEq, thiserror::Error)]
//! #[error("the account is open already")]
//! struct AlreadyOpen;
//!
//! #[derive(Default, Clone, Serialize, Deserialize)]
//! struct Account { open: bool }
//!
//! impl Aggregate for Account {
//!     const CATEGORY: &str = "account";
//!     type Event = AccountEvent;
//!     type Rejection = AlreadyOpen;
//!     fn evolve(self, _: &AccountEvent) -> Self { Account { open: true } }
//! }
//!
//! impl Decide<OpenAccount> for Account {
//!     fn decide(&self, _: &OpenAccount) -> Result<Vec<AccountEvent>, AlreadyOpen> {
//!         if self.open { Err(AlreadyOpen) } else { Ok(vec![AccountEvent::AccountOpened]) }
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bus = App::new("bank").command::<OpenAccount>().start(engine::stores::open("memory:").await?).await?;
//! let receipt = bus.send_command(OpenAccount { id: "jsdf".into() }).await?;
//! assert_eq!(receipt.events, [AccountEvent::AccountOpened]);
//! assert!(bus.send_command(OpenAccount { id: "jsdf".into() }).await.is_err());
//! # Ok(()) }
//! ```

pub mod stores;

pub use async_trait::async_trait;
pub use engine_macros::{Command, Event, Query};
pub use engine_runtime as runtime;
pub use engine_runtime::{
    App, Body, Bus, Consistency, Dispatch, Halt, IdGenerator, JsonEvent, JsonReceipt, JsonSendError,
    LoadError, Middleware, Receipt, RuntimeOptions, SendError, SendOptions, StartError, StateAt,
    listen::{self, Delivered},
    processes::{self, ProcessOptions},
    read_models::{
        self, Answer, AnswerError, Beside, Listing, Projection, ProjectionOptions, QueryConsistency,
        QueryError, QueryOptions, RowKey, Rows,
    },
    timers::{self, TimerId, Timers},
};
pub use engine_store as store;
pub use engine_store::EventStore;
pub use engine_types::{
    Aggregate, Category, CausationId, Command, CommandId, CorrelationId, CurrentRevision, Decide, Event,
    ExpectedRevision, Heard, Metadata, Multi, Observed, Position, ProcessManager, Query, RawEvent, Reaction,
    Rejected, Revision, Route, StreamName, Timestamp, Upcasters, aggregate, command, event, metadata,
    process_manager::{self, Machine, Outgoing, Timer},
    state_machine, stream, upcast,
};

/// Tests of pure code as sentences.
pub mod testing {
    pub use engine_runtime::read_models::testing::*;
    pub use engine_types::testing::*;
}

/// What the derive macros name. Not part of the public API.
#[doc(hidden)]
pub use engine_types::__private;

/// What a domain needs, in one `use`.
pub mod prelude {
    pub use crate::{
        Aggregate, App, Bus, Command, CommandId, Decide, Event, ExpectedRevision, Heard, Machine, Multi,
        Outgoing, ProcessManager, ProcessOptions, Reaction, Rejected, Revision, Route, SendError, Timer,
        Upcasters, state_machine,
    };
    pub use engine_types::__private::serde::{Deserialize, Serialize};
}

/// The README's Rust, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The guide's Rust, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/domain.md")]
struct Guide;

/// The Rust of the guide to listening, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/listening.md")]
struct GuideToListening;
