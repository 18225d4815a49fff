//! Loading an instance: from its snapshot, then event by event.

use engine_store::{ReadError, ReadStream, RecordedEvent};
use engine_types::{Aggregate, CurrentRevision, Revision, StreamName, command::InvalidCommand};

use super::{
    Container, guarded,
    instance::{Condition, Instance, Newest},
    recent::RecentCommands,
};
use crate::{SendError, send_error::LoadError};

/// How often an instance is loaded from its first event when its stream is cut meanwhile.
const MAX_LOADS: u32 = 10;

/// How reading on from the newest known event went.
enum Progress {
    /// The instance is up to date; whether there was anything new.
    Done(bool),
    /// The stream does not continue what is known: events were deleted, or the store was set back.
    Broken,
}

impl<A: Aggregate> Container<A> {
    /// Makes sure that the instance is loaded. Says whether its state is the newest, read just now.
    ///
    /// With `remember`, a load notes the commands that it passes.
    pub(super) async fn load(&self, instance: &mut Instance<A>, remember: bool) -> Result<bool, LoadError> {
        match instance.condition {
            Condition::Loaded => return Ok(false),
            Condition::Stale => {
                self.refresh(instance).await?;
            }
            Condition::Absent => {
                self.load_anew(instance, None, remember).await?;
                instance.condition = Condition::Loaded;
            }
        }
        Ok(true)
    }

    /// Makes sure that the instance's state is the newest.
    pub(super) async fn load_newest(&self, instance: &mut Instance<A>) -> Result<(), LoadError> {
        if !self.load(instance, false).await? {
            self.refresh(instance).await?;
        }
        Ok(())
    }

    /// Folds in what is behind the newest known event. Says whether there was anything new.
    pub(super) async fn refresh(&self, instance: &mut Instance<A>) -> Result<bool, LoadError> {
        let changed = match self.read_on(instance, None).await? {
            Progress::Done(changed) => changed,
            Progress::Broken => {
                self.load_anew(instance, None, false).await?;
                true
            }
        };
        instance.condition = Condition::Loaded;
        Ok(changed)
    }

    /// The state as it was at a revision.
    pub(super) async fn load_at(
        &self,
        stream: StreamName,
        at: Revision,
    ) -> Result<Option<(A, Revision)>, LoadError> {
        let last = match self.store.read_stream(ReadStream::backwards(stream.clone()).limit(1)).await {
            Ok(page) => page.last,
            Err(ReadError::StreamNotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if at > last {
            let fault = format!("{at} is beyond the end: stream `{stream}` is at revision {last}");
            return Err(SendError::Invalid(InvalidCommand::field("at", fault)));
        }
        let mut instance = Instance::of_stream(stream);
        self.load_anew(&mut instance, Some(at), false).await?;
        Ok(instance.newest.is_some().then_some((instance.state, at)))
    }

    /// Loads from the snapshot, or where there is none that fits, from the first event.
    async fn load_anew(
        &self,
        instance: &mut Instance<A>,
        until: Option<Revision>,
        remember: bool,
    ) -> Result<(), LoadError> {
        instance.reset();
        if self.load_snapshot(instance, until).await?
            && let Progress::Done(_) = self.read_on(instance, until).await?
        {
            return Ok(());
        }
        for _ in 0..MAX_LOADS {
            instance.reset();
            instance.recent = remember.then(|| RecentCommands::from_the_first_event(instance.stream.clone()));
            if let Progress::Done(_) = self.read_on(instance, until).await? {
                return Ok(());
            }
        }
        let cause = format!("stream `{}` was cut again and again while it was read", instance.stream);
        Err(SendError::Unavailable(cause.into()))
    }

    /// Folds in the events behind the newest known one, up to `until` or the end of the stream.
    ///
    /// Begins at the known one, to see that it is still there: a stream that was deleted and written again
    /// goes on with the next revision too.
    async fn read_on(
        &self,
        instance: &mut Instance<A>,
        until: Option<Revision>,
    ) -> Result<Progress, LoadError> {
        let mut from = instance.newest.map_or(Revision::FIRST, |newest| newest.revision);
        let mut changed = false;
        while until.is_none_or(|until| from <= until) {
            let request =
                ReadStream::forwards(instance.stream.clone()).from(from).limit(self.options.load_page_events);
            let page = match self.store.read_stream(request).await {
                Ok(page) => page,
                Err(ReadError::StreamNotFound { .. }) if instance.newest.is_some() => {
                    return Ok(Progress::Broken);
                }
                Err(ReadError::StreamNotFound { .. }) => {
                    instance.revision = CurrentRevision::NoStream;
                    break;
                }
                Err(error) => return Err(error.into()),
            };
            let Some(new) = continuation(&page.events, from, instance.newest) else {
                return Ok(Progress::Broken);
            };
            let wanted = new.iter().take_while(|event| until.is_none_or(|until| event.revision <= until));
            for event in wanted {
                self.fold_in(instance, event, page.last)?;
                changed = true;
            }
            let Some(next) = page.next else {
                instance.revision = CurrentRevision::At(page.last);
                break;
            };
            from = next;
        }
        Ok(Progress::Done(changed))
    }

    fn fold_in(
        &self,
        instance: &mut Instance<A>,
        event: &RecordedEvent,
        last: Revision,
    ) -> Result<(), LoadError> {
        let events = self.decode(event)?;
        let window = self.options.deduplication_window as u64;
        if let Some(recent) = &mut instance.recent {
            if event.revision.0.saturating_add(window) > last.0 {
                recent.add(event, self.options.deduplication_window);
            } else {
                recent.pass(event);
            }
        }
        instance
            .evolve(&events, Newest { revision: event.revision, id: event.id })
            .map_err(|fault| at_fault(event, &fault))
    }

    /// Reads a stored event as what it means today.
    pub(super) fn decode(&self, event: &RecordedEvent) -> Result<Vec<A::Event>, LoadError> {
        if event.stream.is_system() || event.event_type.starts_with('$') {
            return Ok(Vec::new());
        }
        let version = event.schema_version();
        guarded("decode", || self.decoder.decode(&event.event_type, version, &event.data))
            .map_err(|fault| at_fault(event, &fault))?
            .map_err(|source| SendError::Unreadable {
                stream: event.stream.clone(),
                revision: event.revision.0,
                source,
            })
    }
}

/// The events of a page that are new; absent where the page, read from `from`, does not continue what is known.
fn continuation(page: &[RecordedEvent], from: Revision, newest: Option<Newest>) -> Option<&[RecordedEvent]> {
    let Some(newest) = newest else { return Some(page) };
    if from == newest.revision {
        let (first, new) = page.split_first()?;
        return (Newest { revision: first.revision, id: first.id } == newest).then_some(new);
    }
    page.first().is_none_or(|first| first.revision == from).then_some(page)
}

fn at_fault(event: &RecordedEvent, fault: &str) -> LoadError {
    SendError::Internal(format!("stream `{}` revision {}: {fault}", event.stream, event.revision))
}
