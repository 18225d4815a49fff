//! `map`: what is registered.

use super::processes;
use crate::{
    args::{MapArgs, MapFormat},
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// Shows the map of an application that does not contradict itself. Needs no store.
pub(super) fn run(map: &MapArgs, world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.check()?;
    let default = if output.is_json() { MapFormat::Json } else { MapFormat::Text };
    let format = map.format.unwrap_or(default);
    match &map.name {
        None => output.answer(&Answer::Map(world.map(), format))?,
        Some(name) => {
            let process = processes::find(world, name)?;
            if format == MapFormat::Mermaid && process.machine.is_none() {
                let message = format!("process manager `{name}` has no state machine that could be drawn");
                return Err(Failure::usage(message).into());
            }
            output.answer(&Answer::Process(process, format))?;
        }
    }
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
        let Err(Trouble::Failed(failure)) = run(&MapArgs { name: None, format: None }, &world, &mut output)
        else {
            panic!("it was shown")
        };
        assert_eq!(failure.kind, "internal");
        assert!(failure.message.contains("`mine`") && failure.message.contains("load_page_events"));
        drop(output);
        assert_eq!(printed.iter().count(), 0);
    }
}
