//! A query on its way: options first, then `.await`.

use std::{
    future::{Future, IntoFuture},
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use engine_store::rows::RowError;
use engine_types::{Query, command::nearest};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    Answer, Projection, QueryConsistency, QueryError, QueryOptions, generation::Generation,
    home::on_generation, serving::Serving,
};
use crate::{
    Body, Bus,
    listen::{Handlers, HandlersError, NotHandled},
};

/// A query that is about to be asked. Nothing happens until it is awaited.
#[derive(Debug)]
#[must_use = "a query is asked when it is awaited"]
pub struct AskQuery<'a, Q> {
    bus: &'a Bus,
    query: Q,
    options: QueryOptions,
}

impl<Q> AskQuery<'_, Q> {
    /// Chooses when the query may be answered.
    pub fn consistency(mut self, consistency: QueryConsistency) -> Self {
        self.options.consistency = consistency;
        self
    }

    /// Limits how long the answer may take.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.options.timeout = Some(limit);
        self
    }

    /// Replaces all options.
    pub fn options(mut self, options: QueryOptions) -> Self {
        self.options = options;
        self
    }
}

impl<'a, Q> IntoFuture for AskQuery<'a, Q>
where
    Q: Query,
    Q::Projection: Answer<Q>,
{
    type Output = Result<<Q::Projection as Answer<Q>>::Output, QueryError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.bus.ask(self.query, &self.options).await })
    }
}

impl Bus {
    /// Asks a read model. What comes back can be awaited at once, or be given options first.
    ///
    /// # Errors
    /// See [`QueryError`], which is sorted by what the asker does next.
    pub fn query<Q>(&self, query: Q) -> AskQuery<'_, Q>
    where
        Q: Query,
        Q::Projection: Answer<Q>,
    {
        AskQuery { bus: self, query, options: QueryOptions::default() }
    }

    /// Asks a query that is known only by its name, such as one that was typed.
    ///
    /// # Errors
    /// As [`Bus::query`]; also [`QueryError::UnknownQuery`].
    pub async fn query_by_name(
        &self,
        name: &str,
        body: Body,
        options: QueryOptions,
    ) -> Result<Value, QueryError> {
        let entry = self.inner.app.queries.get(name).ok_or_else(|| self.unknown_query(name))?;
        entry.ask(self, body, &options).await
    }

    /// Waits until the read model has come far enough, and lets it answer.
    pub(crate) async fn ask<Q>(
        &self,
        query: Q,
        options: &QueryOptions,
    ) -> Result<<Q::Projection as Answer<Q>>::Output, QueryError>
    where
        Q: Query,
        Q::Projection: Answer<Q>,
    {
        let serving = self.serving::<Q>()?;
        let limit = options.timeout.unwrap_or(self.inner.options.command_timeout);
        let deadline = Instant::now() + limit;
        self.wait_for_rows(serving, options.consistency, limit, deadline).await?;
        match tokio::time::timeout_at(deadline, answered(serving, self.handlers(), Arc::new(query))).await {
            Ok(answer) => answer,
            Err(_) => Err(QueryError::Timeout(limit)),
        }
    }

    async fn wait_for_rows<P: Projection>(
        &self,
        serving: &Serving<P>,
        consistency: QueryConsistency,
        limit: Duration,
        deadline: Instant,
    ) -> Result<(), QueryError> {
        let position = match consistency {
            QueryConsistency::Eventual => None,
            QueryConsistency::Strong => self.inner.store.head().await?,
            QueryConsistency::After(position) => Some(position),
        };
        if !serving.wait_until_ready(deadline).await {
            if let Some(fault) = serving.stage().fault {
                return Err(QueryError::Unavailable(fault.into()));
            }
            return Err(QueryError::BeingBuilt { projection: P::NAME, percent: serving.percent() });
        }
        let Some(position) = position else {
            serving.wait_until_warm(deadline).await;
            return Ok(());
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match self.handlers().wait_for(P::NAME, position, left).await {
            Ok(()) => Ok(()),
            Err(HandlersError::Timeout { .. }) => {
                let reason = NotHandled::Late { limit };
                Err(QueryError::NotYetHandled { projection: P::NAME, position, reason })
            }
            Err(HandlersError::AtRest { state, .. }) => {
                let reason = NotHandled::AtRest(state);
                Err(QueryError::NotYetHandled { projection: P::NAME, position, reason })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn serving<Q>(&self) -> Result<&Serving<Q::Projection>, QueryError>
    where
        Q: Query,
        Q::Projection: Answer<Q>,
    {
        let registered = self.inner.app.queries.get(Q::NAME);
        let known = registered.is_some_and(|entry| entry.type_id() == std::any::TypeId::of::<Q>());
        let projection = self.projections().find_typed::<Q::Projection>().filter(|_| known);
        projection.ok_or_else(|| self.unknown_query(Q::NAME))
    }

    fn unknown_query(&self, name: &str) -> QueryError {
        let others = self.inner.app.queries.keys().copied().filter(|other| *other != name);
        let nearest = nearest(name, others).map(str::to_owned);
        QueryError::UnknownQuery { name: name.to_owned(), nearest }
    }
}

/// Lets the generation that is shown answer. One that is removed meanwhile, after the switch to another, cannot: then
/// that other one does, whether this process has switched or another one.
async fn answered<Q>(
    serving: &Serving<Q::Projection>,
    handlers: &Handlers,
    query: Arc<Q>,
) -> Result<<Q::Projection as Answer<Q>>::Output, QueryError>
where
    Q: Query,
    Q::Projection: Answer<Q>,
{
    loop {
        let generation = serving.current()?;
        let asked = query.clone();
        let answer = on_generation(&generation, move |generation| Ok(answer(generation, &*asked))).await?;
        let is_shown = || Ok::<_, QueryError>(Arc::ptr_eq(&generation, &serving.current()?));
        match answer {
            Err(QueryError::Unavailable(_) | QueryError::Damaged(_)) if !is_shown()? => {}
            Err(QueryError::Unavailable(fault)) if is_outdated(&*fault) => {
                let following = serving.follow_from(&generation);
                handlers.while_resting(Q::Projection::NAME, following).await??;
            }
            answer => return answer,
        }
    }
}

fn is_outdated(fault: &(dyn std::error::Error + 'static)) -> bool {
    matches!(fault.downcast_ref(), Some(RowError::Outdated))
}

/// Lets a projection answer; a panic becomes an error.
fn answer<Q>(
    generation: &Generation<<Q::Projection as Projection>::Row>,
    query: &Q,
) -> Result<<Q::Projection as Answer<Q>>::Output, QueryError>
where
    Q: Query,
    Q::Projection: Answer<Q>,
{
    let mut answer = None;
    let look = || generation.view(&mut |rows| answer = Some(Q::Projection::answer(query, rows)));
    match std::panic::catch_unwind(AssertUnwindSafe(look)) {
        Ok(looked) => looked?,
        Err(panic) => {
            let said = crate::panics::message(&*panic);
            return Err(QueryError::Internal(format!("the answer to `{}` panicked: {said}", Q::NAME)));
        }
    }
    let answer = answer.ok_or_else(|| RowError::unavailable("nobody looked at the rows"))?;
    Ok(answer?)
}
