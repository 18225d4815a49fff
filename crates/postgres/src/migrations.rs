//! The versions of a schema, and the way from each to the next.
//!
//! A migration is a file of `migrations/`. It is run once; all that are missing are run in one transaction, while
//! others who would wait for a lock. What was released is never changed, only followed by another.

use tokio_postgres::types::Type;

use crate::{
    OpenError, PostgresOptions, PostgresUrl,
    connect::OUT_OF_CONNECTIONS,
    error::Trouble,
    pool::{Connection, Pool},
    url::Schema,
};

/// All migrations in order; the version of a schema is how many of them were run.
const MIGRATIONS: &[(&str, &str)] = &[
    ("events and documents", include_str!("../migrations/0001_events_and_documents.sql")),
    ("read models", include_str!("../migrations/0002_read_models.sql")),
    ("shared read models", include_str!("../migrations/0003_shared_read_models.sql")),
];

/// The oldest server that has all that is used: 13.
const OLDEST_SERVER: i32 = 130_000;

/// What [`migrate`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    /// The schema.
    pub schema: String,
    /// The version it had; 0 where there was none.
    pub from: i64,
    /// The version it has now.
    pub to: i64,
}

/// The version that this program works with.
fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Brings the schema of a store to the version of this program, and makes it where there is none.
///
/// # Errors
/// See [`OpenError`].
pub async fn migrate(url: &str) -> Result<Migrated, OpenError> {
    let url: PostgresUrl = url.parse()?;
    let pool = Pool::new(&url, &url.options(PostgresOptions::default()));
    let mut connection = connected(&url, &pool).await?;
    check_server(&url, &mut connection).await?;
    let from = version(&url, &mut connection).await?;
    if from > known() {
        return Err(wrong_version(&url, from));
    }
    if from < known() {
        bring_up(&url, &mut connection).await?;
    }
    Ok(Migrated { schema: url.schema().to_owned(), from, to: known() })
}

/// Makes sure that the schema can be worked with: makes a new one, and refuses one of another version.
pub(crate) async fn prepare(url: &PostgresUrl, pool: &Pool) -> Result<(), OpenError> {
    let mut connection = connected(url, pool).await?;
    check_server(url, &mut connection).await?;
    if version(url, &mut connection).await? == 0 {
        bring_up(url, &mut connection).await?;
    }
    match version(url, &mut connection).await? {
        found if found == known() => Ok(()),
        found => Err(wrong_version(url, found)),
    }
}

/// The version of the schema of a store; 0 where there is none.
pub(crate) async fn found(url: &PostgresUrl, pool: &Pool) -> Result<i64, OpenError> {
    let mut connection = connected(url, pool).await?;
    version(url, &mut connection).await
}

/// A connection. A server that has none to spare is waited for, for others may be about to end; one that cannot be
/// reached is told at once, for its URL may be wrong.
async fn connected<'a>(url: &PostgresUrl, pool: &'a Pool) -> Result<Connection<'a>, OpenError> {
    let mut pauses = pool.pauses();
    loop {
        match pool.get().await {
            Err(Trouble::OutOfConnections(_)) if pauses.pause().await => {}
            got => return got.map_err(|trouble| not_reached(url, trouble)),
        }
    }
}

async fn check_server(url: &PostgresUrl, connection: &mut Connection<'_>) -> Result<(), OpenError> {
    let settings = "SELECT current_setting('server_version_num')::int4, current_setting('server_encoding'), \
                    current_setting('server_version')";
    let rows = connection.query(settings, &[]).await.map_err(|trouble| not_reached(url, trouble))?;
    let unsuitable = |fault: String| OpenError::Unsuitable { url: url.to_string(), fault };
    let Some(row) = rows.first() else { return Ok(()) };
    let (number, encoding, version): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
    if number < OLDEST_SERVER {
        return Err(unsuitable(format!(
            "the server is PostgreSQL {version}, and 13 is the oldest that will do"
        )));
    }
    if encoding != "UTF8" {
        return Err(unsuitable(format!(
            "the database is encoded in {encoding}: make one with `createdb --encoding=UTF8 --template=template0`"
        )));
    }
    Ok(())
}

