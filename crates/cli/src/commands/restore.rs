//! `restore`: a store from a backup.

use super::progress;
use crate::{
    args::Restore,
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Makes the store of a backup, where nothing is yet.
pub(super) async fn run(restore: &Restore, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let bar = progress::bar("restoring");
    let shown = bar.clone();
    let restored = world.restore(&restore.source, move |progress| progress::show(&shown, progress)).await;
    bar.finish_and_clear();
    output.answer(&Answer::Restored { report: &restored?, source: &restore.source })?;
    Ok(output.flush()?)
}
