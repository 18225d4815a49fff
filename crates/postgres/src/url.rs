//! The name of a store: an ordinary URL of PostgreSQL, and what is ours in it.

use std::{fmt, str::FromStr};

use crate::{OpenError, PostgresOptions};

/// The schema where none is named.
pub const DEFAULT_SCHEMA: &str = "engine";

/// The longest name of a schema: the names of a channel and of a lock are made of it.
const MAX_SCHEMA_BYTES: usize = 48;

/// Where a store is: `postgres://user@host/database?schema=engine`.
///
/// Everything that PostgreSQL's own programs understand may stand in it, several hosts too. Three parameters are of
/// the engine: `schema`, `connections` and `listen=off`.
#[derive(Clone)]
pub struct PostgresUrl {
    pub(crate) config: tokio_postgres::Config,
    pub(crate) schema: Schema,
    connections: Option<usize>,
    listen: Option<bool>,
    shown: String,
}

/// The name of a schema, checked, so that it can stand in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schema(String);

impl Schema {
    fn new(name: &str) -> Result<Self, String> {
        let letter = |c: char| c.is_ascii_lowercase() || c == '_';
        let good = name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit());
        if good && name.len() <= MAX_SCHEMA_BYTES && !name.starts_with("pg_") {
            Ok(Schema(name.to_owned()))
        } else {
            Err(format!(
                "the schema {name:?} must have 1 to {MAX_SCHEMA_BYTES} small letters, digits and `_`, and not begin \
                 with a digit or with `pg_`"
            ))
        }
    }

    /// The channel on which appends are told.
    pub(crate) fn channel(&self) -> String {
        format!("engine_{}", self.0)
    }

    /// A number that names the lock of appends to this schema. Another schema with the same one would only wait.
    pub(crate) fn lock(&self) -> i64 {
        // FNV-1a: the same in every version of every program.
        let hash =
            format!("engine append {}", self.0).bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
        hash.cast_signed()
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl PostgresUrl {
    /// The schema.
    pub fn schema(&self) -> &str {
        &self.schema.0
    }

    /// The options that hold for this URL: what it says itself goes before.
    pub(crate) fn options(&self, mut options: PostgresOptions) -> PostgresOptions {
        options.connections = self.connections.unwrap_or(options.connections).max(2);
        options.listen = self.listen.unwrap_or(options.listen);
        options
    }
}

impl FromStr for PostgresUrl {
    type Err = OpenError;

    fn from_str(url: &str) -> Result<Self, OpenError> {
        let fault = |fault: String| OpenError::Url { url: without_password(url), fault };
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut schema, mut connections, mut listen) = (DEFAULT_SCHEMA.to_owned(), None, None);
        let mut theirs = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("schema", name)) => name.clone_into(&mut schema),
                Some(("connections", number)) => {
                    let many = number.parse().ok().filter(|many| (2..=1_000).contains(many));
                    let wrong = || fault(format!("`connections={number}` must be a number from 2 to 1000"));
                    connections = Some(many.ok_or_else(wrong)?);
                }
                Some(("listen", "on")) => listen = Some(true),
                Some(("listen", "off")) => listen = Some(false),
                Some(("listen", other)) => {
                    return Err(fault(format!("`listen={other}` must be `on` or `off`")));
                }
                Some(("sslmode", "require" | "verify-ca" | "verify-full")) => {
                    return Err(fault(
                        "this build speaks no TLS: reach the server through a tunnel or a local \
                                      pooler that does, with `sslmode=disable`"
                            .to_owned(),
                    ));
                }
                _ => theirs.push(parameter),
            }
        }
        let their_url =
            if theirs.is_empty() { base.to_owned() } else { format!("{base}?{}", theirs.join("&")) };
        let mut config: tokio_postgres::Config =
            their_url.parse().map_err(|error: tokio_postgres::Error| fault(crate::error::words(&error)))?;
        if config.get_application_name().is_none() {
            config.application_name("engine");
        }
        let schema = Schema::new(&schema).map_err(fault)?;
        Ok(PostgresUrl { config, schema, connections, listen, shown: without_password(url) })
    }
}

impl fmt::Display for PostgresUrl {
    /// Without the password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

/// A URL that can be shown: passwords are told to nobody.
fn without_password(url: &str) -> String {
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let base = match base.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)))
    {
        Some((scheme, (login, place))) => {
            let user = login.split_once(':').map_or(login, |(user, _)| user);
            format!("{scheme}://{user}@{place}")
        }
        None => base.to_owned(),
    };
    let shown: Vec<_> =
        query.split('&').filter(|part| !part.is_empty() && !part.starts_with("password=")).collect();
    if shown.is_empty() { base } else { format!("{base}?{}", shown.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> PostgresUrl {
        url.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn what_is_ours_is_taken_out_of_the_url() {
        let url = parsed("postgres://ann@db/bank?schema=shop&connect_timeout=3&connections=4&listen=off");
        assert_eq!((url.schema(), url.config.get_dbname()), ("shop", Some("bank")));
        assert_eq!(url.config.get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
        let options = url.options(PostgresOptions::default());
        assert_eq!((options.connections, options.listen), (4, false));
        assert_eq!(parsed("postgres://ann@db/bank").schema(), DEFAULT_SCHEMA);
    }

    #[test]
    fn a_password_is_not_shown() {
        let url = parsed("postgres://ann:s3cret@db/bank?schema=shop&password=s3cret");
        assert_eq!(url.to_string(), "postgres://ann@db/bank?schema=shop");
        let error = "postgres://ann:s3cret@db/bank?schema=9".parse::<PostgresUrl>().unwrap_err().to_string();
        assert!(!error.contains("s3cret") && error.contains("small letters"), "{error}");
    }

    #[test]
    fn what_cannot_be_a_schema_is_refused() {
        for name in ["", "9a", "A", "a-b", "a\"b", "pg_x", &"x".repeat(49)] {
            assert!(Schema::new(name).is_err(), "{name}");
        }
    }
}
