//! `streams`: which streams there are, and where each ends.

use engine::store::StreamQuery;

use crate::{
    args::Streams,
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Lists streams, page by page.
pub(super) async fn run(streams: &Streams, world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    let store = world.store().await?;
    let mut query = StreamQuery {
        prefix: streams.prefix.clone().unwrap_or_default(),
        category: streams.category.clone(),
        ..StreamQuery::default()
    };
    loop {
        let page = store.streams(query.clone()).await?;
        for info in &page.streams {
            output.answer(&Answer::Stream(info))?;
        }
        match page.streams.into_iter().last() {
            Some(last) if page.more => query.after = Some(last.stream),
            _ => return Ok(output.flush()?),
        }
        // Stores that need not wait would never let a signal in.
        tokio::task::yield_now().await;
    }
}
