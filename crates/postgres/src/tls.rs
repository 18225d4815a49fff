//! TLS to the server, as a URL says it: `sslmode`, `sslrootcert`, `sslcert` and `sslkey` mean what libpq means by them.
//!
//! Files are read for each connection, so that a certificate that was renewed is found without a restart.

mod binding;
mod files;
mod stream;
mod trust;

use std::{path::PathBuf, sync::Arc};

use tokio_postgres::config::SslMode;
use tokio_rustls::rustls::{ClientConfig, crypto::ring};

pub(crate) use stream::{Encrypted, Tls};
use trust::Trust;

/// The protocol, which servers want to hear where a connection begins with TLS.
const PROTOCOL: &[u8] = b"postgresql";

/// What a URL says of TLS.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    mode: Option<Mode>,
    roots: Option<Roots>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// How much of TLS there must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// None.
    Disable,
    /// It is spoken if the server does, whoever that is.
    Prefer,
    /// It is spoken with whomever, or, where authorities are named, with one whom they vouch for.
    Require,
    /// It is spoken with one whom an authority vouches for.
    VerifyCa,
    /// … and whose certificate is for the host of the URL.
    VerifyFull,
}

/// Who vouches for a server.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Roots {
    /// The certificates of a file.
    File(PathBuf),
    /// Those whom this machine trusts.
    System,
}

impl Settings {
    /// Takes a parameter of a URL; says whether it is one of these.
    ///
    /// # Errors
    /// What is wrong with the value.
    pub(crate) fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "sslmode" => self.mode = Some(mode(value)?),
            "sslrootcert" if value == "system" => self.roots = Some(Roots::System),
            "sslrootcert" => self.roots = Some(Roots::File(value.into())),
            "sslcert" => self.certificate = Some(value.into()),
            "sslkey" => self.key = Some(value.into()),
            "sslpassword" => {
                return Err(
                    "`sslpassword` is not known here: decrypt the key of `sslkey` with `openssl pkey`, into \
                            a file that only its owner can read"
                        .to_owned(),
                );
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Checks that what was said goes together.
    ///
    /// # Errors
    /// What does not.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.roots == Some(Roots::System) && self.mode() != Mode::VerifyFull {
            return Err("`sslrootcert=system` trusts whatever name an authority vouches for, and needs \
                        `sslmode=verify-full`"
                .to_owned());
        }
        if self.certificate.is_some() != self.key.is_some() {
            return Err(
                "`sslcert` and `sslkey` name a certificate and its key: both are needed, or none".to_owned()
            );
        }
        Ok(())
    }

    /// How much of TLS there must be.
    pub(crate) fn mode(&self) -> Mode {
        let unsaid = if self.roots == Some(Roots::System) { Mode::VerifyFull } else { Mode::Prefer };
        self.mode.unwrap_or(unsaid)
    }

    /// The same, as the driver has it.
    pub(crate) fn driver_mode(&self) -> SslMode {
        match self.mode() {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            _ => SslMode::Require,
        }
    }

    /// What makes connections to a host; reads the files.
    ///
    /// # Errors
    /// Which file cannot be used, and why.
    pub(crate) fn tls(&self) -> Result<Tls, String> {
        let provider = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let authorities = self.authorities();
        let trust = match (self.mode(), &authorities) {
            (Mode::Disable | Mode::Prefer, _) | (Mode::Require, None) => Trust::in_anybody(algorithms),
            (mode, Some(Roots::System)) => Trust::in_these(files::system()?, algorithms, mode),
            (mode, Some(Roots::File(file))) => Trust::in_these(files::authorities(file)?, algorithms, mode),
            (_, None) => {
                return Err(format!(
                    "`sslmode={}` needs to know who vouches for the server: name a file of certificates with \
                     `sslrootcert=FILE`, or say `sslrootcert=system`",
                    if self.mode() == Mode::VerifyFull { "verify-full" } else { "verify-ca" }
                ));
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(trust));
        let mut config = match self.own_certificate() {
            Some((certificate, key)) => {
                let (chain, secret) = files::own(&certificate, &key)?;
                config.with_client_auth_cert(chain, secret).map_err(|error| {
                    let (certificate, key) = (certificate.display(), key.display());
                    format!(
                        "the certificate {certificate} and the key {key} cannot be used together: {error}"
                    )
                })?
            }
            None => config.with_no_client_auth(),
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Tls::new(Arc::new(config), authorities.map(|roots| roots.to_string())))
    }

    /// Who vouches: those that are named, or those of the user's own file, where there is one.
    fn authorities(&self) -> Option<Roots> {
        self.roots.clone().or_else(|| files::of_user("root.crt").map(Roots::File))
    }

    /// The client's own certificate and its key.
    fn own_certificate(&self) -> Option<(PathBuf, PathBuf)> {
        match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            _ => Some((files::of_user("postgresql.crt")?, files::of_user("postgresql.key")?)),
        }
    }
}

impl std::fmt::Display for Roots {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Roots::File(file) => file.display().fmt(formatter),
            Roots::System => formatter.write_str("this machine"),
        }
    }
}

fn mode(value: &str) -> Result<Mode, String> {
    match value {
        "disable" => Ok(Mode::Disable),
        "prefer" => Ok(Mode::Prefer),
        "require" => Ok(Mode::Require),
        "verify-ca" => Ok(Mode::VerifyCa),
        "verify-full" => Ok(Mode::VerifyFull),
        other => Err(format!(
            "`sslmode={other}` must be `disable`, `prefer`, `require`, `verify-ca` or `verify-full`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(parameters: &[(&str, &str)]) -> Result<Settings, String> {
        let mut settings = Settings::default();
        for (name, value) in parameters {
            assert!(settings.take(name, value)?, "{name}");
        }
        settings.check().map(|()| settings)
    }

    #[test]
    fn tls_is_preferred_where_nothing_is_said() {
        assert_eq!(taken(&[]).map(|settings| settings.mode()), Ok(Mode::Prefer));
        assert_eq!(Settings::default().take("schema", "x"), Ok(false));
    }

    #[test]
    fn those_whom_the_machine_trusts_are_asked_about_the_name_too() {
        let system = ("sslrootcert", "system");
        assert_eq!(taken(&[system]).map(|settings| settings.mode()), Ok(Mode::VerifyFull));
        let refused = taken(&[system, ("sslmode", "verify-ca")]).unwrap_err();
        assert!(refused.contains("needs `sslmode=verify-full`"), "{refused}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (parameters, words) in [
            (vec![("sslmode", "allow")], "must be `disable`, `prefer`"),
            (vec![("sslcert", "a.crt")], "both are needed"),
            (vec![("sslpassword", "x")], "openssl pkey"),
        ] {
            let refused = taken(&parameters).unwrap_err();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named() {
        let mode = ("sslmode", "verify-full");
        let refused =
            taken(&[mode, ("sslrootcert", "/no/such.crt")]).and_then(|it| it.tls().map(drop)).unwrap_err();
        assert!(refused.contains("/no/such.crt") && refused.contains("sslrootcert"), "{refused}");
        let own = [("sslmode", "require"), ("sslcert", "/no/such.crt"), ("sslkey", "/no/such.key")];
        let refused = taken(&own).and_then(|it| it.tls().map(drop)).unwrap_err();
        assert!(refused.contains("/no/such.crt") && refused.contains("sslcert"), "{refused}");
    }
}
