//! Moving events between stores: out as lines of JSON, and in again.
//!
//! Each event is one line, in the order of `$all`: the form in which `engine read --json` shows it, but without
//! any loss. Data that is JSON on one line stands there byte for byte; all else is base64 under another key.
//! Documents (checkpoints, snapshots) are not moved: they follow from the events.
//!
//! ```
//! use engine_store::{EventStore, memory::MemoryStore, transfer};
//! # use engine_store::{AppendRequest, NewEvent};
//! # use engine_types::{ExpectedRevision, StreamName};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (old, new) = (MemoryStore::new(), MemoryStore::new());
//! # let created = NewEvent::json(uuid::Uuid::now_v7(), "AccountCreated", &serde_json::json!({}))?;
//! # old.append(AppendRequest::to(StreamName::new("account-jsdf")?, ExpectedRevision::NoStream, vec![created])).await?;
//! let mut file = Vec::new();
//! transfer::export(&old, None, &mut file, |_| ()).await?;
//!
//! let mut importer = transfer::Importer::new(&new, transfer::Revisions::Kept);
//! for (number, line) in file.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
//!     importer.take(transfer::parse(line).map_err(|fault| fault.at_line(number as u64 + 1))?).await?;
//! }
//! assert_eq!(importer.finish().await?.events, 1);
//! # Ok(()) }
//! ```

mod import;
mod line;

use std::io::Write;

use engine_types::Position;

use crate::{EventStore, ReadAll, ReadError};

pub use import::{ImportError, Imported, Importer, Revisions};
pub use line::{LineError, TransferEvent, parse, write_line};

/// Why an export broke off. What was written until then is whole lines, and the export can go on behind them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The lines cannot be written.
    #[error("the export cannot be written: {0}")]
    Write(#[from] std::io::Error),
}

/// Writes all events after a position, up to the end that the store has now; answers how many.
///
/// # Errors
/// See [`ExportError`].
pub async fn export<S: EventStore + ?Sized>(
    store: &S,
    after: Option<Position>,
    out: &mut impl Write,
    mut progress: impl FnMut(Position),
) -> Result<u64, ExportError> {
    let Some(head) = store.head().await? else { return Ok(0) };
    let mut next = after.map_or(Position::FIRST, Position::next);
    let mut count = 0;
    while next <= head {
        let page = store.read_all(ReadAll::forwards().from(next)).await?;
        for event in page.events.iter().take_while(|event| event.position <= head) {
            write_line(event, out)?;
            count += 1;
        }
        next = page.next.unwrap_or_else(|| head.next()).max(next);
        progress(next.min(head));
        if page.end {
            break;
        }
    }
    Ok(count)
}
