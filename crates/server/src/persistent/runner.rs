//! The one task of a group: takes events from the store and answers from consumers, delivers, and keeps the place.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine_store::{
    AppendError, DocumentKey, ExpectedVersion, ReadError, RecordedEvent, SubscribeFrom, SubscribeTo,
    Subscription, SubscriptionMessage,
};
use engine_types::{Position, Revision, StreamName};
use prost::Message as _;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};

use super::{
    Definition, Source, Start,
    group::{Group, Message, ToPark},
    handle::{Command, Delivery, Ended, Info, JoinError, Joined, Member},
    parked,
};
use crate::{core::Core, grpc::filter::EventFilter, proto::FilterOptions};

/// How long to wait before the store is asked again that could not answer.
const REST: Duration = Duration::from_secs(1);

/// The document in which a group's place is kept.
pub(super) fn checkpoint_key(key: &super::Key) -> Result<DocumentKey, AppendError> {
    DocumentKey::new(format!("$persistent/checkpoint/{key}"))
        .map_err(|fault| AppendError::Invalid(fault.to_string()))
}

pub(super) async fn run(core: Arc<Core>, definition: Arc<Definition>, mut commands: mpsc::Receiver<Command>) {
    let mut runner = loop {
        match Runner::begin(core.clone(), definition.clone()).await {
            Ok(runner) => break runner,
            Err(error) => tracing::warn!(group = %definition.key, %error, "a group cannot begin yet"),
        }
        tokio::select! {
            () = tokio::time::sleep(REST) => {}
            () = core.stopping.cancelled() => return,
        }
    };
    let (reason, answer) = runner.work(&mut commands).await;
    runner.keep_place().await;
    for consumer in runner.consumers.values() {
        // A consumer that is gone needs no reason.
        let _ = consumer.deliveries.send(Err(reason.clone()));
    }
    drop(answer);
}

struct Consumer {
    member: Member,
    delivered: u64,
    deliveries: mpsc::UnboundedSender<Result<Delivery, Ended>>,
}

struct Runner {
    core: Arc<Core>,
    definition: Arc<Definition>,
    filter: EventFilter,
    group: Group,
    subscription: Subscription,
    consumers: BTreeMap<u64, Consumer>,
    parked: Option<StreamName>,
    /// The last place that was taken from the source.
    known: Option<u64>,
    live: bool,
    /// The place that is kept, how many events were done then, and when that was.
    kept: (Option<u64>, u64, Instant),
    /// The first parked event that was not replayed yet.
    replayed_before: Revision,
    /// The last parked event that was forgotten.
    forgotten: Option<u64>,
}

impl Runner {
    async fn begin(core: Arc<Core>, definition: Arc<Definition>) -> Result<Self, ReadError> {
        let unusable = |fault: AppendError| ReadError::Invalid(fault.to_string());
        let key = checkpoint_key(&definition.key).map_err(unusable)?;
        let kept = core.store.load_document(&key).await?;
        let kept = kept.and_then(|document| std::str::from_utf8(&document.content).ok()?.parse().ok());
        let reached: Option<u64> = kept.or(match definition.start {
            Start::First => None,
            Start::At(place) => place.checked_sub(1),
            Start::End => definition.end,
        });
        let filter = definition.filter.as_deref().and_then(|bytes| FilterOptions::decode(bytes).ok());
        let filter = EventFilter::parse(filter.as_ref(), &core.limits)
            .map_err(|fault| ReadError::Invalid(fault.message().to_owned()))?;
        let subscription = subscribe(&core, &definition.key.source, &filter, reached).await?;
        Ok(Runner {
            group: Group::new(definition.settings.clone(), reached),
            parked: parked::stream(&definition.key),
            core,
            definition,
            filter,
            subscription,
            consumers: BTreeMap::new(),
            known: reached,
            live: false,
            kept: (reached, 0, Instant::now()),
            replayed_before: Revision::FIRST,
            forgotten: None,
        })
    }

