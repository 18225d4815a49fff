//! Read models in the schema: a table for each generation of a projection.
//!
//! Processes that share a schema share the rows. Each of them folds the events; whoever is first stores what follows
//! from them, in one transaction with the position, and the others find that it has moved.

mod generation;
mod listing;
mod replace;
mod text;
mod view;

use std::sync::Arc;

use engine_store::rows::{GenerationId, RowError, RowStore, RowStores};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::types::Type;

use crate::{
    OpenError, PostgresOptions, PostgresUrl, error::Trouble, migrations, pool::Pool, values::unsigned,
};
use generation::PostgresGeneration;

/// Keeps generations of read models in a schema of PostgreSQL, which is made when it is needed.
///
/// Its functions wait, and must not be called by a task of an asynchronous runtime.
#[derive(Debug, Clone)]
pub struct PostgresRows {
    database: Arc<Database>,
}

/// A schema, and a thread that looks after its connections while others wait.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) url: PostgresUrl,
    pub(crate) pool: Pool,
    /// Absent only while it is dropped.
    runtime: Option<Runtime>,
    is_prepared: parking_lot::Mutex<bool>,
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // It may be dropped by a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}

impl PostgresRows {
    /// Rows in the schema of this URL. Does not connect yet.
    ///
    /// # Errors
    /// A URL that is none.
    pub fn new(url: &str) -> Result<Self, OpenError> {
        let url: PostgresUrl = url.parse()?;
        let unsuitable = |error: std::io::Error| OpenError::Unsuitable {
            url: url.to_string(),
            fault: format!("no thread can be started for the read models: {error}"),
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("read-models")
            .enable_all()
            .build()
            .map_err(unsuitable)?;
        let pool = Pool::new(&url, &url.options(PostgresOptions::default()));
        let database =
            Database { url, pool, runtime: Some(runtime), is_prepared: parking_lot::Mutex::new(false) };
        Ok(PostgresRows { database: Arc::new(database) })
    }
}

impl Database {
    /// Waits for an answer of the server, which is asked until it answers. For what can be asked any number of times.
    pub(crate) fn persist<T, F>(&self, ask: impl Fn() -> F) -> Result<T, RowError>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        self.wait(self.pool.persist(ask))
    }

    /// Waits for an answer of the server.
    pub(crate) fn wait<T>(&self, asking: impl Future<Output = Result<T, Trouble>>) -> Result<T, RowError> {
        let Some(runtime) = &self.runtime else {
            return Err(RowError::unavailable("the read models are closed"));
        };
        runtime.block_on(asking).map_err(failed)
    }

    /// Makes sure that the schema is there.
    fn prepare(&self) -> Result<(), RowError> {
        let mut is_prepared = self.is_prepared.lock();
        if !*is_prepared {
            let preparing = async { Ok(migrations::prepare(&self.url, &self.pool).await) };
            self.wait(preparing)?.map_err(RowError::unavailable)?;
            *is_prepared = true;
        }
        Ok(())
    }
}

/// What trouble with the server means for rows.
pub(crate) fn failed(trouble: Trouble) -> RowError {
    match trouble {
        Trouble::Damaged(words) => RowError::damaged(words),
        other => RowError::unavailable(engine_store::ReadError::from(other)),
    }
}

impl RowStores for PostgresRows {
    fn generations(&self, projection: &str) -> Result<Vec<GenerationId>, RowError> {
        self.database.prepare()?;
        let schema = &self.database.url.schema;
        let sql = format!("SELECT version, number FROM {schema}.generations WHERE projection = $1");
        self.database.persist(|| async {
            let rows = self.database.pool.query(&sql, &[(&projection, Type::TEXT)]).await?;
            rows.iter()
                .map(|row| {
                    let version = u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or(u32::MAX);
                    Ok(GenerationId { version, number: unsigned(row.try_get(1)?) })
                })
                .collect()
        })
    }

    fn open(&self, projection: &str, generation: GenerationId) -> Result<Arc<dyn RowStore>, RowError> {
        self.database.prepare()?;
        Ok(Arc::new(PostgresGeneration::open(self.database.clone(), projection, generation)?))
    }

    fn begin(&self, projection: &str, version: u32) -> Result<(GenerationId, Arc<dyn RowStore>), RowError> {
        self.database.prepare()?;
        let (generation, id) = PostgresGeneration::begin(self.database.clone(), projection, version)?;
        Ok((id, Arc::new(generation)))
    }

    fn remove(&self, projection: &str, generation: GenerationId) -> Result<(), RowError> {
        self.database.prepare()?;
        generation::remove(&self.database, projection, generation)
    }

    fn is_shared(&self) -> bool {
        true
    }
}
