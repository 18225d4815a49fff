//! SQLite, with a write-ahead log that is synced at every commit.

use std::hint::black_box;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use super::{Reader, Store};
use crate::event::{Append, Read, TYPE};

/// One table, with an index by stream and revision.
pub struct Sqlite {
    connection: Connection,
    file: PathBuf,
}

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -65536;
    CREATE TABLE IF NOT EXISTS events (
        position INTEGER PRIMARY KEY, stream TEXT NOT NULL, revision INTEGER NOT NULL, id BLOB NOT NULL,
        type TEXT NOT NULL, created INTEGER NOT NULL, data BLOB NOT NULL, metadata BLOB NOT NULL,
        UNIQUE (stream, revision)
    );";

impl Sqlite {
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let file = folder.join("events.sqlite");
        let connection = Connection::open(&file)?;
        connection.execute_batch(SCHEMA)?;
        Ok(Sqlite { connection, file })
    }
}

impl Store for Sqlite {
    fn append(&mut self, appends: &[Append]) -> anyhow::Result<()> {
        let transaction = self.connection.transaction()?;
        {
            let head = "SELECT coalesce(max(revision) + 1, 0) FROM events WHERE stream = ?1";
            let mut head = transaction.prepare_cached(head)?;
            let insert = "INSERT INTO events (stream, revision, id, type, created, data, metadata) \
                          VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let mut insert = transaction.prepare_cached(insert)?;
            for append in appends {
                let first: i64 = head.query_row([&append.stream], |row| row.get(0))?;
                for (revision, (id, data)) in (first..).zip(&append.events) {
                    let (id, data): (&[u8], &[u8]) = (id.as_bytes(), data);
                    insert.execute(params![
                        append.stream,
                        revision,
                        id,
                        TYPE,
                        0_i64,
                        data,
                        &[][..] as &[u8]
                    ])?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn reader(&self) -> anyhow::Result<Box<dyn Reader>> {
        let connection = Connection::open(&self.file)?;
        connection.execute_batch("PRAGMA cache_size = -65536; PRAGMA mmap_size = 4294967296;")?;
        Ok(Box::new(SqliteReader { connection }))
    }
}

struct SqliteReader {
    connection: Connection,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Read> {
    Ok(Read {
        stream: row.get(0)?,
        revision: row.get::<_, i64>(1)?.unsigned_abs(),
        event_type: row.get(2)?,
        data: Bytes::copy_from_slice(row.get_ref(3)?.as_blob()?),
    })
}

impl Reader for SqliteReader {
    fn scan(&mut self) -> anyhow::Result<u64> {
        let mut count = 0;
        let select = "SELECT stream, revision, type, data FROM events ORDER BY position";
        let mut select = self.connection.prepare_cached(select)?;
        for event in select.query_map([], read)? {
            black_box(event?);
            count += 1;
        }
        Ok(count)
    }

    fn stream(&mut self, name: &str) -> anyhow::Result<u64> {
        let mut count = 0;
        let select = "SELECT stream, revision, type, data FROM events WHERE stream = ?1 ORDER BY revision";
        let mut select = self.connection.prepare_cached(select)?;
        for event in select.query_map([name], read)? {
            black_box(event?);
            count += 1;
        }
        Ok(count)
    }
}
