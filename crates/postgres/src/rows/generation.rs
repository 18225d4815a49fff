//! One generation: a table of rows, and a line that says how far it has come.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use engine_store::rows::{GenerationId, RowBatch, RowError, RowKey, RowStore, RowView, RowsState, StoredRow};
use engine_types::Position;
use parking_lot::Mutex;
use tokio_postgres::types::Type;

use super::{
    Database,
    text::{decoded, encoded},
    view::{self, View},
};
use crate::{
    content::{self, Content},
    error::Trouble,
    pool::{Connection, Parameter},
    values::{signed, unsigned},
};

/// The rows of one generation.
#[derive(Debug)]
pub(super) struct PostgresGeneration {
    database: Arc<Database>,
    projection: String,
    id: i64,
    /// The table, with its schema.
    table: String,
    has_rank_index: AtomicBool,
}

impl PostgresGeneration {
    /// Opens a generation, and makes its table where there is none.
    pub(super) fn open(
        database: Arc<Database>,
        projection: &str,
        generation: GenerationId,
    ) -> Result<Self, RowError> {
        let id = database.wait(async {
            let mut connection = database.pool.get().await?;
            let opened = make(&database, &mut connection, projection, generation).await;
            if opened.is_err() {
                connection.give_up();
            }
            opened
        })?;
        let table = format!("{}.rows_{id}", database.url.schema);
        let has_rank_index = AtomicBool::new(false);
        Ok(PostgresGeneration { database, projection: projection.to_owned(), id, table, has_rank_index })
    }

    /// What is wrong where no line was changed: others were faster, or have removed the generation.
    fn not_moved(&self) -> RowError {
        match self.state() {
            Ok(_) => RowError::Overtaken,
            Err(error) => error,
        }
    }

    fn gone(&self) -> RowError {
        RowError::damaged(format!(
            "generation {} of `{}` was removed: another process has built the read model anew, or is of another \
             version; start this one again",
            self.id, self.projection
        ))
    }

    /// Tells a table that is gone from other trouble.
    fn checked<T>(&self, answer: Result<T, RowError>) -> Result<T, RowError> {
        match answer {
            Err(RowError::Unavailable(fault))
                if fault.to_string().contains(&format!("rows_{}\"", self.id)) =>
            {
                Err(self.gone())
            }
            answer => answer,
        }
    }

    /// Makes what needs more than the statement of a batch: an index, a view for people.
    async fn make_ready_for(&self, batch: &RowBatch, connection: &mut Connection<'_>) -> Result<(), Trouble> {
        let table = &self.table;
        let has_ranks = || batch.rows.iter().any(|(_, row)| row.as_ref().is_some_and(|row| row.rank != 0));
        if !self.has_rank_index.load(Ordering::Relaxed) && has_ranks() {
            let index = format!(
                "CREATE INDEX IF NOT EXISTS rows_{}_by_rank ON {table} (rank, partition, sort)",
                self.id
            );
            connection.run(&index).await?;
            self.has_rank_index.store(true, Ordering::Relaxed);
        }
        if batch.ready {
            let name = format!("model_{}", self.projection).replace('"', "\"\"");
            let view = format!(
                "CREATE OR REPLACE VIEW {}.\"{name}\" AS
                 SELECT partition, sort, rank, content::jsonb AS content FROM {table}",
                self.database.url.schema
            );
            connection.run(&view).await?;
        }
        Ok(())
    }
}

