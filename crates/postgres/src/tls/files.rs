//! The files of TLS: certificates of authorities, and a client's own certificate and key.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// The certificates of those who vouch for servers.
pub(super) fn authorities(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    certificates(file)
        .map_err(|fault| format!("`sslrootcert` names {}, which cannot be used: {fault}", file.display()))
}

/// The certificates of those whom this machine trusts.
pub(super) fn system() -> Result<Vec<CertificateDer<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let faults: Vec<_> = found.errors.iter().map(ToString::to_string).collect();
        return Err(format!(
            "`sslrootcert=system`: this machine names nobody whom it trusts (install `ca-certificates`) {}",
            faults.join("; ")
        ));
    }
    Ok(found.certs)
}

/// A client's own certificate, with those behind it, and its key.
pub(super) fn own(
    certificate: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let chain = certificates(certificate).map_err(|fault| {
        format!("`sslcert` names {}, which cannot be used: {fault}", certificate.display())
    })?;
    let secret = secret(key)
        .map_err(|fault| format!("`sslkey` names {}, which cannot be used: {fault}", key.display()))?;
    Ok((chain, secret))
}

/// A file that a user has in his home, where libpq looks for it.
pub(super) fn of_user(name: &str) -> Option<PathBuf> {
    let file = Path::new(&std::env::var_os("HOME")?).join(".postgresql").join(name);
    file.exists().then_some(file)
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| error.to_string())?;
    if found.is_empty() { Err("it holds no certificate in PEM".to_owned()) } else { Ok(found) }
}

fn secret(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    check_who_may_read(file)?;
    let text = fs::read(file).map_err(|error| error.to_string())?;
    if String::from_utf8_lossy(&text).contains("ENCRYPTED") {
        return Err(
            "it is encrypted: decrypt it with `openssl pkey`, into a file that only its owner can read"
                .to_owned(),
        );
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| error.to_string())
}

/// Refuses a key that others can read, as libpq does: a group may read what belongs to root.
#[cfg(unix)]
fn check_who_may_read(file: &Path) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let known = fs::metadata(file).map_err(|error| error.to_string())?;
    let others = if known.uid() == 0 { 0o037 } else { 0o077 };
    if known.mode() & others == 0 {
        Ok(())
    } else {
        Err("others than its owner may read it: `chmod 600` it".to_owned())
    }
}

#[cfg(not(unix))]
fn check_who_may_read(_: &Path) -> Result<(), String> {
    Ok(())
}
