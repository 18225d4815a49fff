//! What can go wrong between here and the server, sorted by what it means for what was asked.

use engine_store::{AppendError, ReadError};
use tokio_postgres::error::{Severity, SqlState};

/// Why there is no store. Each says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The URL is not one of a store. Mend it.
    #[error("store `{url}`: {fault}")]
    Url {
        /// The URL, without a password.
        url: String,
        /// What is wrong with it.
        fault: String,
    },
    /// The server cannot be reached, or does not let this user in. Start it, or mend the URL.
    #[error("store `{url}` cannot be reached: {fault}")]
    Unreachable {
        /// The URL, without a password.
        url: String,
        /// What the server or the network says.
        fault: String,
    },
    /// The server has no connection to spare: it, the database or the user may have no more. Let them have more, use
    /// fewer, or ask again later.
    #[error("store `{url}`: the server has no connection to spare: {fault}")]
    OutOfConnections {
        /// The URL, without a password.
        url: String,
        /// What the server says, and what to do.
        fault: String,
    },
    /// The server cannot hold a store as it is.
    #[error("store `{url}`: {fault}")]
    Unsuitable {
        /// The URL, without a password.
        url: String,
        /// What is missing, and what to do.
        fault: String,
    },
    /// The schema is of another version than this program.
    #[error("{}", other_version(.schema, *.found, *.known))]
    WrongVersion {
        /// The schema.
        schema: String,
        /// Its version.
        found: i64,
        /// The version that this program works with.
        known: i64,
    },
}

fn other_version(schema: &str, found: i64, known: i64) -> String {
    if found < known {
        format!(
            "the schema `{schema}` is of version {found}, and this program works with version {known}: stop the \
             programs of the older version, then run `engine store migrate`"
        )
    } else {
        format!(
            "the schema `{schema}` is of version {found}, and this program knows only up to {known}: use a newer program"
        )
    }
}

/// What went wrong with a call.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// Nothing was sent: there is no connection. To be tried again.
    Unreachable(String),
    /// Nothing was sent: the server has no connection to spare. To be tried again.
    OutOfConnections(String),
    /// The server refused, and nothing was written. Trying again at once is of no use.
    Refused(String),
    /// The server does not take this, and nothing was written. Others may be taken.
    Unfit(String),
    /// Others came in between, and nothing was written: to be tried again at once.
    Again(String),
    /// The connection ended before the answer. What was to be written may be there.
    Lost(String),
    /// The server found its own files damaged.
    Damaged(String),
}

impl Trouble {
    /// Whether another try may be better, after a while.
    pub(crate) fn is_passing(&self) -> bool {
        matches!(
            self,
            Trouble::Unreachable(_) | Trouble::OutOfConnections(_) | Trouble::Again(_) | Trouble::Lost(_)
        )
    }

    pub(crate) fn words(self) -> String {
        match self {
            Trouble::Unreachable(words)
            | Trouble::OutOfConnections(words)
            | Trouble::Refused(words)
            | Trouble::Unfit(words)
            | Trouble::Again(words)
            | Trouble::Lost(words)
            | Trouble::Damaged(words) => words,
        }
    }
}

impl From<tokio_postgres::Error> for Trouble {
    fn from(error: tokio_postgres::Error) -> Self {
        let text = words(&error);
        let Some(fault) = error.as_db_error() else {
            if text.starts_with("error serializing") || text.starts_with("error deserializing") {
                return Trouble::Refused(format!("the schema is not as this program knows it: {text}"));
            }
            return Trouble::Lost(format!("the connection to PostgreSQL ended: {text}"));
        };
        let code = fault.code();
        let ended = fault.parsed_severity() == Some(Severity::Fatal)
            || fault.parsed_severity() == Some(Severity::Panic);
        if ended || is_shutdown(code) {
            Trouble::Lost(format!("PostgreSQL ended the connection: {text}"))
        } else if is_race(code) {
            Trouble::Again(format!("others were writing at the same time: {text}"))
        } else if *code == SqlState::DATA_CORRUPTED || *code == SqlState::INDEX_CORRUPTED {
            Trouble::Damaged(format!("PostgreSQL: {text}; keep the files, and restore a backup"))
        } else if is_of_the_content(code) {
            Trouble::Unfit(format!("PostgreSQL does not take it: {text}"))
        } else {
            Trouble::Refused(told(&error))
        }
    }
}

fn is_shutdown(code: &SqlState) -> bool {
    [SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN, SqlState::CANNOT_CONNECT_NOW].contains(code)
}

/// Refusals that come of others' work alone.
fn is_race(code: &SqlState) -> bool {
    [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED, SqlState::UNIQUE_VIOLATION]
        .contains(code)
}

/// Refusals that come of what is to be written: values, constraints, limits.
fn is_of_the_content(code: &SqlState) -> bool {
    ["22", "23", "54"].iter().any(|class| code.code().starts_with(class))
}

/// What to do about a refusal, where there is something to say.
fn advice(code: &SqlState) -> &'static str {
    if *code == SqlState::DISK_FULL {
        "; nothing was written: make room on the server's disk, then try again"
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        "; nothing was written, for this server takes no writes: where it is a standby, name all hosts in the URL, `postgres://a:5432,b:5432/…`"
    } else if *code == SqlState::LOCK_NOT_AVAILABLE {
        "; nothing was written: another transaction holds the lock of appends, look for it in pg_stat_activity"
    } else if *code == SqlState::QUERY_CANCELED {
        "; nothing was written: the statement took longer than the server allows (statement_timeout)"
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        "; grant it to the user of the URL"
    } else if [SqlState::UNDEFINED_TABLE, SqlState::UNDEFINED_FUNCTION, SqlState::INVALID_SCHEMA_NAME]
        .contains(code)
    {
        "; the schema was changed or dropped: run `engine store migrate`"
    } else if *code == SqlState::TOO_MANY_CONNECTIONS {
        "; let there be more (max_connections of the server, CONNECTION LIMIT of the role and of the database), use fewer (`?connections=` in the URL of each process), or share them through PgBouncer"
    } else {
        ""
    }
}

/// Whether a server, or a pooler before it, has no connection to spare.
pub(crate) fn is_out_of_connections(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|fault| {
        // PgBouncer has no code of its own for it.
        *fault.code() == SqlState::TOO_MANY_CONNECTIONS
            || fault.message().starts_with("no more connections allowed")
    })
}

/// What a server refuses, and what to do.
pub(crate) fn told(error: &tokio_postgres::Error) -> String {
    let Some(fault) = error.as_db_error() else { return words(error) };
    let code = if is_out_of_connections(error) { &SqlState::TOO_MANY_CONNECTIONS } else { fault.code() };
    format!("PostgreSQL: {}{}", words(error), advice(code))
}

/// The whole of what an error says, in one line.
pub(crate) fn words(error: &tokio_postgres::Error) -> String {
    if let Some(fault) = error.as_db_error() {
        let hint = fault.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        return format!("{}{hint}", fault.message());
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

impl From<Trouble> for ReadError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Damaged(words) => ReadError::Corrupt(words.into()),
            other => ReadError::unavailable(other.words()),
        }
    }
}

impl From<Trouble> for AppendError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Damaged(words) => AppendError::Corrupt(words.into()),
            Trouble::Lost(words) => AppendError::OutcomeUnknown(words.into()),
            Trouble::Unfit(words) => AppendError::Invalid(words),
            other => AppendError::unavailable(other.words()),
        }
    }
}
