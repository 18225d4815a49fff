//! `query`: a question to a read model.

use engine::{QueryError, QueryOptions, command::nearest, read_models};

use crate::{
    args::{self, Query, QueryConsistency},
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// Asks, and shows the answer.
pub(super) async fn run(query: &Query, world: &World, output: &mut Output) -> Result<(), Trouble> {
    // A query that is not known is told as that, whatever stands behind it, and whatever store there is.
    let Some((_, described)) = world.map().queries().find(|(_, known)| known.name == query.name) else {
        let nearest = nearest(&query.name, world.map().queries().map(|(_, known)| known.name));
        let (name, nearest) = (query.name.clone(), nearest.map(str::to_owned));
        return Err(Failure::from(QueryError::UnknownQuery { name, nearest }).into());
    };
    let body = args::query_body(&query.name, described.fields, &query.body)?;
    world.expect_store().await?;
    let options = QueryOptions { consistency: consistency(query.consistency), timeout: query.timeout };
    let answer = world.bus().await?.query_by_name(&query.name, body, options).await?;
    output.answer(&Answer::Answered { query: &query.name, answer: &answer })?;
    Ok(output.flush()?)
}

fn consistency(chosen: QueryConsistency) -> read_models::QueryConsistency {
    match chosen {
        QueryConsistency::Eventual => read_models::QueryConsistency::Eventual,
        QueryConsistency::Strong => read_models::QueryConsistency::Strong,
    }
}
