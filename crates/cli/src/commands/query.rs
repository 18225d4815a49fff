//! `query`: a question to a read model.

use engine::{QueryOptions, read_models};

use crate::{
    args::{self, Query, QueryConsistency},
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Asks, and shows the answer.
pub(super) async fn run(query: &Query, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let described = world.map().queries().find(|(_, known)| known.name == query.name);
    let fields = described.map_or(&[][..], |(_, known)| known.fields);
    // A query that is not known is told as that, whatever stands behind it.
    let words = if described.is_some() { &query.body[..] } else { &[] };
    let body = args::query_body(&query.name, fields, words)?;
    if described.is_some() {
        world.expect_store().await?;
    }
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
