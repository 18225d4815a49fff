//! Documents: small values that replace each other, each written by one statement.

use bytes::Bytes;
use engine_store::{AppendError, Document, DocumentKey, ExpectedVersion, ReadError, document};
use tokio::time::Instant;
use tokio_postgres::types::Type;

use crate::{
    content,
    error::Trouble,
    pauses::Pauses,
    read::octets,
    shared::Shared,
    values::{signed, unsigned},
};

pub(crate) async fn load(shared: &Shared, key: &DocumentKey) -> Result<Option<Document>, ReadError> {
    Ok(shared.persist(|| load_once(shared, key)).await?)
}

async fn load_once(shared: &Shared, key: &DocumentKey) -> Result<Option<Document>, Trouble> {
    let sql =
        format!("SELECT version, content, raw_content FROM {}.documents WHERE key = $1", shared.schema());
    let rows = shared.pool.query(&sql, &[(&key.as_str(), Type::TEXT)]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let content = content::join(octets(row, 1)?, octets(row, 2)?);
    Ok(Some(Document { version: unsigned(row.try_get(0)?), content }))
}

/// What became of a try to save.
enum Saved {
    Version(u64),
    /// It has another version, or none.
    Otherwise,
}

pub(crate) async fn save(
    shared: &Shared,
    key: &DocumentKey,
    expected: ExpectedVersion,
    content: Bytes,
) -> Result<u64, AppendError> {
    document::check_size(key, &content)?;
    let mut pauses = Pauses::until(Instant::now() + shared.options.retry_for);
    let mut was_lost = false;
    loop {
        match save_once(shared, key, expected, &content).await {
            Ok(Saved::Version(version)) => return Ok(version),
            Ok(Saved::Otherwise) => {
                let there = load(shared, key).await?;
                // The try whose answer was lost may be what others would call a conflict.
                if was_lost && let Some(version) = own(there.as_ref(), expected, &content) {
                    return Ok(version);
                }
                let actual = there.map_or(0, |document| document.version);
                return Err(AppendError::DocumentConflict { key: key.clone(), expected, actual });
            }
            Err(trouble) => {
                was_lost |= matches!(trouble, Trouble::Lost(_));
                let goes_on = trouble.is_passing() && !shared.is_closed() && pauses.pause().await;
                // Without an expectation a second try would overwrite what others have saved meanwhile.
                if !goes_on || (was_lost && expected == ExpectedVersion::Any) {
                    return Err(match AppendError::from(trouble) {
                        AppendError::Unavailable(cause) if was_lost => AppendError::OutcomeUnknown(cause),
                        error => error,
                    });
                }
            }
        }
    }
}

/// The version of what is there, if it is what this writer wanted to save.
fn own(there: Option<&Document>, expected: ExpectedVersion, content: &Bytes) -> Option<u64> {
    let follows = match expected {
        ExpectedVersion::Any => return None,
        ExpectedVersion::Absent => 1,
        ExpectedVersion::Exact(version) => version + 1,
    };
    there.filter(|there| there.version == follows && there.content == *content).map(|there| there.version)
}

async fn save_once(
    shared: &Shared,
    key: &DocumentKey,
    expected: ExpectedVersion,
    content: &Bytes,
) -> Result<Saved, Trouble> {
    let schema = shared.schema();
    let content::Content { json, raw } = content::split(content);
    let name = key.as_str();
    let mut values: Vec<crate::pool::Parameter<'_>> =
        vec![(&name, Type::TEXT), (&json, Type::TEXT), (&raw, Type::BYTEA)];
    let insert = format!(
        "INSERT INTO {schema}.documents AS d (key, version, content, raw_content) VALUES ($1, 1, $2::json, $3)"
    );
    let change = "content = $2::json, raw_content = $3, saved = clock_timestamp()";
    let known;
    let sql = match expected {
        ExpectedVersion::Any => format!(
            "{insert} ON CONFLICT (key) DO UPDATE SET version = d.version + 1, {change} RETURNING version"
        ),
        ExpectedVersion::Absent => format!("{insert} ON CONFLICT DO NOTHING RETURNING version"),
        ExpectedVersion::Exact(version) => {
            known = signed(version);
            values.push((&known, Type::INT8));
            format!(
                "UPDATE {schema}.documents SET version = version + 1, {change}
                 WHERE key = $1 AND version = $4 RETURNING version"
            )
        }
    };
    let rows = shared.pool.query(&sql, &values).await?;
    match rows.first() {
        Some(row) => Ok(Saved::Version(unsigned(row.try_get(0)?))),
        None => Ok(Saved::Otherwise),
    }
}

pub(crate) async fn delete(shared: &Shared, key: &DocumentKey) -> Result<(), AppendError> {
    let sql = format!("DELETE FROM {}.documents WHERE key = $1", shared.schema());
    shared.pool.query(&sql, &[(&key.as_str(), Type::TEXT)]).await?;
    Ok(())
}

pub(crate) async fn list(
    shared: &Shared,
    prefix: &str,
    after: Option<&DocumentKey>,
    limit: usize,
) -> Result<Vec<DocumentKey>, ReadError> {
    if prefix.contains('\0') {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT key FROM {}.documents
         WHERE key >= $1 AND ($2::text IS NULL OR key < $2) AND ($3::text IS NULL OR key > $3)
         ORDER BY key LIMIT $4",
        shared.schema()
    );
    let behind = engine_store::prefix::behind(prefix);
    let after = after.map(DocumentKey::as_str);
    let limit = signed(limit as u64);
    let (sql, prefix, behind, after, limit) = (&sql, &prefix, &behind, &after, &limit);
    let ask = || async move {
        let values: [crate::pool::Parameter<'_>; 4] =
            [(prefix, Type::TEXT), (behind, Type::TEXT), (after, Type::TEXT), (limit, Type::INT8)];
        let rows = shared.pool.query(sql, &values).await?;
        rows.iter()
            .map(|row| {
                let key: String = row.try_get(0)?;
                DocumentKey::new(key).map_err(|fault| Trouble::Damaged(fault.to_string()))
            })
            .collect::<Result<Vec<_>, Trouble>>()
    };
    Ok(shared.persist(ask).await?)
}
