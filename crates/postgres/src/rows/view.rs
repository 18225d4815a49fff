//! The rows at one moment: what a transaction that only reads sees.

use engine_store::rows::{Listing, RowError, RowKey, RowView};
use engine_types::Position;
use parking_lot::Mutex;
use tokio_postgres::{Row, types::Type};

use super::{
    Database,
    listing::Statement,
    text::{decoded, encoded},
};
use crate::{content, error::Trouble, pool::Connection, read::octets, values::unsigned};

/// Rows inside a transaction.
pub(super) struct View<'a> {
    pub(super) database: &'a Database,
    pub(super) connection: Mutex<Connection<'a>>,
    pub(super) table: &'a str,
    pub(super) id: i64,
}

impl RowView for View<'_> {
    fn position(&self) -> Result<Option<Position>, RowError> {
        let schema = &self.database.url.schema;
        let sql = format!("SELECT position FROM {schema}.generations WHERE id = $1");
        let mut connection = self.connection.lock();
        let rows = self.database.wait(connection.query(&sql, &[(&self.id, Type::INT8)]))?;
        let position: Option<i64> = rows.first().and_then(|row| row.get(0));
        Ok(position.map(|position| Position(unsigned(position))))
    }

    fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, RowError> {
        let mut connection = self.connection.lock();
        self.database.wait(get(&mut connection, self.table, key))
    }

    fn list(&self, listing: &Listing) -> Result<Vec<(RowKey, Vec<u8>)>, RowError> {
        let statement = Statement::of(listing, self.table);
        let mut connection = self.connection.lock();
        let rows = self.database.wait(connection.query(&statement.sql, &statement.values()))?;
        rows.iter().map(|row| keyed(row).map_err(super::failed)).collect()
    }
}

fn keyed(row: &Row) -> Result<(RowKey, Vec<u8>), Trouble> {
    let key = RowKey { partition: decoded(row.try_get(0)?), sort: decoded(row.try_get(1)?) };
    Ok((key, content::join(octets(row, 2)?, octets(row, 3)?).into()))
}

/// A row of a table.
pub(super) async fn get(
    connection: &mut Connection<'_>,
    table: &str,
    key: &RowKey,
) -> Result<Option<Vec<u8>>, Trouble> {
    let sql = format!("SELECT content, raw_content FROM {table} WHERE partition = $1 AND sort = $2");
    let (partition, sort) = (encoded(&key.partition), encoded(&key.sort));
    let rows = connection.query(&sql, &[(&partition, Type::TEXT), (&sort, Type::TEXT)]).await?;
    let content = |row: &Row| Ok::<_, Trouble>(content::join(octets(row, 0)?, octets(row, 1)?).into());
    rows.first().map(content).transpose()
}
