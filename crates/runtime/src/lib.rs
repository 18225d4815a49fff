//! The runtime: everything between a pure domain and a store.
//!
//! An [`App`] says which commands there are; a [`Bus`] runs it over a store. [`Bus::send_command`] is the one
//! door: the prompt, HTTP and process managers all go through it.
//!
//! ```text
//! send_command ─▶ middleware ─▶ container: load ─▶ decide ─▶ append ─▶ evolve ─▶ middleware ─▶ receipt
//!                                            ▲                 │
//!                                            └── on conflict ──┘
//! ```

pub mod app;
mod bus;
mod cache;
mod consistency;
mod container;
mod erased;
pub mod ids;
pub mod listen;
pub mod map;
pub mod middleware;
pub mod options;
mod panics;
pub mod processes;
pub mod read_models;
mod receipt;
mod send;
mod send_error;
mod start;
pub mod timers;

pub use app::App;
pub use bus::{Bus, StateAt};
pub use erased::{Body, JsonSendError};
pub use ids::{IdGenerator, RandomIds};
pub use middleware::{Dispatch, Halt, Middleware};
pub use options::{Consistency, RuntimeOptions, SendOptions};
pub use processes::ProcessOptions;
pub use receipt::{JsonEvent, JsonReceipt, Receipt};
pub use send::{Answer, SendCommand};
pub use send_error::{LoadError, SendError};
pub use start::{Environment, StartError};
