//! A connection over TLS, as the driver wants to have it.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::{
    Socket,
    tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream},
};
use tokio_rustls::{
    TlsConnector, client,
    rustls::{CertificateError, ClientConfig, Error, pki_types::ServerName},
};

use super::binding;

/// Makes connections over TLS.
#[derive(Debug, Clone)]
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    /// Who vouches for servers.
    authorities: Option<String>,
}

impl Tls {
    pub(super) fn new(config: Arc<ClientConfig>, authorities: Option<String>) -> Self {
        Tls { config, authorities }
    }
}

impl MakeTlsConnect<Socket> for Tls {
    type Stream = Encrypted;
    type TlsConnect = Handshake;
    type Error = String;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, String> {
        Ok(Handshake { tls: self.clone(), host: host.to_owned() })
    }
}

/// What makes one connection.
pub(crate) struct Handshake {
    tls: Tls,
    host: String,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Encrypted;
    type Error = String;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted, String>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let host = self.host;
            let name = ServerName::try_from(host.clone())
                .map_err(|_| format!("`{host}` is no name of a host that TLS knows of"))?;
            match TlsConnector::from(self.tls.config).connect(name, socket).await {
                Ok(stream) => Ok(Encrypted(stream)),
                Err(error) => Err(explained(&error, &host, self.tls.authorities.as_deref())),
            }
        })
    }
}

/// What went wrong, and what to do.
fn explained(error: &io::Error, host: &str, authorities: Option<&str>) -> String {
    let fault = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    match fault {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => format!(
            "nobody of {} vouches for its certificate: name the authority that signed it with `sslrootcert=FILE`",
            authorities.unwrap_or("those who are trusted")
        ),
        Some(Error::InvalidCertificate(CertificateError::NotValidForNameContext { presented, .. })) => {
            let names: Vec<_> = presented.iter().map(|name| bare(name)).collect();
            let names = if names.is_empty() { "no host at all".to_owned() } else { names.join(", ") };
            format!(
                "its certificate is for {names} (subjectAltName), and not for {host}: name the host in the URL as the \
                 certificate does, or say `sslmode=verify-ca`"
            )
        }
        Some(Error::InvalidCertificate(fault)) => format!("its certificate cannot be trusted: {fault}"),
        Some(Error::AlertReceived(alert)) => {
            format!("it refuses the connection ({alert:?}): it may want another `sslcert`, or none")
        }
        _ => error.to_string(),
    }
}

/// A name of a certificate without its kind: `DnsName("db")` is `db`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    inner.trim_matches('"')
}

/// A connection over TLS.
pub(crate) struct Encrypted(client::TlsStream<Socket>);

impl TlsStream for Encrypted {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let hash = certificate.and_then(|certificate| binding::end_point(certificate));
        hash.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
