//! `map`: what is registered.

use crate::{
    args::{MapArgs, MapFormat},
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Shows the map of an application that does not contradict itself. Needs no store.
pub(super) fn run(map: &MapArgs, world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.check()?;
    let default = if output.is_json() { MapFormat::Json } else { MapFormat::Text };
    output.answer(&Answer::Map(world.map(), map.format.unwrap_or(default)))?;
    Ok(output.flush()?)
}

#[cfg(test)]
mod tests {
    use engine::{App, RuntimeOptions, stores::Stay};

    use super::*;

    #[test]
    fn an_application_that_contradicts_itself_has_no_map_but_a_fault() {
        let options = RuntimeOptions { load_page_events: 0, ..RuntimeOptions::default() };
        let world = World::new(App::new("mine").options(options), "memory:".to_owned(), Stay::Brief);
        let (mut output, printed) = Output::to_memory(true);
        let Err(Trouble::Failed(failure)) = run(&MapArgs { format: None }, &world, &mut output) else {
            panic!("it was shown")
        };
        assert_eq!(failure.kind, "internal");
        assert!(failure.message.contains("`mine`") && failure.message.contains("load_page_events"));
        drop(output);
        assert_eq!(printed.iter().count(), 0);
    }
}
