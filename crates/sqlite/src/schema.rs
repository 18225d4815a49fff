//! The tables of a file, and its version.

use std::time::Duration;

use engine_store::rows::RowError;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

/// The version of the tables, in `user_version`. A file of another version is damaged to this program: it is
/// built anew.
const FORMAT: i64 = 1;

/// How long a connection waits for another one's write.
const BUSY: Duration = Duration::from_secs(10);

/// How many pages the write-ahead file has before it is worked into the file.
const CHECKPOINT_PAGES: i64 = 4_000;

const TABLES: &str = "
    CREATE TABLE rows (
        partition TEXT NOT NULL,
        sort TEXT NOT NULL,
        rank INTEGER NOT NULL,
        content BLOB NOT NULL,
        PRIMARY KEY (partition, sort)
    ) WITHOUT ROWID;
    CREATE INDEX rows_by_rank ON rows (rank, partition, sort);
    CREATE TABLE late (sequence TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE state (only INTEGER PRIMARY KEY CHECK (only = 0), position INTEGER, ready INTEGER NOT NULL);
    INSERT INTO state VALUES (0, NULL, 0);
";

/// Prepares a connection that writes, and makes the tables where there are none.
pub(crate) fn prepare(connection: &mut Connection) -> Result<(), RowError> {
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    // Locked before it is looked at, so that two who open it at the same time do not both make the tables.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    let version: i64 =
        transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    match version {
        FORMAT => Ok(()),
        0 => {
            transaction.execute_batch(TABLES).map_err(failed)?;
            transaction.pragma_update(None, "user_version", FORMAT).map_err(failed)?;
            transaction.commit().map_err(failed)
        }
        other => {
            Err(RowError::damaged(format!("the file is of format {other}, this program knows {FORMAT}")))
        }
    }
}

/// Sorts an error of SQLite by what the caller does next.
#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
pub(crate) fn failed(error: rusqlite::Error) -> RowError {
    let text = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) | None => RowError::damaged(text),
        Some(_) => RowError::unavailable(text),
    }
}
