//! One generation: a file, one connection that writes, and some that read.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use engine_store::rows::{RowBatch, RowError, RowKey, RowStore, RowView, RowsState};
use engine_types::Position;
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};

use crate::{
    schema::{RANK_INDEX, failed, prepare},
    view::View,
};

/// How many connections that read are kept while nobody needs them.
const IDLE_READERS: usize = 4;

/// The rows of one generation.
#[derive(Debug)]
pub(crate) struct SqliteFile {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
}

impl SqliteFile {
    /// Opens the file, and makes it where there is none.
    pub(crate) fn open(path: &Path) -> Result<Self, RowError> {
        let mut writer = Connection::open(path).map_err(failed)?;
        prepare(&mut writer)?;
        Ok(SqliteFile { path: path.to_owned(), writer: Mutex::new(writer), readers: Mutex::default() })
    }

    fn reader(&self) -> Result<Connection, RowError> {
        if let Some(reader) = self.readers.lock().pop() {
            return Ok(reader);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Connection::open_with_flags(&self.path, flags).map_err(failed)
    }

    fn give_back(&self, reader: Connection) {
        let mut readers = self.readers.lock();
        if readers.len() < IDLE_READERS {
            readers.push(reader);
        }
    }
}

impl RowStore for SqliteFile {
    fn state(&self) -> Result<RowsState, RowError> {
        let writer = self.writer.lock();
        let (position, ready) = writer
            .query_row("SELECT position, ready FROM state", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(failed)?;
        let mut statement = writer.prepare_cached("SELECT sequence, position FROM late").map_err(failed)?;
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, position_of(row.get(1)?)))).map_err(failed)?;
        let late: BTreeMap<String, Position> = rows.collect::<Result<_, _>>().map_err(failed)?;
        let position = Option::<i64>::map(position, position_of);
        Ok(RowsState { position, ready, late, ..RowsState::default() })
    }

    fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, RowError> {
        get(&self.writer.lock(), key)
    }

    fn commit(&self, batch: &RowBatch) -> Result<(), RowError> {
        let mut writer = self.writer.lock();
        if batch.durable {
            writer.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        }
        let stored = store(&mut writer, batch);
        if batch.durable {
            writer.pragma_update(None, "synchronous", "NORMAL").map_err(failed)?;
        }
        stored
    }

    fn view(&self, look: &mut dyn FnMut(&dyn RowView)) -> Result<(), RowError> {
        let mut reader = self.reader()?;
        // Everything inside one transaction sees the rows as they were at its first look.
        let transaction = reader.transaction().map_err(failed)?;
        look(&View(&transaction));
        transaction.finish().map_err(failed)?;
        self.give_back(reader);
        Ok(())
    }

    fn close(&self) -> Result<(), RowError> {
        self.readers.lock().clear();
        let writer = self.writer.lock();
        writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).map_err(failed)
    }
}

fn store(writer: &mut Connection, batch: &RowBatch) -> Result<(), RowError> {
    let transaction = writer.transaction().map_err(failed)?;
    if batch.rows.iter().any(|(_, row)| row.as_ref().is_some_and(|row| row.rank != 0)) {
        transaction.prepare_cached(RANK_INDEX).and_then(|mut index| index.execute([])).map_err(failed)?;
    }
    put_rows(&transaction, batch).map_err(failed)?;
    for (sequence, position) in &batch.late {
        let put = "INSERT INTO late VALUES (?1, ?2)
                   ON CONFLICT DO UPDATE SET position = max(position, excluded.position)";
        let mut put = transaction.prepare_cached(put).map_err(failed)?;
        put.execute(params![sequence, number_of(*position)]).map_err(failed)?;
    }
    for sequence in &batch.forget {
        let mut forget =
            transaction.prepare_cached("DELETE FROM late WHERE sequence = ?1").map_err(failed)?;
        forget.execute([sequence]).map_err(failed)?;
    }
    // Written always, so that a batch that must last has something that is synced.
    let moved = "UPDATE state SET position = nullif(max(ifnull(position, -1), ifnull(?1, -1)), -1),
                                  ready = max(ready, ?2)
                 WHERE position IS ?3";
    let mut moved = transaction.prepare_cached(moved).map_err(failed)?;
    let (position, before) = (batch.position.map(number_of), batch.before.map(number_of));
    let is_ours = moved.execute(params![position, batch.ready, before]).map_err(failed)? == 1;
    drop(moved);
    if !is_ours {
        return Err(RowError::unavailable("somebody else writes it too"));
    }
    transaction.commit().map_err(failed)
}

fn put_rows(transaction: &Transaction<'_>, batch: &RowBatch) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO rows VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET rank = excluded.rank, content = excluded.content",
    )?;
    let mut remove = transaction.prepare_cached("DELETE FROM rows WHERE partition = ?1 AND sort = ?2")?;
    for (RowKey { partition, sort }, row) in &batch.rows {
        match row {
            Some(row) => put.execute(params![partition, sort, row.rank, row.content])?,
            None => remove.execute(params![partition, sort])?,
        };
    }
    Ok(())
}

/// A row.
pub(crate) fn get(connection: &Connection, key: &RowKey) -> Result<Option<Vec<u8>>, RowError> {
    let sql = "SELECT content FROM rows WHERE partition = ?1 AND sort = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement.query_row(params![key.partition, key.sort], |row| row.get(0)).optional().map_err(failed)
}

/// SQLite counts to the same end, less one bit.
pub(crate) fn position_of(number: i64) -> Position {
    Position(number.cast_unsigned())
}

fn number_of(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}
