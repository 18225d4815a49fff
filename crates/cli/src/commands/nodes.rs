//! `nodes`: the processes that share the store, and what each of them works on.

use engine::listen::ownership;

use crate::{
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Lists nodes. Takes part in nothing itself.
pub(super) async fn run(world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    let nodes = ownership::nodes(&**world.store().await?).await?;
    output.answer(&Answer::Nodes(&nodes))?;
    Ok(output.flush()?)
}
