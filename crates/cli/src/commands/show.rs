//! `show`: the state of an aggregate, now or as it was.

use engine::{Revision, StreamName, command::InvalidCommand};

use crate::{
    args::Show,
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// Shows one state.
pub(super) async fn run(show: &Show, world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    let bus = world.bus().await?;
    let found = bus.state_by_name(&show.category, &show.id, show.at.map(Revision)).await?;
    let stream = StreamName::of_instance(&show.category, &show.id).map_err(|fault| {
        Failure::new("invalid", InvalidCommand::field("id", fault).message).of_field("id")
    })?;
    let Some(found) = found else {
        let message = format!("there is no `{}` with id `{}`: it has no events", show.category, show.id);
        return Err(Failure::not_found(message).into());
    };
    output.answer(&Answer::State { stream: &stream, revision: found.revision, state: &found.state })?;
    Ok(output.flush()?)
}
