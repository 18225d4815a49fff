//! The node: a store, open to the network, for the clients of EventStoreDB 20 and later and of KurrentDB, and over
//! HTTP, on one port.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//! use engine_server::{Node, Options};
//! use engine_store::memory::MemoryStore;
//!
//! let options = Options { listen: "127.0.0.1:0".parse()?, ..Options::default() };
//! let node = Node::start(Arc::new(MemoryStore::new()), Vec::new(), options).await?;
//! println!("clients connect to kurrentdb://{}?tls=false", node.address());
//! node.stop().await;
//! # Ok(()) }
//! ```
//!
//! `auth` finds out who calls, and what he may do. `grpc` has one folder or file for each service of the protocol; `http` what is asked for without it. Both work
//! against `core`, and neither knows aggregates: whoever appends here says himself what happened.

mod auth;
mod console;
mod core;
mod front;
mod grpc;
mod http;
mod limits;
mod listen;
mod metrics;
mod node;
mod options;
mod persistent;
mod projections;
mod proto;
mod scavenge;
mod tls;

pub use engine_web::{Figures, WebOptions, measured};
pub use limits::Limits;
pub use node::{Node, StartError};
pub use options::{DEFAULT_PORT, Options, TlsFiles};
pub use tls::TlsError;

/// The version of KurrentDB whose protocol the node speaks. Clients choose by it what they ask for.
pub const PROTOCOL_VERSION: &str = "25.1.0";
