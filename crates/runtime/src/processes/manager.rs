//! The manager: all instances of one process manager, and how an event is handled.

use std::sync::Arc;

use engine_store::{Clock, EventStore, RecordedEvent};
use engine_types::{
    Heard, Metadata, Position, ProcessManager, StreamName,
    event::Decoder,
    process_manager::{
        Call, Entrance, Reaction, Trouble,
        step::{Step, hear},
    },
};
use tokio::{sync::Mutex, time::Instant};

use super::{
    Door, ProcessOptions,
    append::{Overtaken, entry_id},
    entry::{Decided, HANDLED, Handled, HandledEvent},
    instance::{Instance, Origin},
    standing::Stands,
};
use crate::{
    cache::{Cache, Kept},
    listen::HandlerError,
    options::RuntimeOptions,
    panics::guarded,
    timers::Calendar,
};

/// All instances of one process manager.
pub(super) struct Manager<P: ProcessManager> {
    pub(super) store: Arc<dyn EventStore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) door: Door,
    pub(super) decoder: Decoder<P::Event>,
    pub(super) options: Arc<RuntimeOptions>,
    pub(super) calendar: Calendar,
    begins_until: Option<Position>,
    instances: Cache<Mutex<Instance<P>>>,
}

/// Where a manager works.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) door: Door,
    pub(crate) options: Arc<RuntimeOptions>,
    pub(crate) calendar: Calendar,
}

/// What an event means today: none, one or several events.
pub(super) struct Meaning<E> {
    pub(super) events: Vec<E>,
    pub(super) metadata: Metadata,
}

impl<E: engine_types::Event> Meaning<E> {
    /// The events, with what is known of them.
    pub(super) fn heard<'a>(&'a self, recorded: &'a RecordedEvent) -> impl Iterator<Item = Heard<'a, E>> {
        self.events.iter().map(|event| Heard {
            event,
            id: recorded.id,
            stream: &recorded.stream,
            revision: recorded.revision,
            position: recorded.position,
            recorded_at: recorded.created,
            metadata: &self.metadata,
        })
    }
}

/// An event that was read: what it means, and the instances that it concerns, each with the way in for each of the
/// events that it means.
pub(super) struct Heeded<E> {
    pub(super) meaning: Meaning<E>,
    pub(super) calls: Vec<(Call, usize)>,
}

impl<E> Heeded<E> {
    /// The instances, each once.
    pub(super) fn instances(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::with_capacity(self.calls.len());
        for (call, _) in &self.calls {
            if !ids.contains(&call.id) {
                ids.push(call.id.clone());
            }
        }
        ids
    }
}

/// What became of an event.
enum Outcome {
    Ignored,
    Stored,
    Overtaken,
}

/// What several steps of one instance come to.
struct Walked<P> {
    reaction: Reaction,
    after: P,
    begins: bool,
    ends: bool,
}

impl<P: ProcessManager> Manager<P> {
    pub(super) fn new(site: Site, options: &ProcessOptions) -> Self {
        let Site { store, clock, door, options: runtime, calendar } = site;
        Manager {
            store,
            clock,
            door,
            decoder: Decoder::default(),
            options: runtime,
            calendar,
            begins_until: options.begins_until,
            instances: Cache::new(options.cached_instances),
        }
    }

    pub(super) fn drop_idle(&self) {
        self.instances.drop_idle(self.options.idle_after);
    }

    /// The instance of this id.
    pub(super) fn instance(&self, id: &str) -> Result<Arc<Kept<Mutex<Instance<P>>>>, HandlerError> {
        let make = || {
            let stream = StreamName::of_instance(P::NAME, id);
            stream.map(|stream| Mutex::new(Instance::new(stream)))
        };
        self.instances.get(id, Instant::now(), make).map_err(|fault| {
            HandlerError::park(format!("`{}`: `{id}` cannot be the id of an instance: it {fault}", P::NAME))
        })
    }

    /// The instance of this id, where it is in memory.
    pub(super) fn kept(&self, id: &str) -> Option<Arc<Kept<Mutex<Instance<P>>>>> {
        self.instances.peek(id)
    }

    /// What a recorded event means today.
    pub(super) fn read(&self, recorded: &RecordedEvent) -> Result<Meaning<P::Event>, HandlerError> {
        let metadata = recorded.parsed_metadata();
        let version = metadata.schema_version.unwrap_or(1);
        let decode = || self.decoder.decode(&recorded.event_type, version, &recorded.data);
        let events = guarded("reading the event", decode).map_err(HandlerError::park)?;
        let events = events.map_err(HandlerError::park)?;
        Ok(Meaning { events, metadata })
    }

    /// The instances that an event concerns, each with the way in for each of the events that it means today.
    pub(super) fn calls(
        recorded: &RecordedEvent,
        meaning: &Meaning<P::Event>,
    ) -> Result<Vec<(Call, usize)>, HandlerError> {
        let mut calls = Vec::new();
        for (number, heard) in meaning.heard(recorded).enumerate() {
            let route = guarded("route", || P::route(&heard)).map_err(HandlerError::park)?;
            calls.extend(route.calls().into_iter().map(|call| (call, number)));
        }
        Ok(calls)
    }