impl RowStore for PostgresGeneration {
    fn state(&self) -> Result<RowsState, RowError> {
        let schema = &self.database.url.schema;
        let sql = format!(
            "SELECT known.position, known.is_ready, late.sequence, late.position
             FROM {schema}.generations known LEFT JOIN {schema}.counted_late late ON late.generation = known.id
             WHERE known.id = $1"
        );
        let values: [Parameter<'_>; 1] = [(&self.id, Type::INT8)];
        let rows = self.database.wait(self.database.pool.query(&sql, &values))?;
        let Some(first) = rows.first() else { return Err(self.gone()) };
        let position_of = |number: i64| Position(unsigned(number));
        let late = rows.iter().filter_map(|row| {
            let (sequence, position): (Option<&str>, Option<i64>) = (row.get(2), row.get(3));
            Some((decoded(sequence?), position_of(position?)))
        });
        Ok(RowsState {
            position: first.get::<_, Option<i64>>(0).map(position_of),
            ready: first.get(1),
            late: late.collect(),
        })
    }

    fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, RowError> {
        self.checked(
            self.database
                .wait(async { view::get(&mut self.database.pool.get().await?, &self.table, key).await }),
        )
    }

    fn commit(&self, batch: &RowBatch) -> Result<(), RowError> {
        let moved = self.checked(self.database.wait(async {
            let mut connection = self.database.pool.get().await?;
            self.make_ready_for(batch, &mut connection).await?;
            store(&self.database, &self.table, self.id, batch, &mut connection).await
        }));
        match moved {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.not_moved()),
            Err(error) => Err(error),
        }
    }

    fn view(&self, look: &mut dyn FnMut(&dyn RowView)) -> Result<(), RowError> {
        let mut connection = self.database.wait(self.database.pool.get())?;
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        self.database.wait(connection.run(begin))?;
        let view = View {
            database: &self.database,
            connection: Mutex::new(connection),
            table: &self.table,
            id: self.id,
        };
        look(&view);
        let mut connection = view.connection.into_inner();
        let ended = self.database.wait(connection.run("COMMIT"));
        if ended.is_err() {
            connection.give_up();
        }
        ended
    }

    fn close(&self) -> Result<(), RowError> {
        // What was stored without waiting for the disk is there within a second, and no harm if it is not.
        Ok(())
    }
}

async fn make(
    database: &Database,
    connection: &mut Connection<'_>,
    projection: &str,
    GenerationId { version, number }: GenerationId,
) -> Result<i64, Trouble> {
    let schema = &database.url.schema;
    let lock = schema.lock().wrapping_add(2);
    connection.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({lock})")).await?;
    let (version, number) = (i64::from(version), signed(number));
    let values: [Parameter<'_>; 3] =
        [(&projection, Type::TEXT), (&version, Type::INT8), (&number, Type::INT8)];
    let insert = format!(
        "INSERT INTO {schema}.generations (projection, version, number) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
    );
    connection.query(&insert, &values).await?;
    let find =
        format!("SELECT id FROM {schema}.generations WHERE projection = $1 AND version = $2 AND number = $3");
    let found = connection.query(&find, &values).await?;
    let Some(row) = found.first() else {
        return Err(Trouble::Again("the generation was removed at the same moment".to_owned()));
    };
    let id: i64 = row.try_get(0)?;
    let table = format!(
        "CREATE TABLE IF NOT EXISTS {schema}.rows_{id} (
             partition text COLLATE \"C\" NOT NULL, sort text COLLATE \"C\" NOT NULL, rank bigint NOT NULL,
             content json, raw_content bytea, PRIMARY KEY (partition, sort)
         ) WITH (fillfactor = 80); COMMIT"
    );
    connection.run(&table).await?;
    Ok(id)
}

