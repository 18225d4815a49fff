//! The way to a group's task: what it is asked for, and what it answers.

use std::sync::Arc;

use engine_store::{ReadError, RecordedEvent};
use engine_types::StreamName;
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use super::{Definition, Verdict, runner};
use crate::core::Core;

/// How many questions and answers of consumers wait for the task at most.
const COMMANDS: usize = 1_024;

/// An event for a consumer.
#[derive(Debug)]
pub(crate) struct Delivery {
    /// As it stands in the source; a link is for the consumer's call to follow, which knows what he may read.
    pub(crate) event: RecordedEvent,
    pub(crate) retries: u32,
}

/// Why a consumer is told nothing more.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    /// The group was changed.
    Dropped,
    /// The group is no more.
    Deleted,
    /// The stream was closed for ever.
    StreamDeleted(StreamName),
    Stopping,
}

/// Why there is no place for a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinError {
    /// There are as many as there may be.
    Full,
    /// The group has just ended.
    Gone,
}

/// Who a consumer is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Member {
    pub(crate) from: String,
    pub(crate) user: String,
    pub(crate) connection: String,
    /// How many events it holds at most.
    pub(crate) room: usize,
}

/// A consumer's place in the group.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) id: u64,
    /// As many messages as the consumer has room for, and the end.
    pub(crate) deliveries: mpsc::UnboundedReceiver<Result<Delivery, Ended>>,
}

/// What is known of a group at work.
#[derive(Debug, Clone, Default)]
pub(crate) struct Info {
    /// The last place up to which everything is done.
    pub(crate) checkpoint: Option<u64>,
    /// The last place that was taken from the source.
    pub(crate) known: Option<u64>,
    pub(crate) done: u64,
    pub(crate) live: bool,
    pub(crate) waiting: usize,
    pub(crate) again: usize,
    pub(crate) held: usize,
    pub(crate) parked: u64,
    /// The consumers: who, how many events it was given, how many more it has room for, how many it holds.
    pub(crate) members: Vec<(Member, u64, usize, usize)>,
}

/// What the task is asked for.
pub(super) enum Command {
    Join(Member, oneshot::Sender<Result<Joined, JoinError>>),
    Leave(u64),
    Ack(u64, Vec<Uuid>),
    Nack(u64, Vec<Uuid>, Verdict, String),
    Replay(Option<u64>, oneshot::Sender<Result<(), ReadError>>),
    Info(oneshot::Sender<Info>),
    End(Ended, oneshot::Sender<()>),
}

/// The way to a group's task.
#[derive(Debug, Clone)]
pub(crate) struct Handle {
    pub(crate) definition: Arc<Definition>,
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// Starts the task of a group.
    pub(super) fn start(core: Arc<Core>, definition: Definition) -> Self {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let definition = Arc::new(definition);
        tokio::spawn(runner::run(core, definition.clone(), receiver));
        Handle { definition, commands }
    }

    pub(crate) async fn join(&self, member: Member) -> Result<Joined, JoinError> {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Join(member, answer)).await;
        answered.await.unwrap_or(Err(JoinError::Gone))
    }

    pub(crate) async fn leave(&self, consumer: u64) {
        self.tell(Command::Leave(consumer)).await;
    }

    pub(crate) async fn ack(&self, consumer: u64, ids: Vec<Uuid>) {
        self.tell(Command::Ack(consumer, ids)).await;
    }

    pub(crate) async fn nack(&self, consumer: u64, ids: Vec<Uuid>, verdict: Verdict, reason: String) {
        self.tell(Command::Nack(consumer, ids, verdict, reason)).await;
    }

    /// Delivers the parked events again, at most so many.
    pub(crate) async fn replay(&self, limit: Option<u64>) -> Result<(), ReadError> {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Replay(limit, answer)).await;
        answered.await.unwrap_or_else(|_| Err(ReadError::unavailable("the group has ended")))
    }

    pub(crate) async fn info(&self) -> Info {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::Info(answer)).await;
        answered.await.unwrap_or_default()
    }

    /// Ends the task, when it has kept its place.
    pub(super) async fn end(&self, reason: Ended) {
        let (answer, answered) = oneshot::channel();
        self.tell(Command::End(reason, answer)).await;
        // A task that is gone has ended.
        let _ = answered.await;
    }

    async fn tell(&self, command: Command) {
        // A task that is gone needs to be told nothing.
        let _ = self.commands.send(command).await;
    }
}
