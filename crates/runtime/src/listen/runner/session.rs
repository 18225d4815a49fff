//! A session: from a stored checkpoint on, until something ends it.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use engine_store::{RecordedEvent, SubscribeFrom, SubscribeTo, Subscription, SubscriptionMessage};
use engine_types::Position;
use tokio::{
    sync::mpsc::{self, OwnedPermit, error::TrySendError},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{Control, Runner, text};
use crate::listen::{
    HANDLING,
    listener::Listener,
    partition::partition_of,
    records::{self, Checkpoint, ParkedSequence, Versioned},
    retry,
    status::HandlerState,
    worker::{Report, Told, Worker},
};

/// How many orders about parked sequences wait for a worker at most.
const ORDERS: usize = 16;

/// How long a worker may take to finish the event at hand when its session ends.
const GRACE: Duration = Duration::from_secs(5);

/// Why a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// Nobody controls the handler any more.
    Closed,
    /// To begin another.
    Again,
    /// An operator has paused the handler.
    Paused,
    /// The handler stops, before this event.
    Stopped { position: Position, error: String },
    /// Something below failed.
    Failed(String),
}

pub(super) struct Session {
    subscription: Subscription,
    partitions: Vec<Partition>,
    workers: JoinSet<Result<(), Told>>,
    stop: CancellationToken,
    reports: mpsc::UnboundedReceiver<Report>,
    /// An event whose partition has no room for it yet.
    held_back: Option<(usize, RecordedEvent)>,
}

struct Partition {
    queue: mpsc::Sender<RecordedEvent>,
    orders: mpsc::Sender<retry::Order>,
    checkpoint: Versioned<Checkpoint>,
    /// How many events were handled since the checkpoint was stored.
    handled: u64,
    parked_keys: usize,
}

impl Session {
    /// Reads checkpoints and parked sequences, starts the workers and subscribes.
    pub(super) async fn begin<L: Listener>(runner: &Runner<L>) -> Result<Session, String> {
        let (store, options, name) = (&*runner.store, &runner.options, runner.listener.name());
        let checkpoints =
            records::checkpoints(store, name, options.partitions, options.start).await.map_err(text)?;
        let positions: Vec<_> = checkpoints.iter().map(|checkpoint| checkpoint.value.position).collect();
        let mut parked = vec![HashMap::new(); options.partitions];
        for sequence in records::parked(store, name).await.map_err(text)? {
            parked[partition_of(&sequence.key, options.partitions)].insert(sequence.key.clone(), sequence);
        }
        let from = positions.iter().min().copied().flatten();
        let to = SubscribeTo::All(from.map_or(SubscribeFrom::Start, SubscribeFrom::After));
        let subscription = store.subscribe(to, runner.filter()).await.map_err(text)?;
        runner.progress.begin(&positions);
        let (sender, reports) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let mut workers = JoinSet::new();
        let partitions = checkpoints
            .into_iter()
            .zip(parked)
            .enumerate()
            .map(|(number, (checkpoint, parked))| {
                let (partition, worker) =
                    employ(runner, number, checkpoint, parked, &sender, stop.child_token());
                workers.spawn(HANDLING.scope(name.to_owned(), worker.run()));
                partition
            })
            .collect();
        Ok(Session { subscription, partitions, workers, stop, reports, held_back: None })
    }

