//! A throwaway PostgreSQL for tests and benchmarks: one server for each process that asks for it.
//!
//! `ENGINE_TEST_POSTGRES=URL` names a server that is there already. Otherwise one is started from the binaries that
//! are installed on this machine; where there are none, they are installed if that is possible ([`install`]). The
//! server ends with the process that started it, however that ends: see [`Server::start`].

pub mod install;
mod pooler;
mod programs;
mod server;
mod standby;

use std::sync::OnceLock;

use uuid::Uuid;

pub use pooler::Pooler;
pub use programs::{Account, programs};
pub use server::{Server, Settings};

/// Names a server that is there already.
pub const VARIABLE: &str = "ENGINE_TEST_POSTGRES";

/// The server of this process, started when it is first asked for, with nothing kept safe from a power cut.
///
/// # Panics
/// There is no server and none can be started: says what to install.
pub fn url() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    match std::env::var(VARIABLE) {
        Ok(url) if !url.is_empty() => url,
        _ => SERVER.get_or_init(|| Server::start(&Settings::default())).url(),
    }
}

/// The URL of a schema that nobody else uses, in the server of this process.
///
/// # Panics
/// As [`url`].
pub fn fresh_schema() -> String {
    in_schema(&url(), &format!("test_{}", Uuid::now_v7().simple()))
}

/// A URL that names a schema.
pub fn in_schema(url: &str, schema: &str) -> String {
    format!("{url}{}schema={schema}", if url.contains('?') { '&' } else { '?' })
}
