//! TLS by certificate files.

use std::{path::Path, sync::Arc};

use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use crate::TlsFiles;

/// Why TLS cannot be offered. The message names the file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("the {what} `{file}` cannot be used: {fault}")]
    File {
        /// What it should be.
        what: &'static str,
        /// The file.
        file: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The files do not belong together.
    #[error("the certificate `{certificate}` and the key `{key}` cannot be used together: {fault}")]
    Pair {
        /// The certificate.
        certificate: String,
        /// The key.
        key: String,
        /// What is wrong.
        fault: String,
    },
}

/// What takes connections over TLS, for HTTP/2 and HTTP/1.1.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let fault =
        |what, path: &Path, fault: String| TlsError::File { what, file: path.display().to_string(), fault };
    let certificates: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| fault("certificate", &files.certificate, error.to_string()))?;
    if certificates.is_empty() {
        return Err(fault("certificate", &files.certificate, "it holds none".to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| fault("key", &files.key, error.to_string()))?;
    let pair = |fault: tokio_rustls::rustls::Error| TlsError::Pair {
        certificate: files.certificate.display().to_string(),
        key: files.key.display().to_string(),
        fault: fault.to_string(),
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
