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
    Database, replace,
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
        GenerationId { version, number }: GenerationId,
    ) -> Result<Self, RowError> {
        Ok(Self::made(database, projection, version, Some(number))?.0)
    }

    /// Begins a generation with a number that none has, and tells it.
    pub(super) fn begin(
        database: Arc<Database>,
        projection: &str,
        version: u32,
    ) -> Result<(Self, GenerationId), RowError> {
        let (generation, number) = Self::made(database, projection, version, None)?;
        Ok((generation, GenerationId { version, number }))
    }

    fn made(
        database: Arc<Database>,
        projection: &str,
        version: u32,
        number: Option<u64>,
    ) -> Result<(Self, u64), RowError> {
        let making = async || {
            let mut connection = database.pool.get().await?;
            let made = make(&database, &mut connection, projection, version, number).await;
            if !matches!(made, Ok(Some(_))) {
                connection.give_up();
            }
            made
        };
        // Where an answer was lost, it may have been made. Another one would be beside it where the number is chosen here.
        let made = if number.is_some() { database.persist(making)? } else { database.wait(making())? };
        let (id, number) = made.ok_or(RowError::Outdated)?;
        let table = format!("{}.rows_{id}", database.url.schema);
        let has_rank_index = AtomicBool::new(false);
        Ok((
            PostgresGeneration { database, projection: projection.to_owned(), id, table, has_rank_index },
            number,
        ))
    }

    /// What is wrong where no line was changed: others were faster, or show another generation.
    fn not_moved(&self) -> RowError {
        match self.state() {
            Ok(_) => RowError::Overtaken,
            Err(error) => error,
        }
    }

    /// Tells a table that is gone from other trouble.
    fn checked<T>(&self, answer: Result<T, RowError>) -> Result<T, RowError> {
        match answer {
            Err(RowError::Unavailable(fault))
                if fault.to_string().contains(&format!("rows_{}\"", self.id)) =>
            {
                Err(RowError::Outdated)
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
            "SELECT known.position, known.is_ready, known.changes, late.sequence, late.position, late.waits_at
             FROM {schema}.generations known LEFT JOIN {schema}.counted_late late ON late.generation = known.id
             WHERE known.id = $1 AND NOT known.is_replaced"
        );
        let values: [Parameter<'_>; 1] = [(&self.id, Type::INT8)];
        let rows = self.database.persist(|| self.database.pool.query(&sql, &values))?;
        let Some(first) = rows.first() else { return Err(RowError::Outdated) };
        let position_of = |number: i64| Position(unsigned(number));
        let mut state = RowsState {
            position: first.get::<_, Option<i64>>(0).map(position_of),
            ready: first.get(1),
            changes: unsigned(first.get(2)),
            ..RowsState::default()
        };
        for row in &rows {
            let (sequence, waits_at): (Option<&str>, Option<i64>) = (row.get(3), row.get(5));
            let (Some(sequence), Some(waits_at)) = (sequence.map(decoded), waits_at) else { continue };
            if let Some(position) = row.get::<_, Option<i64>>(4) {
                state.late.insert(sequence.clone(), position_of(position));
            }
            state.aside.insert(sequence, position_of(waits_at));
        }
        Ok(state)
    }

    fn get(&self, key: &RowKey) -> Result<Option<Vec<u8>>, RowError> {
        let get = || async { view::get(&mut self.database.pool.get().await?, &self.table, key).await };
        self.checked(self.database.persist(get))
    }

    fn commit(&self, batch: &RowBatch) -> Result<(), RowError> {
        let moved = self.checked(self.database.wait(async {
            let mut connection = self.database.pool.get().await?;
            self.make_ready_for(batch, &mut connection).await?;
            if !batch.ready {
                return store(&self.database, &self.table, self.id, batch, &mut connection).await;
            }
            let shown = replace::show(&self.database, &self.table, self.id, batch, &mut connection).await;
            if !matches!(shown, Ok(true)) {
                // What was begun ends with the connection.
                connection.give_up();
            }
            shown
        }));
        match moved {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.not_moved()),
            Err(error) => Err(error),
        }
    }

    fn view(&self, look: &mut dyn FnMut(&dyn RowView)) -> Result<(), RowError> {
        // The lock comes before the snapshot: who removes this generation waits until nobody looks at it any more.
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {} IN ACCESS SHARE MODE",
            self.table
        );
        let begin = async || {
            let mut connection = self.database.pool.get().await?;
            connection.run(&begin).await?;
            Ok(connection)
        };
        let connection = self.checked(self.database.persist(begin))?;
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

/// Finds a generation, or makes it if none is newer; without a number makes one that is newer than all. Answers its id
/// and its number, or nothing where it was removed after others had found it.
async fn make(
    database: &Database,
    connection: &mut Connection<'_>,
    projection: &str,
    version: u32,
    number: Option<u64>,
) -> Result<Option<(i64, u64)>, Trouble> {
    let schema = &database.url.schema;
    let lock = schema.lock().wrapping_add(2);
    connection.run(&format!("BEGIN; SELECT pg_advisory_xact_lock({lock})")).await?;
    let (version, number) = (i64::from(version), number.map(signed));
    let values: [Parameter<'_>; 3] =
        [(&projection, Type::TEXT), (&version, Type::INT8), (&number, Type::INT8)];
    let insert = format!(
        "INSERT INTO {schema}.generations (projection, version, number)
         SELECT $1, $2, coalesce($3, newest + 1)
         FROM (SELECT coalesce(max(number), 0) AS newest FROM {schema}.generations WHERE projection = $1) AS known
         WHERE $3 IS NULL OR $3 >= newest
         ON CONFLICT DO NOTHING"
    );
    connection.query(&insert, &values).await?;
    let find = format!(
        "SELECT id, number FROM {schema}.generations WHERE projection = $1 AND version = $2
             AND ($3 IS NULL OR number = $3) ORDER BY number DESC LIMIT 1"
    );
    let found = connection.query(&find, &values).await?;
    let Some(row) = found.first() else { return Ok(None) };
    let id: i64 = row.try_get(0)?;
    let table = format!(
        "CREATE TABLE IF NOT EXISTS {schema}.rows_{id} (
             partition text COLLATE \"C\" NOT NULL, sort text COLLATE \"C\" NOT NULL, rank bigint NOT NULL,
             content json, raw_content bytea, PRIMARY KEY (partition, sort)
         ) WITH (fillfactor = 80); COMMIT"
    );
    let number = unsigned(row.try_get(1)?);
    connection.run(&table).await?;
    Ok(Some((id, number)))
}

/// Removes a generation and its table, with the view for people where it shows this one, when nobody looks at it.
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
        let find = format!(
            "SELECT id FROM {schema}.generations WHERE projection = $1 AND version = $2 AND number = $3"
        );
        let mut connection = database.pool.get().await?;
        for row in connection.query(&find, &values).await? {
            let id: i64 = row.try_get(0)?;
            // The table first: who stores a batch holds it before its line, too.
            let remove = format!(
                "BEGIN; DROP TABLE IF EXISTS {schema}.rows_{id} CASCADE; \
                 DELETE FROM {schema}.generations WHERE id = {id}; COMMIT"
            );
            connection.run(&remove).await?;
        }
        Ok(())
    })
}

