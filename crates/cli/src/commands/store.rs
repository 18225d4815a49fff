//! `store`: looking after the store itself.

use crate::{
    args::{Store, StoreCommand},
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// Does what is asked for.
pub(super) async fn run(store: &Store, world: &World, output: &mut Output) -> Result<(), Trouble> {
    match store.command {
        StoreCommand::Migrate => {
            let versions = world.migrate().await?;
            let Some((from, to)) = versions else {
                let message = format!("`{}` has no schema that could be migrated", world.url());
                return Err(Failure::new("unsupported", message).into());
            };
            output.answer(&Answer::Migrated { from, to })?;
        }
    }
    Ok(output.flush()?)
}