    /// Hands out events and keeps the checkpoint, until something ends the session.
    pub(super) async fn run<L: Listener>(mut self, runner: &mut Runner<L>) -> End {
        let every = runner.options.checkpoint_every;
        let mut tick = interval_at(Instant::now() + every, every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let end = loop {
            let end = tokio::select! {
                biased;
                control = runner.controls.recv() => self.obey(control, runner).await,
                Some(report) = self.reports.recv() => self.note(report, runner),
                Some(ended) = self.workers.join_next() => match ended {
                    Ok(_) => None,
                    Err(fault) => Some(End::Failed(format!("a worker broke down: {fault}"))),
                },
                _ = tick.tick() => self.store_checkpoints(runner).await.err().map(End::Failed),
                room = make_room(&self.partitions, self.held_back.as_ref()), if self.held_back.is_some() => {
                    if let (Some(room), Some((_, event))) = (room, self.held_back.take()) {
                        room.send(event);
                    }
                    None
                }
                message = self.subscription.next(), if self.held_back.is_none() => match message {
                    Ok(message) => { self.take(message, runner); None }
                    Err(error) => Some(End::Failed(text(error))),
                },
            };
            if let Some(end) = end {
                break end;
            }
        };
        self.stop_workers(runner).await;
        end
    }

    /// Takes a message of the subscription.
    fn take<L: Listener>(&mut self, message: SubscriptionMessage, runner: &Runner<L>) {
        match message {
            SubscriptionMessage::Event(event) => {
                let count = self.partitions.len();
                let partition =
                    if count == 1 { 0 } else { partition_of(&runner.listener.key(&event), count) };
                if !runner.progress.hand_out(partition, event.position) {
                    return;
                }
                let sent = self.partitions[partition].queue.try_send(event);
                if let Err(TrySendError::Full(event) | TrySendError::Closed(event)) = sent {
                    self.held_back = Some((partition, event));
                }
            }
            SubscriptionMessage::Progress(position) => runner.progress.pass_over(position),
            SubscriptionMessage::CaughtUp => runner.set_state(HandlerState::Live),
        }
    }

    /// Notes what a worker tells.
    fn note<L: Listener>(&mut self, report: Report, runner: &Runner<L>) -> Option<End> {
        match report {
            Report::Finished { partition, positions } => {
                let count = positions.len() as u64;
                self.partitions[partition].handled += count;
                runner.status.send_modify(|status| status.handled += count);
                runner.progress.finish(partition, &positions);
                None
            }
            Report::Parked { partition, keys } => {
                self.partitions[partition].parked_keys = keys;
                let parked_keys = self.partitions.iter().map(|partition| partition.parked_keys).sum();
                runner.status.send_modify(|status| status.parked_keys = parked_keys);
                None
            }
            Report::Stopped { position, error } => Some(End::Stopped { position, error }),
            Report::StoreFailed(error) => Some(End::Failed(text(error))),
        }
    }

    /// Does what an operator tells.
    async fn obey<L: Listener>(&mut self, control: Option<Control>, runner: &Runner<L>) -> Option<End> {
        match control {
            None => Some(End::Closed),
            Some(Control::Sequence(order)) => {
                let partition = partition_of(&order.key, self.partitions.len());
                if let Err(refused) = self.partitions[partition].orders.try_send(order) {
                    let order = refused.into_inner();
                    let _ = order.done.send(Err("too many retries wait already: try again later".to_owned()));
                }
                None
            }
            Some(control @ Control::Resume(_)) => {
                runner.obey(control).await;
                None
            }
            Some(control @ (Control::Pause(_) | Control::Reset(..))) => {
                let end = if matches!(control, Control::Pause(_)) { End::Paused } else { End::Again };
                self.stop_workers(runner).await;
                runner.obey(control).await;
                Some(end)
            }
        }
    }

    /// Lets the workers finish the event at hand, and stores what was handled.
    async fn stop_workers<L: Listener>(&mut self, runner: &Runner<L>) {
        self.stop.cancel();
        let all = async { while self.workers.join_next().await.is_some() {} };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!(handler = runner.listener.name(), "an event took too long and was broken off");
            self.workers.shutdown().await;
        }
        while let Ok(report) = self.reports.try_recv() {
            self.note(report, runner);
        }
        if let Err(fault) = self.store_checkpoints(runner).await {
            tracing::warn!(handler = runner.listener.name(), fault, "the last checkpoint was not stored");
        }
    }

    /// Stores the checkpoints that have moved.
    async fn store_checkpoints<L: Listener>(&mut self, runner: &Runner<L>) -> Result<(), String> {
        let (name, count) = (runner.listener.name(), self.partitions.len());
        let positions = runner.progress.checkpoints();
        for (number, (partition, position)) in self.partitions.iter_mut().zip(positions).enumerate() {
            let Versioned { value, version } = &partition.checkpoint;
            if value.position == position {
                continue;
            }
            let value = Checkpoint { position, handled: value.handled + partition.handled };
            let key = records::checkpoint_key(name, number, count).map_err(text)?;
            let version = records::save(&*runner.store, &key, &value, Some(*version)).await.map_err(text)?;
            partition.checkpoint = Versioned { value, version };
            partition.handled = 0;
        }
        Ok(())
    }
}

/// Makes the worker of a partition, and the ways to it.
fn employ<L: Listener>(
    runner: &Runner<L>,
    number: usize,
    checkpoint: Versioned<Checkpoint>,
    parked: HashMap<String, ParkedSequence>,
    reports: &mpsc::UnboundedSender<Report>,
    stop: CancellationToken,
) -> (Partition, Worker<L>) {
    let (queue, events) = mpsc::channel(runner.options.queue_events.max(1));
    let (orders, told) = mpsc::channel(ORDERS);
    let last_taken = checkpoint.value.position;
    let partition = Partition { queue, orders, checkpoint, handled: 0, parked_keys: parked.len() };
    let worker = Worker {
        partition: number,
        listener: Arc::clone(&runner.listener),
        store: Arc::clone(&runner.store),
        clock: Arc::clone(&runner.clock),
        options: Arc::clone(&runner.options),
        policy: runner.policy.clone(),
        filter: runner.filter(),
        stop,
        queue: events,
        orders: told,
        reports: reports.clone(),
        parked,
        uncounted: HashSet::new(),
        batch: Vec::new(),
        retry: None,
        last_taken,
    };
    (partition, worker)
}

/// Waits until there is room for the event that is held back; none when the worker is gone, whose report says
/// why. Cancel-safe.
async fn make_room(
    partitions: &[Partition],
    held_back: Option<&(usize, RecordedEvent)>,
) -> Option<OwnedPermit<RecordedEvent>> {
    let (partition, _) = held_back?;
    partitions[*partition].queue.clone().reserve_owned().await.ok()
}
