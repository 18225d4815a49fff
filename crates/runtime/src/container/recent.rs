//! The commands that an instance has seen, so that one that is sent twice takes effect once.
//!
//! They are not stored anywhere but in the events themselves: an event's causation id is its command's id, and its
//! own id derives from it. The newest are remembered with their place. Of those behind them only a fingerprint is
//! kept, and only once a command comes that may be among them; a fingerprint that fits is looked for in the stream.

use std::collections::{HashMap, HashSet, VecDeque};

use engine_store::{EventStore, ReadError, ReadStream, RecordedEvent, StreamPage};
use engine_types::{Aggregate, CommandId, CurrentRevision, Revision, StreamName};
use uuid::Uuid;

use super::{
    Container, Order,
    append::receipt,
    instance::{Condition, Instance},
};
use crate::{Receipt, send_error::LoadError};

/// How many events are read at a time when an answer is put together again; most have fewer.
const ANSWER_PAGE_EVENTS: usize = 16;

/// Command ids, and the revisions of the last events that answered them.
#[derive(Debug)]
pub(super) struct RecentCommands {
    stream: StreamName,
    revisions: HashMap<CommandId, Revision>,
    order: VecDeque<CommandId>,
    behind: Behind,
}

/// What is known of the events behind those that are remembered with their place.
#[derive(Debug)]
enum Behind {
    /// There may be some, up to this revision; they were not looked at yet.
    Unread(Revision),
    /// The fingerprints of their ids, of each command's first at least.
    Known(HashSet<u64>),
}

impl RecentCommands {
    /// Nothing yet, of a stream that is read from its first event on.
    pub(super) fn from_the_first_event(stream: StreamName) -> Self {
        RecentCommands::with(stream, Behind::Known(HashSet::new()))
    }

    fn with(stream: StreamName, behind: Behind) -> Self {
        RecentCommands { stream, revisions: HashMap::new(), order: VecDeque::new(), behind }
    }

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
            if let Some(oldest) = self.order.pop_front()
                && let Some(last) = self.revisions.remove(&oldest)
            {
                self.put_behind(oldest, last);
            }
        }
    }

    /// Notes a stored event that is too old to be remembered with its place.
    pub(super) fn pass(&mut self, event: &RecordedEvent) {
        match &mut self.behind {
            Behind::Unread(newest) => *newest = event.revision.max(*newest),
            Behind::Known(fingerprints) => {
                fingerprints.insert(fingerprint(event.id));
            }
        }
    }

    /// Keeps no more than the fingerprint of a command.
    fn put_behind(&mut self, command: CommandId, last: Revision) {
        match &mut self.behind {
            Behind::Unread(newest) => *newest = last.max(*newest),
            Behind::Known(fingerprints) => {
                fingerprints.insert(fingerprint(command.event_id(self.stream.as_str(), 0)));
            }
        }
    }
}

/// Half of an event's id: enough to tell that it is not there.
fn fingerprint(event: Uuid) -> u64 {
    event.as_u64_pair().1
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
        let recent =
            instance.recent.as_ref().and_then(|recent| recent.revisions.get(&order.command_id)).copied();
        let last = match recent {
            Some(last) => Some(last),
            None => self.find_behind(instance, order.command_id).await?,
        };
        let Some(last) = last else { return Ok(None) };
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
        let answer = events_of(&*self.store, &instance.stream, last, order.command_id).await?;
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
        let behind = from.map_or_else(|| Behind::Known(HashSet::new()), Behind::Unread);
        let mut recent = RecentCommands::with(instance.stream.clone(), behind);
        for event in newest_first.iter().rev() {
            recent.add(event, window);
        }
        Ok(recent)
    }

    /// Looks for a command behind those that are remembered with their place: the revision of the last event that
    /// answered it.
    async fn find_behind(
        &self,
        instance: &mut Instance<A>,
        command: CommandId,
    ) -> Result<Option<Revision>, LoadError> {
        let Some(recent) = &mut instance.recent else { return Ok(None) };
        let first = command.event_id(recent.stream.as_str(), 0);
        if let Behind::Unread(newest) = recent.behind {
            let fingerprints = self.read_fingerprints(&recent.stream, newest).await?;
            recent.behind = Behind::Known(fingerprints);
        }
        match &recent.behind {
            Behind::Known(known) if known.contains(&fingerprint(first)) => {
                self.search(&instance.stream, instance.revision, command, first).await
            }
            _ => Ok(None),
        }
    }

    /// The fingerprints of all events of a stream up to a revision.
    async fn read_fingerprints(
        &self,
        stream: &StreamName,
        newest: Revision,
    ) -> Result<HashSet<u64>, LoadError> {
        let mut fingerprints = HashSet::new();
        let mut from = Some(newest);
        while let Some(revision) = from {
            let page = self.page_before(stream, revision, self.options.load_page_events).await?;
            fingerprints.extend(page.events.iter().map(|event| fingerprint(event.id)));
            from = page.next;
        }
        Ok(fingerprints)
    }

    /// Searches a stream for the first event that answered a command; answers the revision of the last.
    async fn search(
        &self,
        stream: &StreamName,
        newest: CurrentRevision,
        command: CommandId,
        first: Uuid,
    ) -> Result<Option<Revision>, LoadError> {
        let mut from = newest.revision();
        let mut last = None;
        while let Some(revision) = from {
            let page = self.page_before(stream, revision, self.options.load_page_events).await?;
            for event in &page.events {
                if event.parsed_metadata().command_id() == Some(command) {
                    last = last.or(Some(event.revision));
                }
                if event.id == first {
                    return Ok(last.or(Some(event.revision)));
                }
            }
            from = page.next;
        }
        Ok(None)
    }

    /// A page of a stream, backwards.
    async fn page_before(
        &self,
        stream: &StreamName,
        revision: Revision,
        limit: usize,
    ) -> Result<StreamPage, LoadError> {
        Ok(page_before(&*self.store, stream, revision, limit).await?)
    }
}

/// The events that answered a command, newest first, as far as they can still be read; `last` is the last of them.
pub(crate) async fn events_of(
    store: &dyn EventStore,
    stream: &StreamName,
    last: Revision,
    command: CommandId,
) -> Result<Vec<RecordedEvent>, ReadError> {
    let mut events = Vec::new();
    let mut from = Some(last);
    while let Some(revision) = from {
        let page = page_before(store, stream, revision, ANSWER_PAGE_EVENTS).await?;
        let is_of_command = |event: &RecordedEvent| event.parsed_metadata().command_id() == Some(command);
        let count = page.events.iter().take_while(|event| is_of_command(event)).count();
        from = page.next.filter(|_| count == page.events.len());
        events.extend(page.events.into_iter().take(count));
    }
    Ok(events)
}

/// A page of a stream, backwards. A stream that was deleted has no events.
async fn page_before(
    store: &dyn EventStore,
    stream: &StreamName,
    revision: Revision,
    limit: usize,
) -> Result<StreamPage, ReadError> {
    let request = ReadStream::backwards(stream.clone()).from(revision).limit(limit);
    match store.read_stream(request).await {
        Err(ReadError::StreamNotFound { .. }) => {
            Ok(StreamPage { events: Vec::new(), next: None, last: revision })
        }
        result => result,
    }
}
