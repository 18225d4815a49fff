//! An event as a given/when/then test: what was there before, and what the command led to.

use engine_store::{ReadError, ReadStream, RecordedEvent};
use engine_types::Revision;
use serde_json::Value;

use crate::Web;

/// How many events before it are given.
const GIVEN: u64 = 50;

/// The text of a test, in Rust; empty where the event is none of an aggregate.
pub(super) async fn of(web: &Web, event: &RecordedEvent) -> Result<String, ReadError> {
    let known =
        web.map().aggregates.iter().any(|aggregate| Some(aggregate.category) == event.stream.category());
    let (true, Some(category)) = (known, event.stream.category()) else { return Ok(String::new()) };
    let from = Revision(event.revision.0.saturating_sub(GIVEN));
    let limit = usize::try_from(event.revision.0 - from.0 + 1).unwrap_or(1);
    let page =
        web.store().read_stream(ReadStream::forwards(event.stream.clone()).from(from).limit(limit)).await;
    let events = match page {
        Ok(page) => page.events,
        Err(ReadError::StreamNotFound { .. } | ReadError::StreamDeleted { .. }) => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let metadata = event.parsed_metadata();
    let command = metadata.causation_id;
    let is_answer =
        |other: &&RecordedEvent| command.is_some() && other.parsed_metadata().causation_id == command;
    let then: Vec<_> = events.iter().filter(|other| is_answer(other) || other.id == event.id).collect();
    let before = events.len() - then.len();
    let list = |events: &[&RecordedEvent]| {
        events
            .iter()
            .flat_map(|event| ["    ".to_owned(), literal(event), ",\n".to_owned()])
            .collect::<String>()
    };
    let given: Vec<_> = events.iter().take(before).collect();
    let cut = if from.0 > 0 { format!("    // … and {} before\n", from.0) } else { String::new() };
    let aggregate = pascal(category);
    Ok(format!(
        "given::<{aggregate}>([\n{cut}{}])\n.when({} {{ /* command {} */ }})\n.then([\n{}]);\n",
        list(&given),
        metadata.command.as_deref().unwrap_or("Command"),
        command.map_or_else(|| "not told".to_owned(), |id| id.0),
        list(&then),
    ))
}

fn pascal(category: &str) -> String {
    let parts = category.split(['_', '.']).map(|part| {
        let mut letters = part.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    });
    parts.collect()
}

/// An event as a variant of an enum. Fields of other types than text, numbers and lists are for the reader to mend.
fn literal(event: &RecordedEvent) -> String {
    match serde_json::from_slice(&event.data) {
        Ok(Value::Object(fields)) if !fields.is_empty() => {
            let fields = fields.iter().map(|(name, value)| format!("{name}: {}", rust(value)));
            format!("{} {{ {} }}", event.event_type, fields.collect::<Vec<_>>().join(", "))
        }
        _ => event.event_type.to_string(),
    }
}

fn rust(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::String(text) => format!("{text:?}.into()"),
        Value::Array(values) => format!("vec![{}]", values.iter().map(rust).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