    /// Works until it is to end; gives the reason, and who waits for that.
    async fn work(&mut self, commands: &mut mpsc::Receiver<Command>) -> (Ended, Option<oneshot::Sender<()>>) {
        let core = self.core.clone();
        loop {
            self.deliver();
            if self.is_place_due() {
                self.keep_place().await;
            }
            let expiry = self.group.next_expiry().unwrap_or_else(far);
            let due = self.place_due().unwrap_or_else(far);
            let has_room = self.group.has_room();
            tokio::select! {
                command = commands.recv() => match command {
                    None => return (Ended::Deleted, None),
                    Some(Command::End(reason, answer)) => return (reason, Some(answer)),
                    Some(command) => self.carry_out(command).await,
                },
                message = self.subscription.next(), if has_room => match message {
                    Ok(message) => self.take(message),
                    Err(ReadError::StreamDeleted { stream }) => return (Ended::StreamDeleted(stream), None),
                    Err(error) => self.come_back(&error).await,
                },
                () = tokio::time::sleep_until(expiry) => {
                    let late = self.group.expire(Instant::now());
                    self.park(late).await;
                }
                () = tokio::time::sleep_until(due) => self.keep_place().await,
                () = core.stopping.cancelled() => return (Ended::Stopping, None),
            }
        }
    }

    fn take(&mut self, message: SubscriptionMessage) {
        match message {
            SubscriptionMessage::Event(event) => {
                let place = self.place(&event);
                self.known = Some(place);
                if self.wants(&event) {
                    self.group.arrived(event, place);
                } else {
                    self.group.source.pass(place);
                }
            }
            SubscriptionMessage::Progress(position) => {
                if self.definition.key.source == Source::All {
                    self.known = Some(position.0);
                    self.group.source.pass(position.0);
                }
            }
            SubscriptionMessage::CaughtUp => self.live = true,
        }
    }

    /// Groups that follow all streams are not told of what groups themselves write.
    fn wants(&self, event: &RecordedEvent) -> bool {
        let name = event.stream.as_str();
        let own = name.strip_prefix("$$").unwrap_or(name).starts_with(parked::OWN_STREAMS);
        (self.definition.key.source != Source::All || !own) && self.filter.matches(event).unwrap_or(false)
    }

    fn place(&self, event: &RecordedEvent) -> u64 {
        match self.definition.key.source {
            Source::Stream(_) => event.revision.0,
            Source::All => event.position.0,
        }
    }

    async fn come_back(&mut self, error: &ReadError) {
        tracing::warn!(group = %self.definition.key, %error, "a group was cut off from its events");
        self.live = false;
        tokio::time::sleep(REST).await;
        match subscribe(&self.core, &self.definition.key.source, &self.filter, self.known).await {
            Ok(subscription) => self.subscription = subscription,
            Err(error) => tracing::warn!(group = %self.definition.key, %error, "and cannot come back yet"),
        }
    }

    fn deliver(&mut self) {
        for (to, Message { event, retries, .. }) in self.group.deliver(Instant::now()) {
            if let Some(consumer) = self.consumers.get_mut(&to) {
                consumer.delivered += 1;
                // A consumer that is gone leaves of itself, and its events are delivered again.
                let _ = consumer.deliveries.send(Ok(Delivery { event, retries }));
            }
        }
    }

    async fn carry_out(&mut self, command: Command) {
        match command {
            Command::Join(member, answer) => {
                // A consumer that does not wait for its place any more leaves of itself.
                let _ = answer.send(self.join(member));
            }
            Command::Leave(consumer) => {
                self.consumers.remove(&consumer);
                let too_often = self.group.leave(consumer);
                self.park(too_often).await;
                self.keep_place().await;
            }
            Command::Ack(consumer, ids) => self.group.ack(consumer, &ids),
            Command::Nack(consumer, ids, verdict, reason) => {
                let to_park = self.group.nack(consumer, &ids, verdict, &reason);
                self.park(to_park).await;
            }
            Command::Replay(limit, answer) => {
                let _ = answer.send(self.replay(limit).await);
            }
            Command::Info(answer) => {
                let _ = answer.send(self.info().await);
            }
            Command::End(..) => {}
        }
    }

    fn join(&mut self, member: Member) -> Result<Joined, JoinError> {
        if self.group.is_full() {
            return Err(JoinError::Full);
        }
        let id = self.group.join(member.room);
        // The group holds it to its room.
        let (sender, deliveries) = mpsc::unbounded_channel();
        self.consumers.insert(id, Consumer { member, delivered: 0, deliveries: sender });
        Ok(Joined { id, deliveries })
    }

