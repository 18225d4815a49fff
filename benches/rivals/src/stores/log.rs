//! The embedded log.

use std::{hint::black_box, path::Path, sync::Arc};

use engine_log::{LogOptions, LogStore};
use engine_store::{AppendRequest, ContentType, EventStore, NewEvent, ReadAll, ReadStream};
use engine_types::{ExpectedRevision, Position, StreamName};

use super::Reader;
use crate::event::{Append, TYPE};

/// The embedded log. Idempotency by event id is included: the others have none.
#[derive(Clone)]
pub struct Log {
    store: LogStore,
    event_type: Arc<str>,
}

impl Log {
    /// Opens the store in a folder.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        Ok(Log { store: LogStore::open(folder, LogOptions::default())?, event_type: TYPE.into() })
    }

    /// The store itself.
    pub fn store(&self) -> &LogStore {
        &self.store
    }

    /// Appends durably.
    pub async fn append(&self, append: Append) -> anyhow::Result<()> {
        let event = |(id, data)| NewEvent {
            id,
            event_type: self.event_type.clone(),
            content_type: ContentType::Json,
            data,
            metadata: bytes::Bytes::new(),
        };
        let events = append.events.into_iter().map(event).collect();
        let request = AppendRequest::to(StreamName::new(append.stream)?, ExpectedRevision::Any, events);
        self.store.append(request).await?;
        Ok(())
    }

    /// What reads.
    pub fn reader(&self) -> anyhow::Result<LogReader> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(LogReader { store: self.store.clone(), runtime })
    }
}

/// Reads of the log.
pub struct LogReader {
    store: LogStore,
    runtime: tokio::runtime::Runtime,
}

impl Reader for LogReader {
    fn scan(&mut self) -> anyhow::Result<u64> {
        let mut count = 0;
        let mut next = Position::FIRST;
        loop {
            let page = self.runtime.block_on(self.store.read_all(ReadAll::forwards().from(next)))?;
            count += black_box(page.events).len() as u64;
            match page.next {
                Some(following) if !page.end => next = following,
                _ => return Ok(count),
            }
        }
    }

    fn stream(&mut self, name: &str) -> anyhow::Result<u64> {
        let request = ReadStream::forwards(StreamName::new(name)?);
        let page = self.runtime.block_on(self.store.read_stream(request))?;
        Ok(black_box(page.events).len() as u64)
    }
}
