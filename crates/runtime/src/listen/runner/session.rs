//! A session: from a stored checkpoint on, until something ends it.

mod employing;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use engine_store::{RecordedEvent, Subscription, SubscriptionMessage};
use engine_types::Position;
use futures_util::future::join_all;
use tokio::{
    sync::mpsc::{self, OwnedPermit, error::TrySendError},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;

use super::{Control, End, Outside, Runner, look};
use crate::listen::{
    listener::{Delivery, Listener, Sequences},
    ownership::Sharing,
    partition::partition_of,
    records::{
        Versioned,
        checkpoints::{self, Checkpoint, Unmoved},
    },
    retry,
    status::HandlerState,
    worker::{Report, Told},
};

/// How long a worker that was broken off may take to be gone.
const BROKEN_OFF: Duration = Duration::from_millis(500);

pub(super) struct Session {
    subscription: Subscription,
    /// Those that are worked on here.
    partitions: BTreeMap<usize, Partition>,
    /// How many there are in all.
    count: usize,
    workers: JoinSet<Result<(), Told>>,
    stop: CancellationToken,
    reports: mpsc::UnboundedReceiver<Report>,
    /// What partitions have no room for yet: deliveries of one event.
    held_back: VecDeque<(usize, Delivery)>,
    sharing: Option<Sharing>,
}

struct Partition {
    queue: mpsc::Sender<Delivery>,
    orders: mpsc::Sender<retry::Order>,
    checkpoint: Versioned<Checkpoint>,
    /// How many events were handled since the checkpoint was stored.
    handled: u64,
    parked_keys: usize,
}

impl Session {
    /// Hands out events and keeps the checkpoint, until something ends the session.
    pub(super) async fn run<L: Listener>(
        mut self,
        runner: &Runner<L>,
        outside: &mut Outside,
        orders: Vec<retry::Order>,
    ) -> End {
        for order in orders {
            self.pass_on(order);
        }
        let every = runner.options.checkpoint_every;
        let mut tick = interval_at(Instant::now() + every, every);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut look = look(self.sharing);
        let end = loop {
            let end = tokio::select! {
                biased;
                control = outside.controls.recv() => self.obey(control, runner).await,
                Some(report) = self.reports.recv() => self.note(report, runner).await,
                Some(ended) = self.workers.join_next() => Some(match ended {
                    // It has seen that the partition may be another's.
                    Ok(_) if self.sharing.is_some() => End::Again,
                    Ok(_) => End::Failed("a worker ended by itself".to_owned()),
                    Err(fault) => End::Failed(format!("a worker broke down: {fault}")),
                }),
                _ = tick.tick() => self.store_checkpoints(runner, None).await.err(),
                () = outside.share.changed() => Some(End::Again),
                () = runner.other_orders(&mut look) => Some(End::Again),
                room = make_room(&self.partitions, self.held_back.front()), if !self.held_back.is_empty() => {
                    if let (Some(room), Some((_, delivery))) = (room, self.held_back.pop_front()) {
                        room.send(delivery);
                    }
                    None
                }
                message = self.subscription.next(), if self.held_back.is_empty() => match message {
                    Ok(message) => { self.take(message, runner); None }
                    Err(error) => Some(End::Failed(error.to_string())),
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
            SubscriptionMessage::Event(event) => self.hand_out(event, runner),
            SubscriptionMessage::Progress(position) => runner.progress.pass_over(position),
            SubscriptionMessage::CaughtUp => runner.set_state(HandlerState::Live),
        }
    }

    /// Hands an event out to the partitions of its sequences.
    fn hand_out<L: Listener>(&mut self, event: RecordedEvent, runner: &Runner<L>) {
        let Some(Sequences { keys, read }) = runner.listener.sequences(&event) else {
            let number = match self.count {
                1 => 0,
                count => partition_of(&runner.listener.key(&event), count),
            };
            if runner.progress.hand_out(number, event.position) {
                self.deliver(number, Delivery { event, key: None, read: None });
            }
            return;
        };
        let partitions: Vec<_> = keys.iter().map(|key| partition_of(key, self.count)).collect();
        let new = runner.progress.hand_out_to_all(&partitions, event.position);
        for (number, key) in partitions.into_iter().zip(keys) {
            if new.contains(&number) {
                let (event, read) = (event.clone(), read.clone());
                self.deliver(number, Delivery { event, key: Some(key.into()), read });
            }
        }
    }

    fn deliver(&mut self, number: usize, delivery: Delivery) {
        let Some(partition) = self.partitions.get(&number) else { return };
        if !self.held_back.is_empty() {
            return self.held_back.push_back((number, delivery));
        }
        if let Err(TrySendError::Full(delivery) | TrySendError::Closed(delivery)) =
            partition.queue.try_send(delivery)
        {
            self.held_back.push_back((number, delivery));
        }
    }

    /// Notes what a worker tells.
    async fn note<L: Listener>(&mut self, report: Report, runner: &Runner<L>) -> Option<End> {
        match report {
            Report::Finished { partition, positions, aside } => {
                runner.progress.finish(partition, &positions, aside);
                let count = if aside { 0 } else { positions.len() as u64 };
                if let Some(partition) = self.partitions.get_mut(&partition) {
                    partition.handled += count;
                }
                runner.status.send_modify(|status| status.handled += count);
                None
            }
            Report::Parked { partition, keys } => {
                if let Some(partition) = self.partitions.get_mut(&partition) {
                    partition.parked_keys = keys;
                }
                let parked_keys = self.partitions.values().map(|partition| partition.parked_keys).sum();
                runner.status.send_modify(|status| status.parked_keys = parked_keys);
                None
            }
            Report::Store { partition, done } => {
                let stored = self.store_checkpoints(runner, Some(partition)).await;
                let is_stored = stored.is_ok() && runner.status.borrow().fault.is_none();
                let _ = done.send(is_stored);
                stored.err()
            }
            Report::Stopped { position, error } => Some(End::Stopped { position, error }),
            Report::StoreFailed(error) => Some(End::Failed(error.to_string())),
        }
    }

    /// Does what an operator tells.
    async fn obey<L: Listener>(&mut self, control: Option<Control>, runner: &Runner<L>) -> Option<End> {
        match control {
            None => Some(End::Closed),
            Some(Control::Sequence(order)) => {
                self.pass_on(order);
                None
            }
            Some(control @ Control::Resume(_)) => {
                runner.obey(control).await;
                None
            }
            Some(control @ (Control::Pause(_) | Control::Reset(..) | Control::Rest(..))) => {
                self.stop_workers(runner).await;
                runner.obey(control).await;
                Some(if runner.is_paused() { End::Paused } else { End::Again })
            }
        }
    }

    /// Passes an order about a parked sequence on to its worker.
    fn pass_on(&self, order: retry::Order) {
        let number = partition_of(&order.key, self.count);
        let (order, fault) = match self.partitions.get(&number) {
            None => (order, "another process works on this sequence: tell that one"),
            Some(partition) => match partition.orders.try_send(order) {
                Ok(()) => return,
                Err(refused) => (refused.into_inner(), "too many retries wait already: try again later"),
            },
        };
        let _ = order.done.send(Err(fault.to_owned()));
    }

    /// Lets the workers finish the event at hand, and stores what was handled.
    async fn stop_workers<L: Listener>(&mut self, runner: &Runner<L>) {
        if self.stop.is_cancelled() {
            return;
        }
        self.stop.cancel();
        let grace = runner.options.grace;
        let grace = self.sharing.map_or(grace, |sharing| sharing.grace.min(grace));
        if tokio::time::timeout(grace, gone(&mut self.workers)).await.is_err() {
            tracing::warn!(handler = runner.listener.name(), "an event took too long and was broken off");
            self.workers.abort_all();
            // One that blocks its thread cannot be broken off. Nobody hears it any more.
            let _ = tokio::time::timeout(BROKEN_OFF, gone(&mut self.workers)).await;
        }
        while let Ok(report) = self.reports.try_recv() {
            if matches!(report, Report::Finished { .. } | Report::Parked { .. }) {
                self.note(report, runner).await;
            }
        }
        self.reports.close();
        if let Err(end) = self.store_checkpoints(runner, None).await {
            tracing::warn!(handler = runner.listener.name(), ?end, "the last checkpoint was not stored");
        }
    }

    /// Stores the checkpoints that have moved, and that of partition `asked` in any case where others share the
    /// work: it shows that nobody has taken over. Where the store fails, handling goes on, and the next time
    /// will do.
    async fn store_checkpoints<L: Listener>(
        &mut self,
        runner: &Runner<L>,
        asked: Option<usize>,
    ) -> Result<(), End> {
        let positions = runner.progress.checkpoints();
        let mut moves = Vec::new();
        for (number, partition) in &mut self.partitions {
            let is_asked = self.sharing.is_some() && asked == Some(*number);
            let Some(position) = positions.get(number).copied() else { continue };
            if partition.checkpoint.value.position != position || is_asked {
                moves.push(partition.store_checkpoint(runner, (*number, self.count), position));
            }
        }
        let mut fault = None;
        for moved in join_all(moves).await {
            match moved {
                Ok(()) => {}
                Err(Unmoved::TakenOver(error)) => return Err(self.taken_over(error)),
                Err(Unmoved::Unavailable(error)) => fault = Some(error),
            }
        }
        runner.status.send_if_modified(|status| {
            let is_new = status.fault != fault;
            status.fault = fault;
            is_new
        });
        Ok(())
    }

    /// Where the work is shared, another session finds out whose it is now.
    fn taken_over(&self, error: String) -> End {
        if self.sharing.is_some() { End::Again } else { End::TakenOver(error) }
    }
}

impl Partition {
    /// Moves the checkpoint.
    async fn store_checkpoint<L: Listener>(
        &mut self,
        runner: &Runner<L>,
        (number, count): (usize, usize),
        position: Option<Position>,
    ) -> Result<(), Unmoved> {
        let handled = self.checkpoint.value.handled + self.handled;
        let value = Checkpoint { position, handled, owner: runner.owner };
        if runner.listener.keeps_own() {
            keep(&*runner.listener, position).await.map_err(Unmoved::Unavailable)?;
            self.checkpoint.value = value;
            return Ok(());
        }
        let place = (runner.listener.name(), number, count);
        checkpoints::advance(&*runner.store, place, &mut self.checkpoint, value).await?;
        self.handled = 0;
        Ok(())
    }
}

/// Has a listener move its own checkpoint.
async fn keep<L: Listener>(listener: &L, position: Option<Position>) -> Result<(), String> {
    let Some(position) = position else { return Ok(()) };
    listener.keep(position).await.map_err(|error| error.to_string())
}

/// Waits until all workers are gone.
async fn gone(workers: &mut JoinSet<Result<(), Told>>) {
    while workers.join_next().await.is_some() {}
}

/// Waits until there is room for what is held back first; none when the worker is gone, whose report says
/// why. Cancel-safe.
async fn make_room(
    partitions: &BTreeMap<usize, Partition>,
    held_back: Option<&(usize, Delivery)>,
) -> Option<OwnedPermit<Delivery>> {
    let (partition, _) = held_back?;
    partitions.get(partition)?.queue.clone().reserve_owned().await.ok()
}