async fn version(url: &PostgresUrl, connection: &mut Connection<'_>) -> Result<i64, OpenError> {
    let schema = &url.schema;
    let is_there = format!("SELECT to_regclass('{schema}.migrations') IS NOT NULL");
    let asked = connection.query(&is_there, &[]).await.map_err(|trouble| not_reached(url, trouble))?;
    if !asked.first().is_some_and(|row| row.get(0)) {
        return Ok(0);
    }
    let newest = format!("SELECT coalesce(max(version), 0) FROM {schema}.migrations");
    let rows = connection.query(&newest, &[]).await.map_err(|trouble| not_reached(url, trouble))?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

/// Runs the migrations that are missing, all in one transaction: nobody sees a version in between.
async fn bring_up(url: &PostgresUrl, connection: &mut Connection<'_>) -> Result<(), OpenError> {
    run_missing(&url.schema, connection).await.map_err(|(what, trouble)| {
        connection.give_up();
        let fault = format!("{what} failed, and changed nothing: {}", trouble.words());
        OpenError::Unsuitable { url: url.to_string(), fault }
    })
}

/// Runs the migrations that are missing; where one fails, which.
async fn run_missing(schema: &Schema, connection: &mut Connection<'_>) -> Result<(), (String, Trouble)> {
    // The lock is of the transaction, which a pooler leaves to one session.
    let lock = schema.lock().wrapping_add(1);
    let begin = format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED;
         SELECT pg_advisory_xact_lock({lock});
         DO $$ BEGIN
             IF to_regnamespace('{schema}') IS NULL THEN CREATE SCHEMA {schema}; END IF;
         END $$;
         CREATE TABLE IF NOT EXISTS {schema}.migrations (
             version bigint PRIMARY KEY, name text NOT NULL, done timestamptz NOT NULL DEFAULT now()
         );"
    );
    let making = |trouble| ("making the schema".to_owned(), trouble);
    connection.run(&begin).await.map_err(making)?;
    for (number, (name, sql)) in (1..).zip(MIGRATIONS) {
        run(schema, connection, number, name, sql)
            .await
            .map_err(|trouble| (format!("migration {number} ({name})"), trouble))?;
    }
    connection.run("COMMIT").await.map_err(making)
}

/// Runs one migration, if it was not run yet.
async fn run(
    schema: &Schema,
    connection: &mut Connection<'_>,
    number: i64,
    name: &str,
    sql: &str,
) -> Result<(), Trouble> {
    let done = format!("SELECT FROM {schema}.migrations WHERE version = $1");
    if connection.query(&done, &[(&number, Type::INT8)]).await?.is_empty() {
        connection.run(&filled_in(sql, schema)).await?;
        let note = format!("INSERT INTO {schema}.migrations (version, name) VALUES ($1, $2)");
        connection.query(&note, &[(&number, Type::INT8), (&name, Type::TEXT)]).await?;
    }
    Ok(())
}

fn filled_in(sql: &str, schema: &Schema) -> String {
    sql.replace("{schema}", &schema.to_string())
        .replace("{lock}", &schema.lock().to_string())
        .replace("{channel}", &schema.channel())
}

fn not_reached(url: &PostgresUrl, trouble: Trouble) -> OpenError {
    let without = |known: String, fault: String| fault.strip_prefix(&known).unwrap_or(&fault).to_owned();
    if let Trouble::OutOfConnections(fault) = trouble {
        let fault = without(format!("{url}: {OUT_OF_CONNECTIONS}"), fault);
        return OpenError::OutOfConnections { url: url.to_string(), fault };
    }
    let known = format!("{url} cannot be reached: ");
    OpenError::Unreachable { url: url.to_string(), fault: without(known, trouble.words()) }
}

fn wrong_version(url: &PostgresUrl, found: i64) -> OpenError {
    OpenError::WrongVersion { schema: url.schema().to_owned(), found, known: known() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        let url: PostgresUrl = "postgres://ann@db/bank".parse().unwrap_or_else(|error| panic!("{error}"));
        for (name, sql) in MIGRATIONS {
            let sql = filled_in(sql, &url.schema);
            assert!(!sql.contains('{') && !sql.contains('}'), "{name}");
        }
    }
}
