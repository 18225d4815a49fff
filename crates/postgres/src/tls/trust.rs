//! Which servers are trusted: anybody, or those whom an authority vouches for.

use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
};

use super::Mode;

/// Which servers are trusted.
#[derive(Debug)]
pub(super) struct Trust {
    /// Absent where anybody is.
    authorities: Option<Authorities>,
    algorithms: WebPkiSupportedAlgorithms,
}

#[derive(Debug)]
struct Authorities {
    roots: RootCertStore,
    certificates: Vec<CertificateDer<'static>>,
    checks_name: bool,
}

impl Trust {
    pub(super) fn in_anybody(algorithms: WebPkiSupportedAlgorithms) -> Self {
        Trust { authorities: None, algorithms }
    }

    /// In those for whom one of these vouches.
    pub(super) fn in_these(
        certificates: Vec<CertificateDer<'static>>,
        algorithms: WebPkiSupportedAlgorithms,
        mode: Mode,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        // Some of what a machine trusts may be of kinds that nobody uses any more.
        roots.add_parsable_certificates(certificates.iter().cloned());
        let checks_name = mode == Mode::VerifyFull;
        Trust { authorities: Some(Authorities { roots, certificates, checks_name }), algorithms }
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let signed = verify_server_cert_signed_by_trust_anchor(
            &certificate,
            &authorities.roots,
            intermediates,
            now,
            self.algorithms.all,
        );
        match signed {
            // Who signs his own certificate often makes one of an authority, which no server may have by the book. Where
            // it is the very one that was named, there is nothing left to vouch for; that it has not expired was seen.
            Err(Error::InvalidCertificate(CertificateError::Other(_)))
                if authorities.certificates.contains(end_entity) => {}
            signed => signed?,
        }
        if authorities.checks_name {
            verify_server_name(&certificate, server_name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
