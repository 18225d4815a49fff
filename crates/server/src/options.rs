//! How a node is to listen.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use crate::{Figures, Limits, WebOptions};

/// The port on which clients look for a node.
pub const DEFAULT_PORT: u16 = 2113;

/// How a node is to listen.
#[derive(Debug, Clone)]
pub struct Options {
    /// The address. Port 0 takes any that is free. Default: `127.0.0.1:2113`.
    pub listen: SocketAddr,
    /// The certificate and its key. Absent means no TLS.
    pub tls: Option<TlsFiles>,
    /// Without TLS: lets everybody who can connect do everything, on any address. On a loopback address it is so
    /// anyway; credentials that are sent are checked all the same. Default: no.
    pub insecure: bool,
    /// What the node bounds.
    pub limits: Limits,
    /// What the console and the API bound, and show.
    pub web: WebOptions,
    /// The figures of the store, where it is [`measured`](crate::measured): the console shows them.
    pub figures: Option<Arc<Figures>>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT),
            tls: None,
            insecure: false,
            limits: Limits::default(),
            web: WebOptions::default(),
            figures: None,
        }
    }
}

/// The files that TLS needs, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it, in order.
    pub certificate: PathBuf,
    /// The private key of the certificate.
    pub key: PathBuf,
}
