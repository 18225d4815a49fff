//! The commands that an instance has seen lately, so that one that is sent twice takes effect once.
//!
//! They are not stored anywhere but in the events themselves: an event's causation id is its command's id.

use std::collections::{HashMap, VecDeque};

use engine_store::{Direction, ReadError, ReadFrom, ReadStream, RecordedEvent, StreamPage};
use engine_types::{Aggregate, CommandId, CurrentRevision, Revision, StreamName};

use super::{
    Container, Order,
    append::receipt,
    instance::{Condition, Instance},
};
use crate::{Receipt, SendError, send_error::LoadError};

/// How many events are read at a time when an answer is put together again; most have fewer.
const ANSWER_PAGE_EVENTS: usize = 16;

/// Command ids, and the revisions of the last events that answered them.
#[derive(Debug, Default)]
pub(super) struct RecentCommands {
    revisions: HashMap<CommandId, Revision>,
    order: VecDeque<CommandId>,
}

impl RecentCommands {
    /// Notes the command of a stored event.
    pub(super) fn add(&mut self, event: &RecordedEvent, window: usize) {
        if let Some(command) = event.parsed_metadata().command_id() {
            self.insert(command, event.revision, window);
        }
    }

    pub(super) fn insert(&mut self, command: CommandId, last: Revision, window: usize) {
        if self.revisions.insert(command, last).is_none() {
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
    ) -> Result<Option<Receipt<A>>, LoadError> {
        if instance.recent.is_none() {
            instance.recent = Some(self.load_recent(instance).await?);
        }
        let recent = instance.recent.as_ref().and_then(|recent| recent.revisions.get(&order.command_id));
        let Some(last) = recent.copied() else { return Ok(None) };
        let answer = self.answer_at(instance, last, order).await?;
        if answer.position.is_none() {
            // The stream was deleted meanwhile: what is cached is old.
            instance.condition = Condition::Stale;
        }
        Ok(Some(answer))
    }

    /// The answer to this command that ends at a revision, as far as it can still be read.
    pub(super) async fn answer_at(
        &self,
        instance: &Instance<A>,
        last: Revision,
        order: &Order<'_>,
    ) -> Result<Receipt<A>, LoadError> {
        let mut answer = Vec::new();
        let mut from = Some(last);
        while let Some(revision) = from {
            let page = self.page_before(&instance.stream, revision, ANSWER_PAGE_EVENTS).await?;
            let of_command =
                |event: &RecordedEvent| event.parsed_metadata().command_id() == Some(order.command_id);
            let count = page.events.iter().take_while(|event| of_command(event)).count();
            from = page.next.filter(|_| count == page.events.len());
            answer.extend(page.events.into_iter().take(count));
        }
        let mut events = Vec::new();
        for event in answer.iter().rev() {
            events.extend(self.decode(event)?);
        }
        let mut receipt = receipt(instance, events, answer.first().map(|event| event.position), order);
        let correlation_id = answer.first().and_then(|event| event.parsed_metadata().correlation_id);
        receipt.correlation_id = correlation_id.unwrap_or(receipt.correlation_id);
        receipt.revision = CurrentRevision::At(last);
        receipt.duplicate = true;
        Ok(receipt)
    }

    async fn load_recent(&self, instance: &Instance<A>) -> Result<RecentCommands, LoadError> {
        let window = self.options.deduplication_window;
        let mut newest_first = Vec::new();
        let mut from = instance.revision.revision();
        while let Some(revision) = from
            && newest_first.len() < window
        {
            let limit = (window - newest_first.len()).min(self.options.load_page_events);
            let page = self.page_before(&instance.stream, revision, limit).await?;
            from = page.next;
            newest_first.extend(page.events);
        }
        let mut recent = RecentCommands::default();
        for event in newest_first.iter().rev() {
            recent.add(event, window);
        }
        Ok(recent)
    }

    /// A page of a stream, backwards. A stream that was deleted has no events.
    async fn page_before(
        &self,
        stream: &StreamName,
        revision: Revision,
        limit: usize,
    ) -> Result<StreamPage, LoadError> {
        let request = ReadStream {
            stream: stream.clone(),
            from: ReadFrom::At(revision),
            direction: Direction::Backwards,
            limit,
        };
        match self.store.read_stream(request).await {
            Ok(page) => Ok(page),
            Err(ReadError::StreamNotFound { .. }) => {
                Ok(StreamPage { events: Vec::new(), next: None, last: revision })
            }
            Err(error) => Err(SendError::from(error)),
        }
    }
}
