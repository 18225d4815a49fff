//! A store on a server that speaks the protocol of KurrentDB and EventStoreDB, by its official client.
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use engine_kurrentdb::{KurrentStore, Options};
//! use engine_store::{EventStore, ReadAll};
//!
//! let url = "kurrentdb://admin:changeit@localhost:2113?tls=false";
//! let store = KurrentStore::connect(url, Options::default()).await?;
//! println!("{} events", store.read_all(ReadAll::forwards()).await?.events.len());
//! # Ok(()) }
//! ```
//!
//! Positions are commit positions: they rise, and there are gaps between them. Documents are streams of the system
//! whose names begin with `$engine.`, which no reader of this store is told. `docs/kurrentdb.md` says what is
//! kept where, and what is asked of the server.
//!
//! One append goes to one stream: the official client has no call for more.

mod append;
mod catalogue;
mod connection;
mod convert;
mod documents;
mod fault;
mod filter;
mod novelty;
mod options;
mod read;
mod store;
mod subscribe;

pub use connection::ConnectError;
pub use options::Options;
pub use store::KurrentStore;