/// Removes a generation and its table, with the view for people where it shows this one.
pub(super) fn remove(
    database: &Database,
    projection: &str,
    GenerationId { version, number }: GenerationId,
) -> Result<(), RowError> {
    let schema = &database.url.schema;
    let (version, number) = (i64::from(version), signed(number));
    database.wait(async {
        let values: [Parameter<'_>; 3] =
            [(&projection, Type::TEXT), (&version, Type::INT8), (&number, Type::INT8)];
        let delete = format!(
            "DELETE FROM {schema}.generations WHERE projection = $1 AND version = $2 AND number = $3 RETURNING id"
        );
        for row in database.pool.query(&delete, &values).await? {
            let id: i64 = row.try_get(0)?;
            let drop = format!("DROP TABLE IF EXISTS {schema}.rows_{id} CASCADE");
            database.pool.get().await?.run(&drop).await?;
        }
        Ok(())
    })
}

/// Stores a batch as one statement; says whether the position was what it was believed to be. Everything hangs on the
/// line that moves, which two cannot move from the same place.
async fn store(
    database: &Database,
    table: &str,
    id: i64,
    batch: &RowBatch,
    connection: &mut Connection<'_>,
) -> Result<bool, Trouble> {
    let schema = &database.url.schema;
    let (before, position) = (batch.before.map(|it| signed(it.0)), batch.position.map(|it| signed(it.0)));
    let put: Vec<(&RowKey, &StoredRow)> =
        batch.rows.iter().filter_map(|(key, row)| Some((key, row.as_ref()?))).collect();
    let gone: Vec<_> = batch.rows.iter().filter(|(_, row)| row.is_none()).map(|(key, _)| key).collect();
    let put_partitions: Vec<_> = put.iter().map(|(key, _)| encoded(&key.partition)).collect();
    let put_sorts: Vec<_> = put.iter().map(|(key, _)| encoded(&key.sort)).collect();
    let ranks: Vec<_> = put.iter().map(|(_, row)| row.rank).collect();
    let contents = put.iter().map(|(_, row)| content::split(&row.content));
    let (json, raw): (Vec<_>, Vec<_>) = contents.map(|Content { json, raw }| (json, raw)).unzip();
    let gone_partitions: Vec<_> = gone.iter().map(|key| encoded(&key.partition)).collect();
    let gone_sorts: Vec<_> = gone.iter().map(|key| encoded(&key.sort)).collect();
    let late: Vec<_> = batch.late.iter().map(|(sequence, _)| encoded(sequence)).collect();
    let late_positions: Vec<_> = batch.late.iter().map(|(_, position)| signed(position.0)).collect();
    let forget: Vec<_> = batch.forget.iter().map(|sequence| encoded(sequence)).collect();
    let sql = format!(
        "WITH moved AS (
             UPDATE {schema}.generations SET position = greatest(position, $3), is_ready = is_ready OR $4
             WHERE id = $1 AND position IS NOT DISTINCT FROM $2 RETURNING id
         ), put AS (
             INSERT INTO {table} (partition, sort, rank, content, raw_content)
             SELECT new.partition, new.sort, new.rank, new.content::json, new.raw_content
             FROM moved, unnest($5, $6, $7, $8, $9) AS new(partition, sort, rank, content, raw_content)
             ON CONFLICT (partition, sort) DO UPDATE SET
                 rank = excluded.rank, content = excluded.content, raw_content = excluded.raw_content
         ), gone AS (
             DELETE FROM {table} old USING moved, unnest($10, $11) AS key(partition, sort)
             WHERE old.partition = key.partition AND old.sort = key.sort
         ), late AS (
             INSERT INTO {schema}.counted_late AS known
             SELECT moved.id, new.sequence, new.position FROM moved, unnest($12, $13) AS new(sequence, position)
             ON CONFLICT (generation, sequence)
                 DO UPDATE SET position = greatest(known.position, excluded.position)
         ), forgotten AS (
             DELETE FROM {schema}.counted_late old USING moved
             WHERE old.generation = moved.id AND old.sequence = ANY($14)
         )
         SELECT (SELECT count(*) FROM moved) = 1, set_config('synchronous_commit', CASE
             WHEN NOT $15 THEN 'off' WHEN current_setting('synchronous_commit') = 'off' THEN 'on'
             ELSE current_setting('synchronous_commit') END, true)"
    );
    let values: [Parameter<'_>; 15] = [
        (&id, Type::INT8),
        (&before, Type::INT8),
        (&position, Type::INT8),
        (&batch.ready, Type::BOOL),
        (&put_partitions, Type::TEXT_ARRAY),
        (&put_sorts, Type::TEXT_ARRAY),
        (&ranks, Type::INT8_ARRAY),
        (&json, Type::TEXT_ARRAY),
        (&raw, Type::BYTEA_ARRAY),
        (&gone_partitions, Type::TEXT_ARRAY),
        (&gone_sorts, Type::TEXT_ARRAY),
        (&late, Type::TEXT_ARRAY),
        (&late_positions, Type::INT8_ARRAY),
        (&forget, Type::TEXT_ARRAY),
        (&batch.durable, Type::BOOL),
    ];
    let rows = connection.query(&sql, &values).await?;
    Ok(rows.first().map_or(Ok(false), |row| row.try_get(0))?)
}
