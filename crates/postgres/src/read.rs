//! Reading: pages of a stream, and of all streams together.

use std::{pin::pin, sync::Arc};

use engine_store::{
    AllPage, ContentType, Direction, ReadAll, ReadError, ReadFrom, ReadStream, RecordedEvent, StreamMetadata,
    StreamPage, Timestamp, read::check_limit, stream_metadata,
};
use engine_types::{Position, Revision, StreamName};
use futures_util::TryStreamExt;
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use crate::{
    content,
    error::Trouble,
    filter::Condition,
    pool::{Connection, Parameter},
    shared::Shared,
    values::{Octets, Time, signed, unsigned},
};

/// The columns of an event, in the order of [`event`].
const EVENT: &str = "position, revision, id, type, is_json, data, raw_data, metadata, raw_metadata, created";

/// No event ever stands behind this position.
const NEVER: u64 = 1 << 62;

/// What is known of a stream, and some of its events as they stand.
struct Look {
    last: Option<Revision>,
    metadata: StreamMetadata,
    is_closed: bool,
    events: Vec<RecordedEvent>,
    /// Whether there may be more behind, which did not fit.
    is_cut: bool,
}

/// Reads one page of a stream.
pub(crate) async fn stream_page(
    shared: &Shared,
    request: &ReadStream,
    now: Timestamp,
) -> Result<StreamPage, ReadError> {
    check_limit(request.limit)?;
    let stream = &request.stream;
    let backwards = request.direction == Direction::Backwards;
    // Nearly always nothing of the stream is hidden; then this is what is wanted.
    let mut first = match (request.from, backwards) {
        (ReadFrom::Start, _) => 0,
        (ReadFrom::At(revision), _) => revision.0,
        (ReadFrom::End, true) => u64::MAX,
        (ReadFrom::End, false) => return end_of_stream(shared, request, now).await,
    };
    loop {
        let look = shared.persist(|| look(shared, stream, first, request.limit, backwards)).await?;
        if look.is_closed {
            return Err(ReadError::StreamDeleted { stream: stream.clone() });
        }
        let not_found = || ReadError::StreamNotFound { stream: stream.clone() };
        let last = look.last.filter(|_| !look.metadata.is_deleted()).ok_or_else(not_found)?;
        let readable = look.metadata.first_readable(last);
        let wanted = stream_metadata::revisions(request, readable, last);
        // What is hidden moves the page to where something can be read.
        match (backwards, wanted.is_empty()) {
            (false, false) if wanted.start > first => first = wanted.start,
            (true, false) if wanted.end - 1 > first => first = wanted.end - 1,
            _ => return Ok(page_of(look, request.direction, wanted, readable, last, now)),
        }
    }
}

/// The page behind the newest event, which has no events but tells whether there is a stream.
async fn end_of_stream(
    shared: &Shared,
    request: &ReadStream,
    now: Timestamp,
) -> Result<StreamPage, ReadError> {
    let newest = ReadStream::backwards(request.stream.clone()).limit(1);
    let page = Box::pin(stream_page(shared, &newest, now)).await?;
    Ok(StreamPage { events: Vec::new(), next: None, last: page.last })
}

fn page_of(
    look: Look,
    direction: Direction,
    wanted: std::ops::Range<u64>,
    readable: Revision,
    last: Revision,
    now: Timestamp,
) -> StreamPage {
    let Look { mut events, metadata, is_cut, .. } = look;
    events.retain(|event| wanted.contains(&event.revision.0));
    let reached = events.last().map(|event| event.revision);
    let next = match (direction, reached.filter(|_| is_cut)) {
        (Direction::Forwards, Some(reached)) => Some(reached.next()),
        (Direction::Forwards, None) => Some(Revision(wanted.end)),
        (Direction::Backwards, Some(reached)) => reached.previous(),
        (Direction::Backwards, None) if wanted.is_empty() => None,
        (Direction::Backwards, None) => Revision(wanted.start).previous(),
    };
    let next = next.filter(|next| *next <= last && *next >= readable);
    events.retain(|event| !metadata.is_expired(event.created, now));
    StreamPage { events, next, last }
}

async fn look(
    shared: &Shared,
    stream: &StreamName,
    first: u64,
    limit: usize,
    backwards: bool,
) -> Result<Look, Trouble> {
    let sql = format!("SELECT * FROM {}.read_stream($1, $2, $3, $4, $5)", shared.schema());
    let described = stream.described_stream();
    let (name, described) = (stream.as_str(), described.as_ref().map(StreamName::as_str));
    let (first, many) = (signed(first), signed(limit as u64));
    let values: [Parameter<'_>; 5] = [
        (&name, Type::TEXT),
        (&described, Type::TEXT),
        (&first, Type::INT8),
        (&many, Type::INT8),
        (&backwards, Type::BOOL),
    ];
    let mut connection = shared.pool.get().await?;
    let (rows, is_cut) = rows(shared, &mut connection, &sql, &values, 9).await?;
    let Some(row) = rows.first() else {
        return Err(Trouble::Damaged("a stream was read and nothing was answered".to_owned()));
    };
    let metadata = content::join(octets(row, 1)?, octets(row, 2)?);
    let metadata = match stream.is_metadata() {
        true => StreamMetadata::of_metadata_streams(),
        false if metadata.is_empty() => StreamMetadata::default(),
        false => StreamMetadata::from_json(&metadata),
    };
    let has_event = |row: &&Row| row.try_get::<_, Option<i64>>(4).ok().flatten().is_some();
    let events = rows.iter().filter(has_event).map(|row| event(row, 4, stream.clone()));
    Ok(Look {
        last: row.try_get::<_, Option<i64>>(0)?.map(|last| Revision(unsigned(last))),
        metadata,
        is_closed: row.try_get(3)?,
        events: events.collect::<Result<_, _>>()?,
        is_cut,
    })
}

