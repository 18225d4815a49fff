//! Going to a place: a number is a revision or a position, anything else a time.

use engine_store::{ReadAll, ReadStream, RecordedEvent, Timestamp};
use engine_types::{Position, Revision, StreamName};

use crate::{Web, api::Problem};

/// The revision at which to begin.
pub(super) async fn in_stream(web: &Web, stream: &StreamName, to: &str) -> Result<u64, Problem> {
    if let Ok(revision) = to.trim().parse() {
        return Ok(revision);
    }
    let time = time(to)?;
    let last = web.store().read_stream(ReadStream::backwards(stream.clone()).limit(1)).await?.last.0;
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low) / 2;
        let request = ReadStream::forwards(stream.clone()).from(Revision(middle)).limit(1);
        let page = web.store().read_stream(request).await?;
        match page.events.first() {
            Some(event) if is_before(event, time) => low = event.revision.0.max(middle) + 1,
            _ => high = middle,
        }
    }
    Ok(low.min(last))
}

/// The position at which to begin.
pub(super) async fn among_all(web: &Web, to: &str) -> Result<u64, Problem> {
    if let Ok(position) = to.trim().parse() {
        return Ok(position);
    }
    let time = time(to)?;
    let last = web.store().head().await?.map_or(0, |head| head.0);
    let (mut low, mut high) = (0, last);
    while low < high {
        let middle = low + (high - low) / 2;
        let page = web.store().read_all(ReadAll::forwards().from(Position(middle)).limit(1)).await?;
        match page.events.first() {
            Some(event) if is_before(event, time) => low = event.position.0.max(middle) + 1,
            _ => high = middle,
        }
    }
    Ok(low.min(last))
}

fn is_before(event: &RecordedEvent, time: Timestamp) -> bool {
    event.created < time
}

/// Reads a time: RFC 3339, or without the end of it, in UTC.
fn time(text: &str) -> Result<Timestamp, Problem> {
    let text = text.trim().replace(' ', "T");
    let whole = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.clone(),
    };
    let time: jiff::Timestamp = whole.parse().map_err(|_| {
        Problem::bad_request(format!(
            "`{text}` is neither a number nor a time such as 2026-11-24T09:30 (in UTC)"
        ))
    })?;
    Ok(Timestamp::from_micros(time.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_may_be_given_without_its_end() {
        for text in ["2026-11-24", "2026-11-24T00:00", "2026-11-24 00:00:00", "2026-11-24T00:00:00Z"] {
            let time = time(text).expect("it is a time");
            assert_eq!(time.to_string(), "2026-11-24T00:00:00.000000Z");
        }
        assert!(time("yesterday").is_err());
    }
}