    /// Lets one instance handle an event to its end: its commands have their answers. `late` where others that
    /// stand behind the event may have been handled before it.
    pub(super) async fn handle(
        &self,
        recorded: &RecordedEvent,
        heeded: &Heeded<P::Event>,
        id: &str,
        late: bool,
    ) -> Result<(), HandlerError> {
        let kept = self.instance(id)?;
        let mut instance = kept.value.lock().await;
        let instance = &mut *instance;
        let mut tries = 0;
        loop {
            self.load(instance).await?;
            if self.is_past(instance, recorded, late).await? {
                break;
            }
            match self.decide(instance, recorded, heeded).await? {
                Outcome::Ignored => return Ok(()),
                Outcome::Stored => break,
                Outcome::Overtaken => tries += 1,
            }
            if tries > self.options.conflict_retries {
                let fault = format!("stream `{}` was changed by others again and again", instance.stream);
                return Err(HandlerError::new(fault));
            }
        }
        self.carry_out(instance, &Origin::Event).await?;
        self.snapshot_if_due(instance).await;
        Ok(())
    }

    /// Whether an event was handled, or is none for the instance because those behind it were handled before.
    async fn is_past(
        &self,
        instance: &Instance<P>,
        recorded: &RecordedEvent,
        late: bool,
    ) -> Result<bool, HandlerError> {
        if instance.last < Some(recorded.position) {
            return Ok(false);
        }
        if late { self.has_entry_of(instance, recorded.id).await } else { Ok(true) }
    }

    /// Decides about an event and stores what was decided.
    async fn decide(
        &self,
        instance: &mut Instance<P>,
        recorded: &RecordedEvent,
        Heeded { meaning, calls }: &Heeded<P::Event>,
    ) -> Result<Outcome, HandlerError> {
        let Some(Walked { reaction, after, begins, ends }) = self.walk(instance, recorded, meaning, calls)?
        else {
            return Ok(Outcome::Ignored);
        };
        let place = (&instance.stream, recorded.id);
        let decided = Decided::of(reaction, ends, place, recorded.created).map_err(HandlerError::park)?;
        let event = HandledEvent::of(recorded, &meaning.metadata).map_err(HandlerError::park)?;
        let stands = Some(Stands::after(instance, &after, &decided, true));
        let entry = Handled { process_version: P::VERSION, begins, event, decided, stands };
        let correlation_id = meaning.metadata.correlation_id.clone();
        let id = entry_id(&instance.stream, recorded.id);
        let causes = (correlation_id.as_ref(), recorded.id);
        let revision = match self.append(instance, id, (HANDLED, &entry), causes).await? {
            Ok(revision) => revision,
            Err(Overtaken) => return Ok(Outcome::Overtaken),
        };
        instance.correlation_id = correlation_id.or(instance.correlation_id.take());
        instance.note_handled((recorded.position, recorded.id), after, &entry.decided, revision);
        Ok(Outcome::Stored)
    }

    /// Runs the functions of the process manager; none where the event is of no interest to the instance.
    fn walk(
        &self,
        instance: &Instance<P>,
        recorded: &RecordedEvent,
        meaning: &Meaning<P::Event>,
        calls: &[(Call, usize)],
    ) -> Result<Option<Walked<P>>, HandlerError> {
        let mut walked: Option<Walked<P>> = None;
        for (call, number) in calls.iter().filter(|(call, _)| call.id == instance.id()) {
            let running = match &walked {
                Some(Walked { ends: true, .. }) => None,
                Some(walked) => Some(&walked.after),
                None => instance.running.as_ref(),
            };
            let Some(heard) = meaning.heard(recorded).nth(*number) else { continue };
            if running.is_none() && self.begins_no_more(call.entrance, recorded.position) {
                continue;
            }
            let begins = running.is_none();
            let step = guarded("the process manager", || hear(running, call.entrance, &heard));
            match step.map_err(HandlerError::park)? {
                Step::Ignored => {}
                Step::Trouble(Trouble::Park(reason)) => return Err(HandlerError::park(reason)),
                Step::Trouble(Trouble::Fail(reason)) => return Err(HandlerError::stop(reason)),
                Step::Taken { reaction, after, ends } => {
                    let so_far = walked.take();
                    let begins = begins || so_far.as_ref().is_some_and(|walked| walked.begins);
                    let reaction = so_far.map_or_else(Reaction::none, |walked| walked.reaction).and(reaction);
                    walked = Some(Walked { reaction, after, begins, ends });
                }
            }
        }
        Ok(walked)
    }

    /// Whether an instance that does not run is not to begin, because the work has moved on.
    fn begins_no_more(&self, entrance: Entrance, position: Position) -> bool {
        let begins = matches!(entrance, Entrance::Start | Entrance::StartOrContinue);
        begins && self.begins_until.is_some_and(|until| position > until)
    }
}
