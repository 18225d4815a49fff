//! Everything that goes back to one first command: found by looking at a bounded part of all events.

mod tree;

use engine_store::{EventStore, ReadAll, ReadError, RecordedEvent};
use engine_types::{Metadata, Position};

pub(crate) use tree::{Node, What, tree};

/// How many events are shown of one correlation id.
const SHOWN: usize = 500;

/// An event and its metadata.
#[derive(Debug, Clone)]
pub(crate) struct Traced {
    pub(crate) event: RecordedEvent,
    pub(crate) metadata: Metadata,
}

/// What was found, and how much was looked at.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    /// In the order in which they were stored.
    pub(crate) events: Vec<Traced>,
    /// How many events were looked at.
    pub(crate) looked_at: usize,
    /// Whether all events were looked at.
    pub(crate) is_complete: bool,
}

/// Looks for the events of a correlation id: around a position, or else from the newest event back. No more than
/// `most` events are looked at.
pub(crate) async fn search(
    store: &dyn EventStore,
    id: &str,
    near: Option<Position>,
    most: usize,
) -> Result<Trace, ReadError> {
    let mut trace = Trace::default();
    let backwards = match near {
        Some(near) => ReadAll::backwards().from(near),
        None => ReadAll::backwards(),
    };
    let back = walk(store, id, backwards, most / if near.is_some() { 2 } else { 1 }, &mut trace).await?;
    trace.events.reverse();
    trace.is_complete = back;
    if let Some(near) = near {
        let forwards = ReadAll::forwards().from(near.next());
        let left = most - trace.looked_at.min(most);
        trace.is_complete &= walk(store, id, forwards, left, &mut trace).await?;
    }
    Ok(trace)
}

/// Looks at events page by page; says whether the end was reached.
async fn walk(
    store: &dyn EventStore,
    id: &str,
    mut request: ReadAll,
    most: usize,
    trace: &mut Trace,
) -> Result<bool, ReadError> {
    let limit = trace.looked_at + most;
    loop {
        let page = store.read_all(request.clone()).await?;
        trace.looked_at += page.events.len();
        for event in page.events {
            if belongs(&event, id) && trace.events.len() < SHOWN {
                trace.events.push(Traced { metadata: event.parsed_metadata(), event });
            }
        }
        match page.next {
            Some(next) if !page.end && trace.looked_at < limit && trace.events.len() < SHOWN => {
                request = request.from(next);
            }
            _ => return Ok(page.end || page.next.is_none()),
        }
    }
}

/// Whether the event carries this correlation id. Most are told from the bytes, without a parse.
fn belongs(event: &RecordedEvent, id: &str) -> bool {
    let metadata = String::from_utf8_lossy(&event.metadata);
    metadata.contains(id)
        && event.parsed_metadata().correlation_id.is_some_and(|correlation| correlation.0 == id)
}
