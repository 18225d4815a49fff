//! Loading an instance: from its snapshot, then event by event.

use std::convert::Infallible;

use engine_store::{ReadError, ReadStream, RecordedEvent, StreamPage};
use engine_types::{Aggregate, CurrentRevision, Revision, StreamName, command::InvalidCommand};

use super::{
    Container,
    instance::{Condition, Instance},
    snapshot,
};
use crate::{SendError, send_error::LoadError};

/// How reading on from a revision went.
enum Progress {
    /// The instance is up to date; whether there was anything new.
    Done(bool),
    /// The stream does not continue where the state stands: events were deleted, or the store was set back.
    Broken,
}

impl<A: Aggregate> Container<A> {
    /// Makes sure that the instance is loaded. Says whether its state is the newest, read just now.
    pub(super) async fn load(&self, instance: &mut Instance<A>) -> Result<bool, LoadError> {
        match instance.condition {
            Condition::Loaded => return Ok(false),
            Condition::Stale => {
                self.refresh(instance).await?;
            }
            Condition::Absent => {
                instance.reset();
                self.load_snapshot(instance, None).await?;
                self.refresh(instance).await?;
            }
        }
        Ok(true)
    }

    /// Folds in what is behind the present revision. Says whether there was anything new.
    pub(super) async fn refresh(&self, instance: &mut Instance<A>) -> Result<bool, LoadError> {
        let changed = match self.read_on(instance, None).await? {
            Progress::Done(changed) => changed,
            Progress::Broken => {
                instance.reset();
                self.read_on(instance, None).await?;
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
        self.load_snapshot(&mut instance, Some(at)).await?;
        if let Progress::Broken = self.read_on(&mut instance, Some(at)).await? {
            instance.reset();
            self.read_on(&mut instance, Some(at)).await?;
        }
        Ok(instance.has_events.then_some((instance.state, at)))
    }

    /// Takes the state from a snapshot, if there is one of the present version, not behind `at`.
    async fn load_snapshot(&self, instance: &mut Instance<A>, at: Option<Revision>) -> Result<(), LoadError> {
        if A::SNAPSHOT_EVERY == 0 {
            return Ok(());
        }
        let Some(snapshot) = snapshot::load::<A>(&*self.store, &instance.stream).await? else {
            return Ok(());
        };
        if at.is_none_or(|at| snapshot.revision <= at) {
            instance.state = snapshot.state;
            instance.revision = CurrentRevision::At(snapshot.revision);
            instance.snapshot = instance.revision;
            instance.has_events = true;
        }
        Ok(())
    }

    /// Folds in the events behind the instance's revision, up to `until` or the end of the stream.
    async fn read_on(
        &self,
        instance: &mut Instance<A>,
        until: Option<Revision>,
    ) -> Result<Progress, LoadError> {
        let mut changed = false;
        loop {
            let next = instance.revision.next();
            if until.is_some_and(|until| next > until) {
                return Ok(Progress::Done(changed));
            }
            let request =
                ReadStream::forwards(instance.stream.clone()).from(next).limit(self.options.load_page_events);
            let page = match self.store.read_stream(request).await {
                Ok(page) => page,
                Err(ReadError::StreamNotFound { .. }) if instance.has_events => return Ok(Progress::Broken),
                Err(ReadError::StreamNotFound { .. }) => return Ok(Progress::Done(changed)),
                Err(error) => return Err(error.into()),
            };
            let first = page.events.first().map(|event| event.revision);
            let set_back = instance.revision > CurrentRevision::At(page.last);
            if instance.has_events && (set_back || first.is_some_and(|first| first != next)) {
                return Ok(Progress::Broken);
            }
            changed |= first.is_some();
            let StreamPage { mut events, next, last } = page;
            events.retain(|event| until.is_none_or(|until| event.revision <= until));
            self.fold_in(instance, &events)?;
            if next.is_none() {
                if until.is_none() {
                    instance.revision = CurrentRevision::At(last);
                }
                return Ok(Progress::Done(changed));
            }
            if let Some(next) = next.and_then(Revision::previous).filter(|_| events.is_empty()) {
                instance.revision = CurrentRevision::At(next);
            }
        }
    }

    fn fold_in(&self, instance: &mut Instance<A>, recorded: &[RecordedEvent]) -> Result<(), LoadError> {
        for event in recorded {
            let events = self.decode(event)?;
            if let Some(recent) = &mut instance.recent {
                recent.add(event, self.options.deduplication_window);
            }
            instance
                .evolve(&events, CurrentRevision::At(event.revision))
                .map_err(|fault| unfoldable(event, &fault))?;
        }
        Ok(())
    }

    /// Reads a stored event as what it means today.
    pub(super) fn decode(&self, event: &RecordedEvent) -> Result<Vec<A::Event>, LoadError> {
        if event.stream.is_system() || event.event_type.starts_with('$') {
            return Ok(Vec::new());
        }
        let version = event.schema_version();
        self.decoder.decode(&event.event_type, version, &event.data).map_err(|source| SendError::Unreadable {
            stream: event.stream.clone(),
            revision: event.revision.0,
            source,
        })
    }
}

fn unfoldable(event: &RecordedEvent, fault: &str) -> SendError<Infallible> {
    SendError::Internal(format!("stream `{}` revision {}: {fault}", event.stream, event.revision))
}
