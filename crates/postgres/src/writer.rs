//! The writer of a node: takes what waits, decides, and writes it as one transaction; then answers.
//!
//! One statement each way where writers say truly where their streams end, which the runtime's commands do.

mod group;
mod queue;
mod statement;

use std::{collections::HashSet, sync::Arc, time::Duration};

use engine_store::{AppendError, Appended};
use engine_types::StreamName;
use tokio::{sync::mpsc, time::Instant};

use crate::{
    error::Trouble,
    facts::Facts,
    pauses::Pauses,
    plan::{self, Plan},
    pool::Connection,
    shared::Shared,
};
use group::Group;
pub(crate) use queue::{Order, Queue};
use statement::Written;

/// After so many looks that others made old, the lock is taken before the next one.
const LOOKS: usize = 3;

/// So many streams are remembered to be otherwise than their writers can know, because they have metadata.
const REMEMBERED: usize = 10_000;

/// It is waited for others for this part of the time that the last transaction took …
const MOMENT: u32 = 8;

/// … and never longer than this.
const LONGEST_MOMENT: Duration = Duration::from_millis(1);

pub(crate) struct Writer {
    shared: Arc<Shared>,
    orders: mpsc::Receiver<Order>,
    /// What did not fit into the last group.
    next: Option<Order>,
    /// Streams of which no guess is made.
    not_guessed: HashSet<StreamName>,
    /// The server could not be reached the last time; it is not waited for again.
    is_down: bool,
    /// How many were answered together the last time, and how long that took.
    last: (usize, Duration),
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, orders: mpsc::Receiver<Order>) -> Self {
        Writer {
            shared,
            orders,
            next: None,
            not_guessed: HashSet::new(),
            is_down: false,
            last: (0, Duration::ZERO),
        }
    }

    /// Works until the queue is closed and empty.
    pub(crate) async fn run(mut self) {
        while let Some(group) = self.take().await {
            let (len, begun) = (group.len(), Instant::now());
            self.commit(group).await;
            self.last = (len, begun.elapsed());
        }
    }

    /// Waits for work, and takes as much as fits into one transaction.
    async fn take(&mut self) -> Option<Group> {
        let first = match self.next.take() {
            Some(order) => order,
            None => self.orders.recv().await?,
        };
        let mut group = Group::of(first);
        self.fill(&mut group);
        // Those who have just been answered are about to come again. Without a moment's wait for them, callers would
        // fall into two crowds that take turns, each transaction for half of them.
        let (last_len, took) = self.last;
        let (crowd, deadline) =
            (group.len() + last_len, Instant::now() + (took / MOMENT).min(LONGEST_MOMENT));
        while last_len > 1 && group.len() < crowd && self.next.is_none() && Instant::now() < deadline {
            tokio::task::yield_now().await;
            self.fill(&mut group);
        }
        Some(group)
    }

    /// Adds what waits, as much as fits.
    fn fill(&mut self, group: &mut Group) {
        let options = &self.shared.options;
        while group.len() < options.batch_appends && self.next.is_none() {
            let Ok(order) = self.orders.try_recv() else { break };
            if group.bytes() + order.bytes > options.batch_bytes || group.must_last() != order.must_last {
                self.next = Some(order);
            } else {
                group.add(order);
            }
        }
    }

    async fn commit(&mut self, mut group: Group) {
        match self.commit_together(&mut group).await {
            Ok((first, plan)) => group.answer(first, plan),
            // One of them may be what the server does not take. The others are not to suffer for it.
            Err(Trouble::Unfit(_)) if group.len() > 1 => {
                for mut alone in group.apart() {
                    match self.commit_together(&mut alone).await {
                        Ok((first, plan)) => alone.answer(first, plan),
                        Err(trouble) => alone.refuse(trouble),
                    }
                }
            }
            Err(trouble) => group.refuse(trouble),
        }
    }

    /// Tries until it is known what became of the group, for as long as the options say.
    async fn commit_together(&mut self, group: &mut Group) -> Result<(u64, Plan), Trouble> {
        let patience = if self.is_down { Duration::ZERO } else { self.shared.options.retry_for };
        let mut pauses = Pauses::until(Instant::now() + patience);
        loop {
            match self.attempt(group).await {
                Ok(done) => {
                    self.is_down = false;
                    return Ok(done);
                }
                Err(trouble) => {
                    if matches!(trouble, Trouble::Lost(_)) {
                        group.lose_answers();
                    }
                    if !trouble.is_passing() || !pauses.pause().await {
                        self.is_down = matches!(
                            trouble,
                            Trouble::Unreachable(_) | Trouble::OutOfConnections(_) | Trouble::Lost(_)
                        );
                        return Err(trouble);
                    }
                    tracing::debug!(?trouble, "appends are tried again");
                }
            }
        }
    }

    /// Decides and writes; answers the position of the first event.
    async fn attempt(&mut self, group: &Group) -> Result<(u64, Plan), Trouble> {
        let shared = self.shared.clone();
        let mut facts = Facts::default();
        for (stream, expected) in group.expectations() {
            if !self.not_guessed.contains(stream) {
                facts.guess(stream, expected);
            }
        }
        let now = shared.options.clock.now();
        let mut connection = shared.pool.get().await?;
        for look in 0.. {
            if look == LOOKS {
                self.lock(&mut connection).await?;
                facts = Facts::default();
            }
            let done = self.decide_and_write(group, &mut facts, now, &mut connection).await;
            let is_locked = look >= LOOKS;
            match done {
                Ok(Some((first, plan))) => {
                    if is_locked {
                        connection.run("COMMIT").await.inspect_err(|_| connection.give_up())?;
                    }
                    shared.seen(engine_types::Position(first + plan.writes.len() as u64));
                    return Ok((first, plan));
                }
                Ok(None) => {}
                Err(trouble) => {
                    if is_locked {
                        // What was begun ends with the connection.
                        connection.give_up();
                    }
                    return Err(trouble);
                }
            }
        }
        Err(Trouble::Again("others wrote each time".to_owned()))
    }

    /// Decides on facts and writes, unless they turn out to be old; those are forgotten then.
    async fn decide_and_write(
        &mut self,
        group: &Group,
        facts: &mut Facts,
        now: engine_store::Timestamp,
        connection: &mut Connection<'_>,
    ) -> Result<Option<(u64, Plan)>, Trouble> {
        let schema = self.shared.schema();
        let plan = loop {
            match plan::decide(&group.jobs(), facts, now) {
                Ok(plan) => break plan,
                Err(wanted) => facts.look_up(wanted, schema, connection).await?,
            }
        };
        match statement::write(schema, connection, &plan, facts, group.must_last()).await? {
            Written::At(first) => Ok(Some((first, plan))),
            Written::Mistaken(streams) => {
                self.remember_guesses(&streams, facts);
                facts.forget(&streams);
                Ok(None)
            }
        }
    }

    /// Makes all other nodes wait until this one has written. For when they have been faster time after time.
    async fn lock(&self, connection: &mut Connection<'_>) -> Result<(), Trouble> {
        let lock = self.shared.schema().lock();
        let begin = format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = '10s';
             SET LOCAL idle_in_transaction_session_timeout = '30s'; SELECT pg_advisory_xact_lock({lock})"
        );
        connection.run(&begin).await.inspect_err(|_| connection.give_up())
    }

    fn remember_guesses(&mut self, streams: &HashSet<StreamName>, facts: &Facts) {
        if self.not_guessed.len() >= REMEMBERED {
            self.not_guessed.clear();
        }
        self.not_guessed.extend(streams.iter().filter(|stream| facts.is_guess(stream)).cloned());
    }
}

/// What became of a job, for the one who waits for it.
type Outcome = Result<Appended, AppendError>;