/// Reads one page of all streams.
pub(crate) async fn all_page(shared: &Shared, request: &ReadAll) -> Result<AllPage, ReadError> {
    check_limit(request.limit)?;
    Ok(shared.persist(|| all(shared, request)).await?)
}

async fn all(shared: &Shared, request: &ReadAll) -> Result<AllPage, Trouble> {
    let backwards = request.direction == Direction::Backwards;
    let condition = Condition::of(&request.filter, 4);
    let scan = signed(shared.options.page_scan.max(1));
    let limit = signed(request.limit as u64);
    let (from, begin) = match (request.from, backwards) {
        (ReadFrom::End, false) => (0, "newest + 1"),
        (ReadFrom::End, true) => (0, "newest"),
        (ReadFrom::Start, _) => (0, "$1"),
        (ReadFrom::At(position), true) => (signed(position.0), "least($1, newest)"),
        (ReadFrom::At(position), false) if position.0 > NEVER => {
            return Ok(AllPage { events: Vec::new(), next: Some(position), end: true });
        }
        (ReadFrom::At(position), false) => (signed(position.0), "$1"),
    };
    // All of one statement is as of one moment, so that nothing below the end is still to come.
    let window = if backwards {
        "position <= begin.at AND position > begin.at - $2"
    } else {
        "position >= begin.at AND position < begin.at + $2"
    };
    let order = if backwards { " DESC" } else { "" };
    let schema = shared.schema();
    let sql = format!(
        "SELECT begin.newest, begin.at, page.stream, {EVENT}
         FROM (SELECT newest, {begin} + 0 * $1 AS at
             FROM (SELECT coalesce(max(position), -1) AS newest FROM {schema}.events) AS head) AS begin
         LEFT JOIN LATERAL (
             SELECT stream, {EVENT} FROM {schema}.events WHERE {window}{}
             ORDER BY position{order} LIMIT $3
         ) AS page ON true
         ORDER BY page.position{order}",
        condition.sql
    );
    let values: Vec<Parameter<'_>> = [&from, &scan, &limit]
        .map(|number| (number as &(dyn ToSql + Sync), Type::INT8))
        .into_iter()
        .chain(condition.parameters())
        .collect();
    let mut connection = shared.pool.get().await?;
    let (rows, is_cut) = rows(shared, &mut connection, &sql, &values, 8).await?;
    let Some(row) = rows.first() else {
        return Err(Trouble::Damaged("all streams were read and nothing was answered".to_owned()));
    };
    let (newest, begin): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let mut events = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(stream) = row.try_get::<_, Option<&str>>(2)? {
            events.push(event(row, 3, stream_name(stream)?)?);
        }
    }
    let is_full = is_cut || events.len() >= request.limit;
    let reached = events.last().map(|event| signed(event.position.0)).filter(|_| is_full);
    let page = if backwards {
        let next = reached.map_or(begin.saturating_sub(scan), |reached| reached - 1);
        let next = (next >= 0 && newest >= 0).then(|| Position(unsigned(next)));
        AllPage { events, next, end: next.is_none() }
    } else {
        let next =
            reached.map_or(begin.saturating_add(scan).min((newest + 1).max(begin)), |reached| reached + 1);
        AllPage { events, next: Some(Position(unsigned(next))), end: next > newest }
    };
    shared.seen(Position(unsigned(newest + 1)));
    Ok(page)
}

/// The rows of a page, until they hold too much; says whether some were left out.
async fn rows(
    shared: &Shared,
    connection: &mut Connection<'_>,
    sql: &str,
    values: &[Parameter<'_>],
    first_content: usize,
) -> Result<(Vec<Row>, bool), Trouble> {
    let work = async {
        let values = values.iter().map(|(value, of)| (*value, of.clone()));
        let mut stream = pin!(connection.client()?.query_typed_raw(sql, values).await?);
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(row) = stream.try_next().await? {
            if bytes >= shared.options.page_bytes {
                return Ok((rows, true));
            }
            for column in first_content..first_content + 4 {
                bytes += octets(&row, column)?.map_or(0, <[u8]>::len);
            }
            rows.push(row);
        }
        Ok((rows, false))
    };
    let patience = shared.options.answer_timeout;
    if let Ok(answer) = tokio::time::timeout(patience, work).await {
        return answer;
    }
    connection.give_up();
    Err(Trouble::Lost(format!("PostgreSQL did not answer within {patience:?}")))
}

pub(crate) fn stream_name(name: &str) -> Result<StreamName, Trouble> {
    StreamName::new(name).map_err(|fault| Trouble::Damaged(format!("stream {name:?}: the name {fault}")))
}

pub(crate) fn octets(row: &Row, column: usize) -> Result<Option<&[u8]>, Trouble> {
    Ok(row.try_get::<_, Option<Octets<'_>>>(column)?.map(|octets| octets.0))
}

/// The event whose columns begin here.
fn event(row: &Row, first: usize, stream: StreamName) -> Result<RecordedEvent, Trouble> {
    let is_json: bool = row.try_get(first + 4)?;
    let event_type: &str = row.try_get(first + 3)?;
    Ok(RecordedEvent {
        stream,
        position: Position(unsigned(row.try_get(first)?)),
        revision: Revision(unsigned(row.try_get(first + 1)?)),
        id: row.try_get(first + 2)?,
        event_type: Arc::from(event_type),
        content_type: if is_json { ContentType::Json } else { ContentType::Binary },
        data: content::join(octets(row, first + 5)?, octets(row, first + 6)?),
        metadata: content::join(octets(row, first + 7)?, octets(row, first + 8)?),
        created: row.try_get::<_, Time>(first + 9)?.0,
    })
}