/// Stores a batch as one statement; says whether the position was what it was believed to be. Everything hangs on the
/// line that moves, which two cannot move from the same place.
pub(super) async fn store(
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
    let aside: Vec<_> = batch.aside.iter().map(|(sequence, _)| encoded(sequence)).collect();
    let waits_at: Vec<_> = batch.aside.iter().map(|(_, position)| signed(position.0)).collect();
    let is_changed = !(batch.late.is_empty() && batch.aside.is_empty() && batch.forget.is_empty());
    let changes = signed(batch.changes);
    let forget: Vec<_> = batch.forget.iter().map(|sequence| encoded(sequence)).collect();
    let sql = format!(
        "WITH moved AS (
             UPDATE {schema}.generations SET position = greatest(position, $3), is_ready = is_ready OR $4,
                 changes = changes + CASE WHEN $17 THEN 1 ELSE 0 END
             WHERE id = $1 AND position IS NOT DISTINCT FROM $2 AND changes = $16 AND NOT is_replaced
                 AND coalesce(held_until < clock_timestamp(), true) RETURNING id
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
             INSERT INTO {schema}.counted_late AS known (generation, sequence, position, waits_at)
             SELECT moved.id, new.sequence, new.position, new.position
             FROM moved, unnest($12, $13) AS new(sequence, position)
             UNION ALL SELECT moved.id, new.sequence, NULL, new.waits_at
             FROM moved, unnest($18, $19) AS new(sequence, waits_at)
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
    let values: [Parameter<'_>; 19] = [
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
        (&changes, Type::INT8),
        (&is_changed, Type::BOOL),
        (&aside, Type::TEXT_ARRAY),
        (&waits_at, Type::INT8_ARRAY),
    ];
    let rows = connection.query(&sql, &values).await?;
    Ok(rows.first().map_or(Ok(false), |row| row.try_get(0))?)
}
