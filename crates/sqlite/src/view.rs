//! The rows at one moment: what a read transaction sees.

use engine_store::rows::{Listing, RowError, RowKey, RowView};
use engine_types::Position;
use rusqlite::{Connection, params_from_iter};

use crate::{
    file::{get, position_of},
    listing,
    schema::failed,
};

/// Rows inside a read transaction.
pub(crate) struct View<'a>(pub(crate) &'a Connection);

impl RowView for View<'_> {
    fn position(&self) -> Result<Option<Position>, RowError> {
        let position: Option<i64> =
            self.0.query_row("SELECT position FROM state", [], |row| row.get(0)).map_err(failed)?;
        Ok(position.map(position_of))
    }

    fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, RowError> {
        get(self.0, key)
    }

    fn list(&self, listing: &Listing) -> Result<Vec<(RowKey, Vec<u8>)>, RowError> {
        let (sql, values) = listing::sql(listing);
        let mut statement = self.0.prepare_cached(&sql).map_err(failed)?;
        let row =
            |row: &rusqlite::Row<'_>| Ok((RowKey { partition: row.get(0)?, sort: row.get(1)? }, row.get(2)?));
        let rows = statement.query_map(params_from_iter(values), row).map_err(failed)?;
        rows.collect::<Result<_, _>>().map_err(failed)
    }
}
