//! The beginning of a session: checkpoints and parked sequences are read, workers employed, the store listened to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::{Arc, atomic::AtomicUsize},
};

use engine_store::{SubscribeFrom, SubscribeTo};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Partition, Session};
use crate::listen::{
    HANDLING,
    listener::Listener,
    ownership::{Share, Validity},
    partition::partition_of,
    records::{
        self, ParkedSequence, Versioned,
        checkpoints::{self, Checkpoint, Unmoved},
    },
    runner::{Runner, text},
    worker::{Report, Worker},
};

/// How many orders about parked sequences wait for a worker at most.
const ORDERS: usize = 16;

/// What the workers of a session have in common.
struct Employer<'a, L> {
    runner: &'a Runner<L>,
    reports: mpsc::UnboundedSender<Report>,
    parked_by_all: Arc<AtomicUsize>,
    stop: CancellationToken,
    is_shared: bool,
    validity: Validity,
}

impl Session {
    /// Takes over the partitions in `here`, starts their workers and subscribes.
    pub(in crate::listen::runner) async fn begin<L: Listener>(
        runner: &Runner<L>,
        here: &BTreeSet<usize>,
        share: &Share,
    ) -> Result<Session, String> {
        let (store, name, count) = (&*runner.store, runner.listener.name(), runner.options.partitions);
        let mut aside = None;
        let all = if runner.listener.keeps_own() {
            let own = runner.listener.own_checkpoint().await.map_err(text)?;
            let position = own.position;
            aside = own.aside;
            vec![Versioned { value: Checkpoint { position, ..Checkpoint::default() }, version: 0 }]
        } else {
            let mut all =
                checkpoints::settle(store, name, count, runner.options.start).await.map_err(text)?;
            for number in here {
                if !share.validity().holds() {
                    return Err("the lease ran out while the handler began".to_owned());
                }
                take_over(runner, *number, &mut all[*number]).await?;
            }
            all
        };
        let positions: Vec<_> = all.iter().map(|checkpoint| checkpoint.value.position).collect();
        let mut parked = vec![BTreeMap::new(); count];
        let recorded = match aside {
            None => records::parked(store, &runner.listener.records()).await,
            Some(aside) => records::parked_of_these(store, &runner.listener.records(), aside).await,
        };
        for sequence in recorded.map_err(text)? {
            parked[partition_of(&sequence.key, count)].insert(sequence.key.clone(), sequence);
        }
        let from = here.iter().map(|number| positions[*number]).min().flatten();
        let to = SubscribeTo::All(from.map_or(SubscribeFrom::Start, SubscribeFrom::After));
        let mut subscription = store.subscribe(to, runner.filter.clone()).await.map_err(text)?;
        subscription.hurry();
        runner.progress.begin(&positions, here);
        let (reports, told) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let parked_here = here.iter().map(|number| parked[*number].len()).sum();
        let employer = Employer {
            runner,
            reports,
            parked_by_all: Arc::new(AtomicUsize::new(parked_here)),
            stop: stop.clone(),
            is_shared: share.sharing.is_some(),
            validity: share.validity(),
        };
        let mut workers = JoinSet::new();
        let mut partitions = BTreeMap::new();
        for (number, (checkpoint, parked)) in all.into_iter().zip(parked).enumerate() {
            if here.contains(&number) {
                let (partition, worker) = employer.employ(number, checkpoint, parked);
                workers.spawn(HANDLING.scope(name.to_owned(), worker.run()));
                partitions.insert(number, partition);
            }
        }
        Ok(Session {
            subscription,
            partitions,
            count,
            workers,
            stop,
            reports: told,
            held_back: VecDeque::new(),
            sharing: share.sharing,
        })
    }
}

/// Writes one's name under a checkpoint, so that whoever moved it before can do so no more.
async fn take_over<L: Listener>(
    runner: &Runner<L>,
    number: usize,
    checkpoint: &mut Versioned<Checkpoint>,
) -> Result<(), String> {
    if checkpoint.value.owner == runner.owner {
        return Ok(());
    }
    let value = Checkpoint { owner: runner.owner, ..checkpoint.value.clone() };
    let place = (runner.listener.name(), number, runner.options.partitions);
    checkpoints::advance(&*runner.store, place, checkpoint, value).await.map_err(|unmoved| match unmoved {
        Unmoved::TakenOver(error) | Unmoved::Unavailable(error) => error,
        Unmoved::Outdated => "the checkpoint is kept elsewhere".to_owned(),
    })
}

impl<L: Listener> Employer<'_, L> {
    /// Makes the worker of a partition, and the ways to it.
    fn employ(
        &self,
        number: usize,
        checkpoint: Versioned<Checkpoint>,
        parked: BTreeMap<String, ParkedSequence>,
    ) -> (Partition, Worker<L>) {
        let runner = self.runner;
        let (queue, events) = mpsc::channel(runner.options.queue_events);
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
            filter: runner.filter.clone(),
            progress: Arc::clone(&runner.progress),
            is_shared: self.is_shared,
            validity: self.validity.clone(),
            stop: self.stop.child_token(),
            queue: events,
            orders: told,
            reports: self.reports.clone(),
            parked,
            parked_by_all: Arc::clone(&self.parked_by_all),
            uncounted: BTreeSet::new(),
            batch: Vec::new(),
            retry: None,
            last_taken,
        };
        (partition, worker)
    }
}
