//! The commands that an instance has seen lately, so that one that is sent twice takes effect once.
//!
//! They are not stored anywhere but in the events themselves: an event's causation id is its command's id.

use std::collections::{HashMap, VecDeque};

use engine_store::{Direction, ReadError, ReadFrom, ReadStream, RecordedEvent};
use engine_types::{Aggregate, CommandId, CurrentRevision, Revision};

use super::{Container, Order, append::receipt, instance::Instance};
use crate::{Receipt, SendError, send_error::LoadError};

/// Command ids and the revisions, first and last, of the events that answered them.
#[derive(Debug, Default)]
pub(super) struct RecentCommands {
    revisions: HashMap<CommandId, (u64, u64)>,
    order: VecDeque<CommandId>,
}

impl RecentCommands {
    /// Notes the command of a stored event.
    pub(super) fn add(&mut self, event: &RecordedEvent, window: usize) {
        if let Some(command) = event.parsed_metadata().command_id() {
            let revision = event.revision.0;
            let (first, last) = self.revisions.get(&command).copied().unwrap_or((revision, revision));
            self.insert(command, first.min(revision), last.max(revision), window);
        }
    }

    pub(super) fn insert(&mut self, command: CommandId, first: u64, last: u64, window: usize) {
        if self.revisions.insert(command, (first, last)).is_none() {
            self.order.push_back(command);
        }
        while self.order.len() > window {
            if let Some(oldest) = self.order.pop_front() {
                self.revisions.remove(&oldest);
            }
        }
    }
}

impl<A: Aggregate> Container<A> {
    /// The first answer to this command, if the instance has seen it before.
    pub(super) async fn first_answer(
        &self,
        instance: &mut Instance<A>,
        order: &Order<'_>,
    ) -> Result<Option<Receipt<A>>, SendError<A::Rejection>> {
        if instance.recent.is_none() {
            instance.recent = Some(self.load_recent(instance).await.map_err(SendError::widen)?);
        }
        let recent = instance.recent.as_ref().and_then(|recent| recent.revisions.get(&order.command_id));
        let Some((first, last)) = recent.copied() else { return Ok(None) };
        let request = ReadStream::forwards(instance.stream.clone())
            .from(Revision(first))
            .limit(usize::try_from(last - first + 1).unwrap_or(usize::MAX));
        let page = self.store.read_stream(request).await?;
        let answers =
            page.events.iter().filter(|event| event.parsed_metadata().command_id() == Some(order.command_id));
        let mut events = Vec::new();
        let mut position = None;
        for event in answers {
            events.extend(self.decode(event).map_err(SendError::widen)?);
            position = Some(event.position);
        }
        Ok(Some(Receipt {
            revision: CurrentRevision::At(Revision(last)),
            duplicate: true,
            ..receipt(instance, events, position, order)
        }))
    }

    async fn load_recent(&self, instance: &Instance<A>) -> Result<RecentCommands, LoadError> {
        let mut newest_first = Vec::new();
        let mut from = instance.revision.revision();
        while let Some(revision) = from
            && newest_first.len() < self.options.deduplication_window
        {
            let request = ReadStream {
                stream: instance.stream.clone(),
                from: ReadFrom::At(revision),
                direction: Direction::Backwards,
                limit: (self.options.deduplication_window - newest_first.len())
                    .min(self.options.load_page_events),
            };
            match self.store.read_stream(request).await {
                Ok(page) => {
                    from = page.next;
                    newest_first.extend(page.events);
                }
                Err(ReadError::StreamNotFound { .. }) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let mut recent = RecentCommands::default();
        for event in newest_first.iter().rev() {
            recent.add(event, self.options.deduplication_window);
        }
        Ok(recent)
    }
}
