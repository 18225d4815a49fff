//! `scavenge`: gives back the room of events that can no longer be read.

use super::progress;
use crate::{
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Scavenges the store, which goes on meanwhile.
pub(super) async fn run(world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    let store = &**world.store().await?;
    let bar = progress::bar("scavenging");
    let scavenged = store.scavenge(&|progress| progress::show(&bar, progress)).await;
    bar.finish_and_clear();
    output.answer(&Answer::Scavenged(&scavenged?))?;
    Ok(output.flush()?)
}
