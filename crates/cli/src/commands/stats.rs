//! `stats`: how large the store is.

use super::progress;
use crate::{
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Looks through the store.
pub(super) async fn run(world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    let store = &**world.store().await?;
    let bar = progress::bar("looking");
    let stats = store.stats(&|progress| progress::show(&bar, progress)).await;
    bar.finish_and_clear();
    output.answer(&Answer::Measured(&stats?))?;
    Ok(output.flush()?)
}
