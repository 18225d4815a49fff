//! Showing a generation in the place of those that were shown before.
//!
//! What was counted into those must have been counted into this one, or readers would go back in time; and nothing may be
//! counted into them afterwards, which nobody would ever see. So their lines are locked until both is settled. Where other
//! processes count into them all the time, they are made to wait a moment, or nobody could ever come as far.

use engine_store::rows::RowBatch;
use tokio_postgres::types::Type;

use super::{Database, generation::store};
use crate::{
    error::Trouble,
    pool::{Connection, Parameter},
    values::signed,
};

/// How long others wait for a generation that is about to be shown.
const MOMENT: &str = "5 s";

/// Stores a batch that makes a generation ready; says whether that was done. Otherwise the transaction may be left open.
pub(super) async fn show(
    database: &Database,
    table: &str,
    id: i64,
    batch: &RowBatch,
    connection: &mut Connection<'_>,
) -> Result<bool, Trouble> {
    let schema = &database.url.schema;
    connection.run("BEGIN ISOLATION LEVEL READ COMMITTED").await?;
    let position = batch.position.or(batch.before).map(|position| signed(position.0));
    let values: [Parameter<'_>; 2] = [(&id, Type::INT8), (&position, Type::INT8)];
    let older = format!(
        "SELECT other.id, other.is_ready AND NOT other.is_replaced AND other.version = own.version
                AND other.position > coalesce($2, -1)
         FROM {schema}.generations other JOIN {schema}.generations own ON own.id = $1
         WHERE other.projection = own.projection AND other.number < own.number ORDER BY other.id FOR UPDATE OF other"
    );
    let older = connection.query(&older, &values).await?;
    let is_behind = older.iter().any(|other| other.get::<_, Option<bool>>(1).unwrap_or(false));
    let older: Vec<i64> = older.iter().map(|other| other.get(0)).collect();
    if is_behind {
        let hold = format!(
            "UPDATE {schema}.generations SET held_until = clock_timestamp() + interval '{MOMENT}' WHERE id = ANY($1)"
        );
        connection.query(&hold, &[(&older, Type::INT8_ARRAY)]).await?;
        connection.run("COMMIT").await?;
        return Ok(false);
    }
    if !store(database, table, id, batch, connection).await? {
        return Ok(false);
    }
    let replace = format!("UPDATE {schema}.generations SET is_replaced = true WHERE id = ANY($1)");
    connection.query(&replace, &[(&older, Type::INT8_ARRAY)]).await?;
    connection.run("COMMIT").await?;
    Ok(true)
}
