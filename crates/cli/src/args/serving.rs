//! The arguments of `serve`.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use engine_server::{DEFAULT_PORT, Options, TlsFiles};

pub(super) const EXAMPLES: &str = "Examples:
  serve
  serve --listen 0.0.0.0:2113 --tls-cert node.crt --tls-key node.key
  serve --app conference     the commands, event handlers and read models of another application
  serve --no-app             the store alone, for clients that bring their own";

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS:PORT", default_value_t = SocketAddr::from(([127, 0, 0, 1], DEFAULT_PORT)))]
    listen: SocketAddr,
    /// The certificate for TLS, and those that vouch for it, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve everybody who can connect, without asking who it is
    #[arg(long)]
    insecure: bool,
    /// Serve the store alone, without the commands, event handlers and read models of an application
    #[arg(long)]
    pub(crate) no_app: bool,
    /// Where the console keeps backups [default: beside the folder of the store, with `-backups` at the end]
    #[arg(long, value_name = "FOLDER")]
    pub(crate) backups: Option<PathBuf>,
}

impl Serve {
    /// How the node is to listen.
    pub(crate) fn options(&self) -> Options {
        let files = self.tls_cert.clone().zip(self.tls_key.clone());
        Options {
            listen: self.listen,
            tls: files.map(|(certificate, key)| TlsFiles { certificate, key }),
            insecure: self.insecure,
            ..Options::default()
        }
    }
}
