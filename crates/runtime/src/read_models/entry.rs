//! Projections and queries as an application registers them, when their types are known only at run time.

use std::{any::TypeId, marker::PhantomData, sync::Arc};

use async_trait::async_trait;
use engine_store::EventStore;
use engine_types::{Consistency, Event, Query, command::InvalidCommand, event::Decoder, query};
use serde_json::Value;

use super::{
    Answer, AnyProjection, Projection, ProjectionOptions, QueryError, QueryOptions, home::ReadModels,
    listener::ProjectionListener, serving::Serving,
};
use crate::{
    Body, Bus,
    listen::{ErrorPolicy, Registered, Registration, Waits, both, types_of},
    map::{ProjectionDescription, QueryDescription},
};

/// A projection at work, as a handler and as a read model.
pub(crate) struct AtWork {
    pub(crate) handler: Arc<dyn Registered>,
    pub(crate) projection: Arc<dyn AnyProjection>,
}

/// A registered projection.
pub(crate) trait ProjectionEntry: Send + Sync {
    fn name(&self) -> &'static str;
    fn type_id(&self) -> TypeId;
    fn describe(&self) -> ProjectionDescription;
    /// Whether others wait for it.
    fn waits(&self) -> Waits<'_>;
    /// What cannot work.
    fn fault(&self) -> Option<String>;
    /// Makes what runs it.
    fn at_work(&self, store: Arc<dyn EventStore>, place: ReadModels, errors: &ErrorPolicy) -> AtWork;
}

pub(crate) struct ProjectionOf<P> {
    options: ProjectionOptions,
    projection: PhantomData<fn() -> P>,
}

impl<P> ProjectionOf<P> {
    pub(crate) fn new(options: ProjectionOptions) -> Self {
        ProjectionOf { options, projection: PhantomData }
    }
}

impl<P: Projection> ProjectionEntry for ProjectionOf<P> {
    fn name(&self) -> &'static str {
        P::NAME
    }

    fn type_id(&self) -> TypeId {
        TypeId::of::<P>()
    }

    fn describe(&self) -> ProjectionDescription {
        ProjectionDescription {
            name: P::NAME,
            version: P::VERSION,
            events: P::Event::TYPES.iter().map(|event| event.name).collect(),
            queries: Vec::new(),
        }
    }

    fn waits(&self) -> Waits<'_> {
        // It sends nothing.
        Waits { name: P::NAME, is_strong: self.options.strong, sends: &Consistency::Eventual }
    }

    fn fault(&self) -> Option<String> {
        let options = self.options.handler(&ErrorPolicy::default());
        let hears_nothing = || {
            both(&types_of(&Decoder::<P::Event>::default()), self.options.filter.as_ref())
                .is_none()
                .then_some("its filter lets none of the events pass that it can read")
        };
        options.fault().or_else(hears_nothing).map(str::to_owned)
    }

    fn at_work(&self, store: Arc<dyn EventStore>, place: ReadModels, errors: &ErrorPolicy) -> AtWork {
        let options = Arc::new(self.options.handler(errors));
        let serving = Arc::new(Serving::<P>::new(store, place, self.options.clone()));
        let listener = Arc::new(ProjectionListener(serving.clone()));
        AtWork { handler: Arc::new(Registration { listener, options }), projection: serving }
    }
}

/// A registered query.
#[async_trait]
pub(crate) trait QueryEntry: Send + Sync {
    fn type_id(&self) -> TypeId;
    /// The name and the type of the projection that answers it.
    fn projection(&self) -> (&'static str, TypeId);
    fn describe(&self) -> QueryDescription;
    async fn ask(&self, bus: &Bus, body: Body, options: &QueryOptions) -> Result<Value, QueryError>;
}

pub(crate) struct QueryOf<Q>(PhantomData<fn() -> Q>);

impl<Q> Default for QueryOf<Q> {
    fn default() -> Self {
        QueryOf(PhantomData)
    }
}

impl<Q: Query> QueryOf<Q> {
    fn read(body: Body) -> Result<Q, InvalidCommand> {
        match body {
            Body::Json(value) => query::form::<Q>().read_json(value),
            Body::Texts(texts) => query::form::<Q>().read_texts(&texts),
        }
    }
}

#[async_trait]
impl<Q> QueryEntry for QueryOf<Q>
where
    Q: Query,
    Q::Projection: Answer<Q>,
{
    fn type_id(&self) -> TypeId {
        TypeId::of::<Q>()
    }

    fn projection(&self) -> (&'static str, TypeId) {
        (<Q::Projection as Projection>::NAME, TypeId::of::<Q::Projection>())
    }

    fn describe(&self) -> QueryDescription {
        QueryDescription { name: Q::NAME, doc: Q::DOC, fields: Q::FIELDS, closed: Q::CLOSED }
    }

    async fn ask(&self, bus: &Bus, body: Body, options: &QueryOptions) -> Result<Value, QueryError> {
        let answer = bus.ask(Self::read(body)?, options).await?;
        serde_json::to_value(answer)
            .map_err(|fault| QueryError::Internal(format!("the answer cannot be written as JSON: {fault}")))
    }
}
