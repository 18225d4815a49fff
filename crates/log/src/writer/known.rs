//! What is known when an append is decided: what is published, and what the batch before it will change.

use engine_store::{AppendError, StreamMetadata, concurrency::StreamState};
use engine_types::{Revision, StreamName};
use uuid::Uuid;

use super::{batch::Batch, plan::broken, recent::RecentIds};
use crate::{
    error::Trouble,
    frame::{Head, Kind},
    index::Shortener,
    view::{Newest, View},
};

/// All that decisions depend on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub view: &'a View,
    pub batch: &'a Batch,
    pub recent: &'a RecentIds,
}

/// What is known of one stream.
pub(crate) struct Stream {
    pub state: StreamState,
    pub metadata: StreamMetadata,
    pub newest: Newest,
}

impl Known<'_> {
    /// The version of a document; 0 where there is none.
    pub(crate) fn document_version(&self, key: &str) -> Result<u64, AppendError> {
        if let Some(entry) = self.batch.document(key) {
            return Ok(if entry.removed { 0 } else { entry.version });
        }
        let entry = self.view.document_entry(key).map_err(broken)?;
        Ok(entry.map_or(0, |(_, entry)| entry.version))
    }

    pub(super) fn stream(&self, name: &StreamName) -> Result<Stream, Trouble> {
        let published = self.view.stream(name)?;
        let mut stream =
            Stream { state: published.state(), metadata: published.metadata, newest: published.newest };
        if let Some(pending) = self.batch.stream(name.as_str()) {
            stream.state.current = pending.current();
            stream.state.tombstoned |= pending.tombstoned;
        }
        if let Some(described) = name.described_stream().and_then(|name| self.batch.stream(name.as_str())) {
            stream.state.tombstoned |= described.tombstoned;
        }
        let pending = self.batch.stream(name.metadata_stream().as_str());
        if let Some(metadata) = pending.and_then(|pending| pending.metadata.as_ref()) {
            stream.metadata = metadata.clone();
            stream.state.deleted = metadata.is_deleted();
        }
        Ok(stream)
    }

    /// The id and the position of the event at a revision.
    pub(super) fn event_at(
        &self,
        name: &StreamName,
        newest: &Newest,
        revision: Revision,
    ) -> Result<Option<(Uuid, u64)>, Trouble> {
        let pending = self.batch.stream(name.as_str()).filter(|pending| revision.0 >= pending.first);
        if let Some(pending) = pending {
            let ahead = crate::units::index(revision.0 - pending.first);
            return Ok(pending.events.get(ahead).copied());
        }
        let Some(newest) = newest.filter(|newest| revision.0 <= newest.span.last()) else { return Ok(None) };
        let stretches = self.view.stretches(name.as_str(), newest, revision.0)?;
        let Some(stretch) = stretches.first().filter(|stretch| stretch.span.first <= revision.0) else {
            return Ok(None);
        };
        let places = self.view.places(name.as_str(), stretch, revision.0..revision.0 + 1)?;
        let Some((part, offset)) = places.first() else { return Ok(None) };
        let part = &self.view.parts[*part];
        let (head, _) = part.segment.frame(*offset, part.index.end(), part.typical_frame() * 2)?;
        Ok(Some((Uuid::from_bytes(head.id), head.position)))
    }

    /// The first revision of an event of this id in this stream, among the newest events.
    pub(super) fn find(&self, name: &StreamName, id: Uuid) -> Result<Option<Revision>, Trouble> {
        if let Some(revision) = self.find_published(name, id)? {
            return Ok(Some(revision));
        }
        let Some(pending) = self.batch.stream(name.as_str()) else { return Ok(None) };
        let ahead = pending.events.iter().position(|(known, _)| *known == id);
        Ok(ahead.map(|ahead| Revision(pending.first + ahead as u64)))
    }

    fn find_published(&self, name: &StreamName, id: Uuid) -> Result<Option<Revision>, Trouble> {
        let Some(position) = self.recent.position(Shortener::of(name.as_str()).shorten(*id.as_bytes()))
        else {
            return Ok(None);
        };
        let part = &self.view.parts[self.view.part_of(position)];
        let (end, offset) = (part.index.end(), part.index.offset(position)?);
        if position >= self.view.next_position() || offset >= end {
            return Ok(None);
        }
        let (head, frame) = part.segment.frame(offset, end, part.typical_frame() * 2)?;
        let is_it = |head: &Head| {
            head.kind == Kind::Event && head.id == *id.as_bytes() && head.name(&frame) == name.as_str()
        };
        Ok(is_it(&head).then_some(Revision(head.revision)))
    }
}
