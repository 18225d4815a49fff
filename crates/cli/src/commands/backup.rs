//! `backup`: a copy of the store, made while it goes on, here or in another process.

use super::progress;
use crate::{
    args::Backup,
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Copies what has changed since the last time.
pub(super) async fn run(backup: &Backup, world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    let bar = progress::bar("copying");
    let shown = bar.clone();
    let copied = world.backup(&backup.destination, move |progress| progress::show(&shown, progress)).await;
    bar.finish_and_clear();
    output.answer(&Answer::BackedUp { report: &copied?, destination: &backup.destination })?;
    Ok(output.flush()?)
}
