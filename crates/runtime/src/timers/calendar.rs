//! The calendar: where timers are noted, and looked up when they are due.

use std::sync::Arc;

use engine_store::{AppendError, DocumentKey, EventStore, ReadError};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::record::{PREFIX, Record, TimerId};
use crate::listen::records::{self, Versioned};

/// The timers of a store. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Calendar {
    store: Arc<dyn EventStore>,
    news: Arc<News>,
}

/// What was noted in this process since the last look.
#[derive(Debug, Default)]
struct News {
    /// The earliest.
    first: Mutex<Option<TimerId>>,
    raised: Notify,
}

impl Calendar {
    pub(crate) fn new(store: Arc<dyn EventStore>) -> Self {
        Calendar { store, news: Arc::default() }
    }

    /// Notes a timer. Noted again, it is the same.
    pub(crate) async fn note(&self, id: TimerId, record: &Record) -> Result<(), AppendError> {
        records::save(&*self.store, &id.key()?, record).await?;
        let mut first = self.news.first.lock();
        *first = Some(first.map_or(id, |first| first.min(id)));
        drop(first);
        self.news.raised.notify_one();
        Ok(())
    }

    /// Notes a change of a timer that is known as it was; says whether it still was.
    pub(super) async fn change(
        &self,
        id: TimerId,
        record: &Record,
        known_version: u64,
    ) -> Result<bool, AppendError> {
        match records::replace(&*self.store, &id.key()?, record, known_version).await {
            Ok(_) => Ok(true),
            Err(AppendError::DocumentConflict { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Forgets a timer.
    pub(crate) async fn strike(&self, id: TimerId) -> Result<(), AppendError> {
        self.store.delete_document(&id.key()?).await
    }

    /// A timer, with the version of its document; none where it waits no more.
    pub(super) async fn look_up(&self, id: TimerId) -> Result<Option<Versioned<Record>>, ReadError> {
        let key = id.key()?;
        let Some(document) = self.store.load_document(&key).await? else { return Ok(None) };
        let value = records::parse(&key, &document.content)?;
        Ok(Some(Versioned { value, version: document.version }))
    }

    /// The timers that are due next, behind this one, at most so many.
    pub(super) async fn next(&self, after: Option<TimerId>, limit: usize) -> Result<Vec<TimerId>, ReadError> {
        let after: Option<DocumentKey> = after.map(TimerId::key).transpose()?;
        let keys = self.store.documents(PREFIX, after.as_ref(), limit).await?;
        Ok(keys.iter().filter_map(TimerId::of_key).collect())
    }

    /// The earliest timer that was noted in this process since this was asked last.
    pub(super) fn take_news(&self) -> Option<TimerId> {
        self.news.first.lock().take()
    }

    /// Waits until there are news. Cancel-safe.
    pub(super) async fn news(&self) {
        self.news.raised.notified().await;
    }
}
