//! Taking events in, in the order in which they come.
//!
//! Appends are under way many at a time, in order. Each expects its stream where the file says it was: so nothing
//! is written in the wrong place, and an import that is begun again finds what is there already.

use std::{future::Future, pin::Pin};

use engine_types::{ExpectedRevision, Revision, StreamName};
use futures_util::{StreamExt, stream::FuturesOrdered};

use super::TransferEvent;
use crate::{
    AppendError, AppendRequest, Appended, DeleteMode, EventStore, NewEvent, ReadError, ReadStream, Timestamp,
    stream_metadata::TOMBSTONE_EVENT_TYPE,
};

/// How many events go into one append at most.
const APPEND_EVENTS: usize = 1_000;

/// How many appends are under way at most.
const UNDER_WAY: usize = 256;

/// Whether events keep the revisions that the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revisions {
    /// Yes. Where that is impossible, the import ends with an error.
    #[default]
    Kept,
    /// Events go to the end of their stream, whatever is there: for files of stores that were scavenged, and to
    /// bring two stores together. Events that are there already are known by their ids, as far as the store
    /// remembers.
    Renumbered,
}

/// What was imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    /// How many events were written.
    pub events: u64,
    /// How many were there already.
    pub already_there: u64,
    /// How many were left out because their stream is closed for ever here.
    pub in_closed_streams: u64,
}

/// Why an import broke off. What was taken in until then stays, and the import can be begun again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The stream is not where the file says. Import into an empty store, or renumber.
    #[error(
        "stream `{stream}` cannot go on with revision {revision}: {source}; import into an empty store, or let the \
         events be renumbered"
    )]
    Misplaced {
        /// The stream.
        stream: StreamName,
        /// The revision of the event that cannot be written.
        revision: Revision,
        /// Where the stream is.
        #[source]
        source: AppendError,
    },
    /// The store does not take the events.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Takes events in.
pub struct Importer<'a> {
    store: &'a dyn EventStore,
    revisions: Revisions,
    run: Vec<NewEvent>,
    /// The stream, the first revision and the time of the run.
    run_of: Option<(StreamName, Revision, Timestamp)>,
    under_way: FuturesOrdered<UnderWay<'a>>,
    imported: Imported,
}

type UnderWay<'a> = Pin<Box<dyn Future<Output = Result<Imported, ImportError>> + Send + 'a>>;

impl std::fmt::Debug for Importer<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Importer").field("imported", &self.imported).finish_non_exhaustive()
    }
}

impl<'a> Importer<'a> {
    /// Begins an import.
    pub fn new(store: &'a dyn EventStore, revisions: Revisions) -> Self {
        Importer {
            store,
            revisions,
            run: Vec::new(),
            run_of: None,
            under_way: FuturesOrdered::new(),
            imported: Imported::default(),
        }
    }

    /// Takes an event in. It is surely there only after [`Importer::finish`].
    ///
    /// # Errors
    /// See [`ImportError`]; of this event or of an earlier one.
    pub async fn take(&mut self, event: TransferEvent) -> Result<(), ImportError> {
        if &*event.event.event_type == TOMBSTONE_EVENT_TYPE {
            return self.bury(event).await;
        }
        let TransferEvent { stream, revision, created, event, .. } = event;
        let goes_on = self.run_of.as_ref().is_some_and(|(of, first, time)| {
            *of == stream && first.0 + self.run.len() as u64 == revision.0 && *time == created
        });
        if !goes_on || self.run.len() == APPEND_EVENTS {
            self.send_run();
            self.run_of = Some((stream, revision, created));
        }
        self.run.push(event);
        while self.under_way.len() > UNDER_WAY {
            self.await_one().await?;
        }
        Ok(())
    }

    /// Waits until all events are there, and tells how many.
    ///
    /// # Errors
    /// See [`ImportError`].
    pub async fn finish(mut self) -> Result<Imported, ImportError> {
        self.settle().await?;
        Ok(self.imported)
    }

