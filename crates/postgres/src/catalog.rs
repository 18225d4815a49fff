//! What is in a store: its streams, the types of its events, and where it ends.

use engine_store::{EventTypeCount, ReadError, StreamInfo, StreamQuery, StreamsPage};
use engine_types::{Position, Revision};
use tokio_postgres::types::Type;

use crate::{
    error::Trouble,
    pool::Parameter,
    read::stream_name,
    shared::Shared,
    values::{signed, unsigned},
};

/// So many events are counted anew at most before the counts are noted.
const NOTED_EVERY: i64 = 10_000;

/// So many events are counted by one statement.
const COUNTED_AT_ONCE: i64 = 500_000;

/// The position of the newest event.
pub(crate) async fn head(shared: &Shared) -> Result<Option<Position>, Trouble> {
    let sql = format!("SELECT max(position) FROM {}.events", shared.schema());
    let rows = shared.pool.query(&sql, &[]).await?;
    let newest: Option<i64> = rows.first().map_or(Ok(None), |row| row.try_get(0))?;
    let head = newest.map(|newest| Position(unsigned(newest)));
    shared.seen(head.map_or(Position::FIRST, Position::next));
    Ok(head)
}

pub(crate) async fn streams(shared: &Shared, query: &StreamQuery) -> Result<StreamsPage, ReadError> {
    let prefix = match beginning(query) {
        Some(prefix) if !prefix.contains('\0') => prefix,
        _ => return Ok(StreamsPage { streams: Vec::new(), more: false }),
    };
    let prefix = &prefix;
    Ok(shared.persist(|| streams_once(shared, query, prefix)).await?)
}

/// What all names begin with that are asked for; absent where there can be none. A category is what stands before the
/// first dash, and so a beginning itself.
fn beginning(query: &StreamQuery) -> Option<String> {
    let Some(category) = &query.category else { return Some(query.prefix.clone()) };
    let of_category = format!("{category}-");
    match () {
        () if category.contains('-') => None,
        () if query.prefix.starts_with(&of_category) => Some(query.prefix.clone()),
        () if of_category.starts_with(&query.prefix) => Some(of_category),
        () => None,
    }
}

async fn streams_once(shared: &Shared, query: &StreamQuery, prefix: &String) -> Result<StreamsPage, Trouble> {
    let schema = shared.schema();
    let system = if query.prefix.starts_with('$') { "" } else { "AND NOT starts_with(stream, '$')" };
    let sql = format!(
        "SELECT known.stream, ends.last
         FROM (SELECT stream FROM {schema}.streams
             WHERE NOT is_deleted AND NOT is_closed {system} AND stream >= $1
                 AND ($2::text IS NULL OR stream < $2) AND ($3::text IS NULL OR stream > $3)
             ORDER BY stream) AS known
         CROSS JOIN LATERAL (
             SELECT max(event.revision) AS last FROM {schema}.events event WHERE event.stream = known.stream
         ) AS ends
         WHERE ends.last IS NOT NULL ORDER BY known.stream LIMIT $4"
    );
    let behind = behind(prefix);
    let after = query.after.as_ref().map(engine_types::StreamName::as_str);
    let limit = query.effective_limit();
    let many = signed(limit as u64).saturating_add(1);
    let values: [Parameter<'_>; 4] =
        [(prefix, Type::TEXT), (&behind, Type::TEXT), (&after, Type::TEXT), (&many, Type::INT8)];
    let rows = shared.pool.query(&sql, &values).await?;
    let mut streams = Vec::with_capacity(rows.len());
    for row in &rows {
        let (stream, last) = (stream_name(row.try_get(0)?)?, Revision(unsigned(row.try_get(1)?)));
        streams.push(StreamInfo { stream, last });
    }
    let more = streams.len() > limit;
    streams.truncate(limit);
    Ok(StreamsPage { streams, more })
}

/// The types that occur, from the counts that were noted and the events behind them.
pub(crate) async fn event_types(shared: &Shared) -> Result<Vec<EventTypeCount>, ReadError> {
    Ok(shared.persist(|| event_types_once(shared)).await?)
}

async fn event_types_once(shared: &Shared) -> Result<Vec<EventTypeCount>, Trouble> {
    let schema = shared.schema();
    let head = head(shared).await?.map_or(0, |head| signed(head.0) + 1);
    let noted = shared.pool.query(&format!("SELECT max(below) FROM {schema}.counted"), &[]).await?;
    let noted: Option<i64> = noted.first().map_or(Ok(None), |row| row.try_get(0))?;
    let mut noted = noted.unwrap_or(0);
    while head - noted > NOTED_EVERY {
        noted = head.min(noted + COUNTED_AT_ONCE);
        note_counts(shared, noted).await?;
    }
    let sql = format!(
        "SELECT category, type, sum(count)::int8
         FROM (SELECT category, type, count FROM {schema}.counted_types
             UNION ALL
             SELECT {schema}.category(stream), type, count(*) FROM {schema}.events
             WHERE position >= (SELECT max(below) FROM {schema}.counted) GROUP BY 1, 2) AS counted
         GROUP BY 1, 2 ORDER BY 1, 2"
    );
    let rows = shared.pool.query(&sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let category: String = row.try_get(0)?;
            Ok(EventTypeCount {
                category: Some(category).filter(|category| !category.is_empty()),
                event_type: row.try_get(1)?,
                count: Some(unsigned(row.try_get(2)?)),
            })
        })
        .collect()
}

/// Notes the counts of all events below a position, so that they are not counted again. One statement: whoever comes
/// second finds that the place has moved, and adds nothing.
async fn note_counts(shared: &Shared, below: i64) -> Result<(), Trouble> {
    let schema = shared.schema();
    let sql = format!(
        "WITH before AS (SELECT below FROM {schema}.counted WHERE below < $1 FOR UPDATE),
              moved AS (UPDATE {schema}.counted SET below = $1 FROM before WHERE counted.below = before.below
                  RETURNING before.below AS since)
         INSERT INTO {schema}.counted_types AS known (category, type, count)
         SELECT {schema}.category(event.stream), event.type, count(*) FROM moved
         JOIN {schema}.events event ON event.position >= moved.since AND event.position < $1 GROUP BY 1, 2
         ON CONFLICT (category, type) DO UPDATE SET count = known.count + excluded.count"
    );
    shared.pool.query(&sql, &[(&below, Type::INT8)]).await.map(drop)
}

/// The first text behind all that begin with a prefix, if there is one. Texts are in the order of their bytes, which
/// is that of their characters.
pub(crate) fn behind(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn behind_a_prefix_stands_the_next_character() {
        assert_eq!(behind("ab").as_deref(), Some("ac"));
        assert_eq!(behind("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!((behind("\u{10ffff}"), behind("")), (None, None));
    }
}
