//! `map`: what is registered.

use crate::{
    args::{MapArgs, MapFormat},
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Shows the map. Needs no store.
pub(super) fn run(map: &MapArgs, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let default = if output.is_json() { MapFormat::Json } else { MapFormat::Text };
    output.answer(&Answer::Map(world.map(), map.format.unwrap_or(default)))?;
    Ok(output.flush()?)
}