    async fn settle(&mut self) -> Result<(), ImportError> {
        self.send_run();
        while !self.under_way.is_empty() {
            self.await_one().await?;
        }
        Ok(())
    }

    async fn await_one(&mut self) -> Result<(), ImportError> {
        if let Some(imported) = self.under_way.next().await {
            let Imported { events, already_there, in_closed_streams } = imported?;
            self.imported.events += events;
            self.imported.already_there += already_there;
            self.imported.in_closed_streams += in_closed_streams;
        }
        Ok(())
    }

    /// Sends the events of one stream that stand next to each other on their way.
    fn send_run(&mut self) {
        let Some((stream, first, created)) = self.run_of.take() else { return };
        let events = std::mem::take(&mut self.run);
        let (store, revisions) = (self.store, self.revisions);
        self.under_way.push_back(Box::pin(write_run(store, revisions, stream, first, created, events)));
    }

    /// Closes a stream for ever, as the file says.
    async fn bury(&mut self, tombstone: TransferEvent) -> Result<(), ImportError> {
        self.settle().await?;
        let any = ExpectedRevision::Any;
        match self.store.delete_stream(&tombstone.stream, any, DeleteMode::Tombstone).await {
            Ok(()) => self.imported.events += 1,
            Err(AppendError::StreamDeleted { .. }) => self.imported.already_there += 1,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// Writes the events of a run that are not there yet.
async fn write_run(
    store: &dyn EventStore,
    revisions: Revisions,
    stream: StreamName,
    first: Revision,
    created: Timestamp,
    mut events: Vec<NewEvent>,
) -> Result<Imported, ImportError> {
    let mut imported = Imported::default();
    let mut expected = expected(&stream, first, revisions);
    loop {
        let count = events.len() as u64;
        let request = AppendRequest {
            created: Some(created),
            ..AppendRequest::to(stream.clone(), expected, events.clone())
        };
        match store.append(request).await {
            Ok(Appended { deduplicated: true, .. }) => imported.already_there += count,
            Ok(_) => imported.events += count,
            // As a rule the file goes on to close the stream, which an earlier try has done already.
            Err(AppendError::StreamDeleted { .. }) => imported.in_closed_streams += count,
            Err(source @ AppendError::Conflict { actual, .. }) => {
                let there = if imported.already_there == 0 {
                    known(store, &stream, first, &events).await?
                } else {
                    0
                };
                if there == 0 || revisions == Revisions::Renumbered {
                    return Err(ImportError::Misplaced { stream, revision: first, source });
                }
                // An earlier try ended in the middle of this run.
                events.drain(..there);
                imported.already_there += there as u64;
                expected = actual.into();
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        return Ok(imported);
    }
}

/// How many of the first of these events stand at their place already, where the stream ends with them.
async fn known(
    store: &dyn EventStore,
    stream: &StreamName,
    first: Revision,
    events: &[NewEvent],
) -> Result<usize, ImportError> {
    let request = ReadStream::forwards(stream.clone()).from(first).limit(events.len());
    let page = match store.read_stream(request).await {
        Ok(page) => page,
        Err(ReadError::StreamNotFound { .. }) => return Ok(0),
        Err(error) => return Err(ImportError::Append(error.into())),
    };
    let there = page.events.len();
    let same =
        page.events.iter().zip(events).enumerate().all(|(index, (stored, event))| {
            stored.id == event.id && stored.revision.0 == first.0 + index as u64
        });
    Ok(if same && there < events.len() { there } else { 0 })
}

/// Where a stream must be for its next events. Metadata is never tied to a place: the store writes some itself.
fn expected(stream: &StreamName, first: Revision, revisions: Revisions) -> ExpectedRevision {
    match first.previous() {
        _ if revisions == Revisions::Renumbered || stream.is_metadata() => ExpectedRevision::Any,
        None => ExpectedRevision::NoStream,
        Some(before) => ExpectedRevision::Exact(before),
    }
}
