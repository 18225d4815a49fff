//! A command on its way to the bus: options first, then `.await`.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use engine_types::{
    Aggregate, CausationId, Command, CommandId, CorrelationId, Decide, ExpectedRevision, Revision,
};
use serde_json::Value;

use crate::{Bus, Consistency, Receipt, SendError, SendOptions};

/// What the bus answers to a command.
pub type Answer<C> = Result<
    Receipt<<C as Command>::Aggregate>,
    SendError<<<C as Command>::Aggregate as Aggregate>::Rejection>,
>;

/// A command that is about to be sent. Nothing happens until it is awaited.
#[derive(Debug)]
#[must_use = "a command is sent when it is awaited"]
pub struct SendCommand<'a, C> {
    bus: &'a Bus,
    command: C,
    options: SendOptions,
}

impl<'a, C> SendCommand<'a, C> {
    pub(crate) fn new(bus: &'a Bus, command: C) -> Self {
        SendCommand { bus, command, options: SendOptions::default() }
    }

    /// Gives the command an identity: sent again with the same, it gives the first answer again.
    pub fn command_id(mut self, id: CommandId) -> Self {
        self.options.command_id = Some(id);
        self
    }

    /// Says what the whole chain of causes is called.
    pub fn correlation_id(mut self, id: impl Into<CorrelationId>) -> Self {
        self.options.correlation_id = Some(id.into());
        self
    }

    /// Says what caused the command.
    pub fn causation_id(mut self, id: impl Into<CausationId>) -> Self {
        self.options.causation_id = Some(id.into());
        self
    }

    /// Adds an entry to the metadata of the command's events.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.options.metadata.insert(key.into(), value.into());
        self
    }

    /// Refuses the command unless the instance is at this revision.
    pub fn expect_revision(self, revision: Revision) -> Self {
        self.expect(ExpectedRevision::Exact(revision))
    }

    /// Refuses the command unless the instance is as expected.
    pub fn expect(mut self, expected: ExpectedRevision) -> Self {
        self.options.expected = Some(expected);
        self
    }

    /// Chooses when the command counts as done.
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.options.consistency = Some(consistency);
        self
    }

    /// Limits how long the command may take.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// Asks for the state after the events.
    pub fn return_state(mut self) -> Self {
        self.options.return_state = true;
        self
    }

    /// Replaces all options.
    pub fn options(mut self, options: SendOptions) -> Self {
        self.options = options;
        self
    }
}

impl<'a, C> IntoFuture for SendCommand<'a, C>
where
    C: Command,
    C::Aggregate: Decide<C>,
{
    type Output = Answer<C>;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer<C>> + Send + 'a>>;

    fn into_future(mut self) -> Self::IntoFuture {
        Box::pin(async move { self.bus.send(&self.command, &mut self.options).await })
    }
}