    /// Parks events. One that cannot be parked now is tried until it is: it must not be lost.
    async fn park(&mut self, events: Vec<ToPark>) {
        for event in events {
            if let Some(stream) = self.parked.clone() {
                while let Err(error) = parked::park(&*self.core.store, &stream, &event).await {
                    tracing::warn!(group = %self.definition.key, %error, "an event cannot be parked yet");
                    tokio::select! {
                        () = tokio::time::sleep(REST) => {}
                        // It was not done, so that it is delivered again when the node is there again.
                        () = self.core.stopping.cancelled() => return,
                    }
                }
            }
            self.group.finish(event.message.origin);
        }
    }

    async fn replay(&mut self, limit: Option<u64>) -> Result<(), ReadError> {
        let Some(stream) = self.parked.clone() else { return Ok(()) };
        let store = self.core.store.clone();
        let mut left = limit.unwrap_or(parked::count(&*store, &stream, self.replayed_before).await?);
        while left > 0 {
            let size = usize::try_from(left).unwrap_or(usize::MAX).min(self.core.limits.page_events);
            let page = parked::read(&*store, &stream, self.replayed_before, size).await?;
            if page.is_empty() {
                break;
            }
            for (revision, event) in page {
                self.replayed_before = revision.next();
                left = left.saturating_sub(1);
                match event {
                    Some(event) => self.group.replayed(event, revision.0),
                    None => self.group.parked.pass(revision.0),
                }
            }
        }
        Ok(())
    }

    async fn info(&mut self) -> Info {
        let parked = match &self.parked {
            Some(stream) => {
                parked::count(&*self.core.store, stream, self.replayed_before).await.unwrap_or_default()
            }
            None => 0,
        };
        let (waiting, again, held) = self.group.counts();
        let members = self.consumers.iter().map(|(id, consumer)| {
            let (free, held) = self.group.slots(*id);
            (consumer.member.clone(), consumer.delivered, free, held)
        });
        Info {
            checkpoint: self.kept.0,
            known: self.known,
            done: self.group.done,
            live: self.live,
            waiting,
            again,
            held,
            parked,
            members: members.collect(),
        }
    }

    /// Whether so much was done that the place is kept at once.
    fn is_place_due(&self) -> bool {
        let most = u64::from(self.definition.settings.max_checkpoint_count.max(1));
        self.group.source.reached() != self.kept.0 && self.group.done - self.kept.1 >= most
    }

    /// When the place is to be kept, if anything was done.
    fn place_due(&self) -> Option<Instant> {
        let moved =
            self.group.source.reached() != self.kept.0 || self.group.parked.reached() > self.forgotten;
        let enough =
            self.group.done - self.kept.1 >= u64::from(self.definition.settings.min_checkpoint_count);
        let after = self.definition.settings.checkpoint_after().max(Duration::from_millis(1));
        // Few events are kept too, only later.
        moved.then(|| self.kept.2 + if enough { after } else { after * 5 })
    }

    async fn keep_place(&mut self) {
        let reached = self.group.source.reached();
        if let (Some(place), Ok(key)) = (reached, checkpoint_key(&self.definition.key))
            && reached != self.kept.0
        {
            let saved =
                self.core.store.save_document(&key, ExpectedVersion::Any, place.to_string().into()).await;
            match saved {
                Ok(_) => self.kept.0 = reached,
                Err(error) => {
                    tracing::warn!(group = %self.definition.key, %error, "a place could not be kept");
                }
            }
        }
        if let (Some(revision), Some(stream)) = (self.group.parked.reached(), &self.parked)
            && Some(revision) > self.forgotten
        {
            match parked::forget(&*self.core.store, stream, Revision(revision)).await {
                Ok(()) => self.forgotten = Some(revision),
                Err(error) => {
                    tracing::warn!(group = %self.definition.key, %error, "parked events stay for now");
                }
            }
        }
        (self.kept.1, self.kept.2) = (self.group.done, Instant::now());
    }
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3_600)
}

async fn subscribe(
    core: &Core,
    source: &Source,
    filter: &EventFilter,
    after: Option<u64>,
) -> Result<Subscription, ReadError> {
    let to = match source {
        Source::Stream(stream) => {
            let from = after.map_or(SubscribeFrom::Start, |place| SubscribeFrom::After(Revision(place)));
            SubscribeTo::Stream(stream.clone(), from)
        }
        Source::All => SubscribeTo::All(
            after.map_or(SubscribeFrom::Start, |place| SubscribeFrom::After(Position(place))),
        ),
    };
    core.store.subscribe(to, filter.for_store()).await
}
