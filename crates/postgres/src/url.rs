//! The name of a store: an ordinary URL of PostgreSQL, and what is ours in it.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use tokio_postgres::{Config, config::TargetSessionAttrs};

use crate::{
    OpenError, PostgresOptions,
    connect::{self, Host},
    tls,
};

/// The schema where none is named.
pub const DEFAULT_SCHEMA: &str = "engine";

/// The longest name of a schema: the names of a channel and of a lock are made of it.
const MAX_SCHEMA_BYTES: usize = 48;

/// Where a store is: `postgres://user@host/database?schema=engine`.
///
/// Everything that PostgreSQL's own programs understand may stand in it: TLS (`sslmode=verify-full&sslrootcert=FILE`), and
/// several hosts, of which the one is worked with that takes writes (`target_session_attrs=read-write`, which then need
/// not be said). Three parameters are of the engine: `schema`, `connections` and `listen=off`.
#[derive(Clone)]
pub struct PostgresUrl {
    pub(crate) hosts: Vec<Host>,
    pub(crate) tls: tls::Settings,
    /// Whether the hosts are asked in any order.
    pub(crate) is_random: bool,
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

/// What is taken out of a URL before the driver reads it.
#[derive(Default)]
struct Ours {
    schema: Option<String>,
    connections: Option<usize>,
    listen: Option<bool>,
    session: Option<TargetSessionAttrs>,
    tls: tls::Settings,
}

impl Ours {
    /// Takes a parameter; says whether it is one of these.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match (name, value) {
            ("schema", name) => self.schema = Some(name.to_owned()),
            ("connections", number) => {
                let many = number.parse().ok().filter(|many| (2..=1_000).contains(many));
                let wrong = || format!("`connections={number}` must be a number from 2 to 1000");
                self.connections = Some(many.ok_or_else(wrong)?);
            }
            ("listen", "on") => self.listen = Some(true),
            ("listen", "off") => self.listen = Some(false),
            ("listen", other) => return Err(format!("`listen={other}` must be `on` or `off`")),
            ("target_session_attrs", "any") => self.session = Some(TargetSessionAttrs::Any),
            ("target_session_attrs", "read-write" | "primary") => {
                self.session = Some(TargetSessionAttrs::ReadWrite);
            }
            ("target_session_attrs", other) => {
                return Err(format!(
                    "`target_session_attrs={other}` must be `read-write`, `primary` or `any`: a store is written to"
                ));
            }
            (name, value) => return self.tls.take(name, value),
        }
        Ok(true)
    }

    /// What the driver makes of the rest, with what was taken.
    fn applied_to(&self, url: &str) -> Result<Config, String> {
        let mut config: Config = url.parse().map_err(|error| crate::error::words(&error))?;
        if config.get_application_name().is_none() {
            config.application_name("engine");
        }
        // Of several hosts only one takes writes.
        let session = if connect::how_many(&config) > 1 {
            TargetSessionAttrs::ReadWrite
        } else {
            TargetSessionAttrs::Any
        };
        config.target_session_attrs(self.session.unwrap_or(session));
        Ok(config)
    }
}

impl FromStr for PostgresUrl {
    type Err = OpenError;

    fn from_str(url: &str) -> Result<Self, OpenError> {
        let fault = |fault: String| OpenError::Url { url: without_password(url), fault };
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut ours, mut theirs) = (Ours::default(), Vec::new());
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            if !ours.take(name, &value).map_err(fault)? {
                theirs.push(parameter);
            }
        }
        ours.tls.check().map_err(fault)?;
        let their_url =
            if theirs.is_empty() { base.to_owned() } else { format!("{base}?{}", theirs.join("&")) };
        let config = ours.applied_to(&their_url).map_err(fault)?;
        Ok(PostgresUrl {
            hosts: connect::hosts(&config, &ours.tls).map_err(fault)?,
            tls: ours.tls,
            is_random: connect::is_random(&config),
            schema: Schema::new(ours.schema.as_deref().unwrap_or(DEFAULT_SCHEMA)).map_err(fault)?,
            connections: ours.connections,
            listen: ours.listen,
            shown: without_password(url),
        })
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
    let shown: Vec<_> = query.split('&').filter(|part| !part.is_empty() && !is_secret(part)).collect();
    if shown.is_empty() { base } else { format!("{base}?{}", shown.join("&")) }
}

fn is_secret(parameter: &str) -> bool {
    parameter.starts_with("password=") || parameter.starts_with("sslpassword=")
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
        let config = url.hosts[0].config();
        assert_eq!((url.schema(), config.get_dbname()), ("shop", Some("bank")));
        assert_eq!(config.get_connect_timeout(), Some(&std::time::Duration::from_secs(3)));
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
    fn of_several_hosts_the_one_is_meant_that_takes_writes() {
        let each = |url: &str| -> Vec<_> {
            let of = |host: &Host| (host.name().to_owned(), host.config().get_target_session_attrs());
            parsed(url).hosts.iter().map(of).collect()
        };
        let (any, writes) = (TargetSessionAttrs::Any, TargetSessionAttrs::ReadWrite);
        let two =
            |first: &str, second: &str, wants| vec![(first.to_owned(), wants), (second.to_owned(), wants)];
        assert_eq!(each("postgres://ann@db/bank"), [("db:5432".to_owned(), any)]);
        assert_eq!(each("postgres://ann@a:1,b:2/bank"), two("a:1", "b:2", writes));
        assert_eq!(each("postgres://a,b/bank?target_session_attrs=any"), two("a:5432", "b:5432", any));
        assert_eq!(
            each("postgres:///bank?hostaddr=::1,127.0.0.1&port=7"),
            two("::1:7", "127.0.0.1:7", writes)
        );
        for (url, words) in [
            ("postgres://a/bank?target_session_attrs=standby", "a store is written to"),
            ("postgres:///bank?host=a,b&port=1,2,3", "2 hosts and 3 ports"),
            ("postgres:///bank", "it names no host"),
        ] {
            let refused = url.parse::<PostgresUrl>().unwrap_err().to_string();
            assert!(refused.contains(words), "{refused}");
        }
    }

    #[test]
    fn a_file_may_have_any_name() {
        let url = parsed("postgres://ann@db/bank?sslmode=verify-full&sslrootcert=/no%20such/a%26b.crt");
        let fault = url.tls.tls().map(drop).unwrap_err();
        assert!(fault.contains("/no such/a&b.crt"), "{fault}");
    }

    #[test]
    fn what_cannot_be_a_schema_is_refused() {
        for name in ["", "9a", "A", "a-b", "a\"b", "pg_x", &"x".repeat(49)] {
            assert!(Schema::new(name).is_err(), "{name}");
        }
    }
}
