//! The way of one command through the bus: middleware, then the container, within its time.

use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::Duration,
};

use engine_types::{
    Aggregate, Command, CommandId, CorrelationId, Decide, Event, Metadata, command::InvalidCommand,
};

use tokio::time::Instant;

use super::Bus;
use crate::{
    Consistency, Receipt, SendError, SendOptions,
    container::{Container, Order},
    middleware::{Accepted, Dispatch, Failure, Halt, Middleware},
    send_error::LoadError,
};

impl Bus {
    /// Sends a command: middleware around the container.
    pub(crate) async fn send<C>(
        &self,
        command: &C,
        options: &mut SendOptions,
    ) -> Result<Receipt<C::Aggregate>, SendError<<C::Aggregate as Aggregate>::Rejection>>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        let container = self.container_for::<C>()?;
        let mut dispatch = self.dispatch(command, options);
        let made = dispatch.options.command_id.is_none().then_some(dispatch.command_id);
        let (reached, halted) = before(&self.inner.app.middleware, &mut dispatch).await;
        let result = match halted {
            Some(halt) => Err(SendError::Halted(halt)),
            // Boxed, so that the commands that nobody observes need not carry the room for it.
            None if self.inner.observers.observe(C::NAME) => {
                let may_be_repeated = made != Some(dispatch.command_id);
                Box::pin(self.execute_observed(container, command, &dispatch, may_be_repeated)).await
            }
            // An id that was made for this sending alone has never been seen before.
            None => self.execute(container, command, &dispatch, made != Some(dispatch.command_id)).await,
        };
        tell(reached, &dispatch, &result).await;
        result
    }

    /// Runs the container within the time that the command may take.
    pub(super) async fn execute<C>(
        &self,
        container: &Container<C::Aggregate>,
        command: &C,
        dispatch: &Dispatch<'_>,
        may_be_repeated: bool,
    ) -> Result<Receipt<C::Aggregate>, SendError<<C::Aggregate as Aggregate>::Rejection>>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        let order = order(dispatch, may_be_repeated)?;
        let limit = self.limit(dispatch);
        let consistency = self.consistency_of(dispatch);
        self.check_consistency(consistency)?;
        let receipt = {
            let answer = pin!(container.execute(command, &order));
            within(limit, &order, answer).await?
        };
        if *consistency != Consistency::Eventual {
            // Boxed, so that the commands that do not wait need not carry the room for it.
            Box::pin(self.wait_until_handled(&receipt, consistency, order.arrived, limit)).await?;
        }
        Ok(receipt)
    }

    /// Decides a command against the newest state, and stores nothing. Middleware does not see it.
    ///
    /// # Errors
    /// As [`Bus::send_command`].
    pub async fn dry_run<C>(
        &self,
        command: &C,
        mut options: SendOptions,
    ) -> Result<Vec<<C::Aggregate as Aggregate>::Event>, SendError<<C::Aggregate as Aggregate>::Rejection>>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        let container = self.container_for::<C>()?;
        let dispatch = self.dispatch(command, &mut options);
        let order = order(&dispatch, false)?;
        let answer = pin!(container.dry_run(command, &order));
        within(self.limit(&dispatch), &order, answer).await
    }

    /// Whether the command of this id has led to events that can still be read.
    pub(crate) async fn took_effect<C>(&self, command: &C, id: CommandId) -> Result<bool, LoadError>
    where
        C: Command,
        C::Aggregate: Decide<C>,
    {
        let Some(container) = self.container::<C::Aggregate>() else { return Ok(false) };
        let mut options = SendOptions { command_id: Some(id), ..SendOptions::default() };
        let dispatch = self.dispatch(command, &mut options);
        container.took_effect(command, &order(&dispatch, true)?).await
    }

    /// Completes a command with ids.
    fn dispatch<'a, C: Command>(&self, command: &'a C, options: &'a mut SendOptions) -> Dispatch<'a> {
        let command_id = options.command_id.unwrap_or_else(|| CommandId(self.inner.ids.next()));
        let correlation_id =
            options.correlation_id.clone().unwrap_or_else(|| CorrelationId::from(command_id.0));
        Dispatch { command, command_id, correlation_id, options }
    }

    /// How long a command may take.
    fn limit(&self, dispatch: &Dispatch<'_>) -> Duration {
        dispatch.options.timeout.unwrap_or(self.inner.options.command_timeout)
    }
}

/// Waits for an answer, but no longer than this.
///
/// The caller pins the answer: a future that is handed to a future takes its room twice.
async fn within<T, R>(
    limit: Duration,
    order: &Order<'_>,
    mut answer: Pin<&mut impl Future<Output = Result<T, SendError<R>>>>,
) -> Result<T, SendError<R>> {
    // An answer that need not be waited for needs no timer.
    if let Poll::Ready(result) = poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))).await {
        return result;
    }
    let left = limit.saturating_sub(order.arrived.elapsed());
    match tokio::time::timeout(left, answer).await {
        Ok(result) => result,
        Err(_) => Err(SendError::Timeout { after: limit, command_id: order.command_id }),
    }
}

/// What the container has to know of a command beside the command.
fn order<'a>(dispatch: &'a Dispatch<'_>, may_be_repeated: bool) -> Result<Order<'a>, InvalidCommand> {
    Metadata::check_user_entries(&dispatch.options.metadata)
        .map_err(|fault| InvalidCommand::field("metadata", fault))?;
    Ok(Order {
        command_id: dispatch.command_id,
        command: dispatch.command.name(),
        arrived: Instant::now(),
        may_be_repeated,
        correlation_id: &dispatch.correlation_id,
        options: dispatch.options,
    })
}

/// Shows a command to the middleware, the outermost first; answers those that saw it, and whether one said no.
async fn before<'a>(
    layers: &'a [Arc<dyn Middleware>],
    dispatch: &mut Dispatch<'_>,
) -> (&'a [Arc<dyn Middleware>], Option<Halt>) {
    for (index, layer) in layers.iter().enumerate() {
        if let Err(halt) = layer.before(dispatch).await {
            return (&layers[..=index], Some(halt));
        }
    }
    (layers, None)
}

/// Tells the middleware that saw a command what became of it, the innermost first.
async fn tell<A: Aggregate, R: fmt::Display>(
    reached: &[Arc<dyn Middleware>],
    dispatch: &Dispatch<'_>,
    result: &Result<Receipt<A>, SendError<R>>,
) {
    if reached.is_empty() {
        return;
    }
    match result {
        Ok(receipt) => {
            let accepted = Accepted {
                revision: receipt.revision,
                position: receipt.position,
                event_types: receipt.events.iter().map(|event| event.event_type().name).collect(),
                duplicate: receipt.duplicate,
            };
            for layer in reached.iter().rev() {
                layer.after(dispatch, &accepted).await;
            }
        }
        Err(error) => {
            let failure = Failure { kind: error.kind(), message: error.to_string() };
            for layer in reached.iter().rev() {
                layer.failed(dispatch, &failure).await;
            }
        }
    }
}
