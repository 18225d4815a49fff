//! A plan as one statement.

use std::collections::HashSet;

use engine_store::ContentType;
use engine_types::StreamName;
use tokio_postgres::types::Type;

use crate::{
    content::{self, Content},
    error::Trouble,
    facts::{Facts, numbered},
    plan::Plan,
    pool::{Connection, Parameter},
    url::Schema,
    values::{Time, signed, unsigned},
};

/// What the server made of a plan.
pub(super) enum Written {
    /// It is written; the first event has this position.
    At(u64),
    /// Nothing was written: these streams are otherwise than was believed.
    Mistaken(HashSet<StreamName>),
}

/// Writes all of a plan or nothing.
pub(super) async fn write(
    schema: &Schema,
    connection: &mut Connection<'_>,
    plan: &Plan,
    facts: &Facts,
    must_last: bool,
) -> Result<Written, Trouble> {
    let believed = facts.believed();
    let seen_streams: Vec<_> = believed.iter().map(|(stream, ..)| stream.as_str()).collect();
    let seen_revisions: Vec<_> = believed.iter().map(|(_, last, _)| *last).collect();
    let seen_changes: Vec<_> = believed.iter().map(|(.., changes)| *changes).collect();
    let writes = &plan.writes;
    let streams: Vec<_> = writes.iter().map(|write| write.stream.as_str()).collect();
    let revisions: Vec<_> = writes.iter().map(|write| signed(write.revision.0)).collect();
    let ids: Vec<_> = writes.iter().map(|write| write.event.id).collect();
    let types: Vec<_> = writes.iter().map(|write| &*write.event.event_type).collect();
    let is_json: Vec<_> = writes.iter().map(|write| write.event.content_type == ContentType::Json).collect();
    let data = Columns::of(writes.iter().map(|write| &write.event.data[..]));
    let metadata = Columns::of(writes.iter().map(|write| &write.event.metadata[..]));
    let created: Vec<_> = writes.iter().map(|write| Time(write.created)).collect();
    let rows: Vec<_> = plan.rows.iter().collect();
    let row_streams: Vec<_> = rows.iter().map(|(stream, _)| stream.as_str()).collect();
    let row_metadata = Columns::of(rows.iter().map(|(_, row)| &row.metadata[..]));
    let row_deleted: Vec<_> = rows.iter().map(|(_, row)| row.is_deleted).collect();
    let row_closed: Vec<_> = rows.iter().map(|(_, row)| row.is_closed).collect();
    let values: [Parameter<'_>; 19] = [
        (&seen_streams, Type::TEXT_ARRAY),
        (&seen_revisions, Type::INT8_ARRAY),
        (&seen_changes, Type::INT8_ARRAY),
        (&streams, Type::TEXT_ARRAY),
        (&revisions, Type::INT8_ARRAY),
        (&ids, Type::UUID_ARRAY),
        (&types, Type::TEXT_ARRAY),
        (&is_json, Type::BOOL_ARRAY),
        (&data.json, Type::TEXT_ARRAY),
        (&data.raw, Type::BYTEA_ARRAY),
        (&metadata.json, Type::TEXT_ARRAY),
        (&metadata.raw, Type::BYTEA_ARRAY),
        (&created, Type::TIMESTAMPTZ_ARRAY),
        (&row_streams, Type::TEXT_ARRAY),
        (&row_metadata.json, Type::TEXT_ARRAY),
        (&row_metadata.raw, Type::BYTEA_ARRAY),
        (&row_deleted, Type::BOOL_ARRAY),
        (&row_closed, Type::BOOL_ARRAY),
        (&must_last, Type::BOOL),
    ];
    let places: Vec<_> = (1..=values.len()).map(|number| format!("${number}")).collect();
    let sql = format!("SELECT first_position, mistaken FROM {schema}.append({})", places.join(", "));
    let answered = connection.query(&sql, &values).await?;
    let Some(row) = answered.first() else {
        return Err(Trouble::Damaged("events were written and nothing was answered".to_owned()));
    };
    if let Some(numbers) = row.try_get::<_, Option<Vec<i64>>>(1)? {
        let names = numbers.into_iter().filter_map(|number| numbered(&believed, number));
        return Ok(Written::Mistaken(names.map(|(stream, ..)| (*stream).clone()).collect()));
    }
    Ok(Written::At(row.try_get::<_, Option<i64>>(0)?.map_or(0, unsigned)))
}

/// Contents for two columns.
struct Columns<'a> {
    json: Vec<Option<&'a str>>,
    raw: Vec<Option<&'a [u8]>>,
}

impl<'a> Columns<'a> {
    fn of(contents: impl Iterator<Item = &'a [u8]>) -> Self {
        let split = contents.map(content::split).map(|Content { json, raw }| (json, raw));
        let (json, raw) = split.unzip();
        Columns { json, raw }
    }
}
