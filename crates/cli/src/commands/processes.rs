//! `processes`: the instances of process managers, and how they are doing.

use std::time::Duration;

use engine::{processes::Summary, runtime::map::ProcessDescription};

use crate::{
    args::{Processes, did_you_mean},
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// How long process managers that have just been started may take to do what there is to be done.
pub(super) const SETTLE: Duration = Duration::from_secs(2);

/// How many instances make up one table.
const PAGE: usize = 1_000;

/// The states that every instance can be in.
const STATES: [&str; 3] = ["running", "ended", "parked"];

/// Lists instances, page by page.
pub(super) async fn run(processes: &Processes, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let chosen = match &processes.name {
        Some(name) => vec![find(world, name)?],
        None => world.map().processes.iter().collect(),
    };
    if let Some(state) = &processes.state {
        check_state(state, &chosen)?;
    }
    world.expect_store().await?;
    let bus = world.bus().await?;
    bus.processes().settle(SETTLE).await;
    let mut left = processes.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let mut table = Vec::new();
    let mut is_empty = true;
    for process in chosen {
        let mut after = processes.after.clone();
        loop {
            let state = processes.state.as_deref();
            let page = bus.processes().list(process.name, state, after.as_deref(), left.min(PAGE)).await?;
            left -= page.instances.len().min(left);
            is_empty &= page.instances.is_empty();
            table.extend(page.instances.into_iter().map(|instance| (process.name, instance)));
            if table.len() >= PAGE {
                write(output, &mut table)?;
            }
            after = page.next;
            let Some(last) = &after else { break };
            if left == 0 {
                write(output, &mut table)?;
                output.remark(&format!("there may be more: `processes {} --after {last}`", process.name))?;
                return Ok(output.flush()?);
            }
            // Stores that need not wait would never let a signal in.
            tokio::task::yield_now().await;
        }
        if left == 0 {
            break;
        }
    }
    write(output, &mut table)?;
    if is_empty {
        output.remark("there are none")?;
    }
    Ok(output.flush()?)
}

fn write(output: &mut Output, table: &mut Vec<(&'static str, Summary)>) -> std::io::Result<()> {
    if !table.is_empty() {
        output.answer(&Answer::Instances(table))?;
        table.clear();
    }
    Ok(())
}

/// The process manager of this name, which is known without a store.
pub(super) fn find<'a>(world: &'a World, name: &str) -> Result<&'a ProcessDescription, Failure> {
    let all = &world.map().processes;
    all.iter().find(|process| process.name == name).ok_or_else(|| {
        let hint = did_you_mean(name, all.iter().map(|process| process.name));
        Failure::new("unknown_process", format!("there is no process manager `{name}`{hint}"))
            .advising("`map` lists them")
    })
}

/// Refuses a state that no instance can be in.
fn check_state(state: &str, chosen: &[&ProcessDescription]) -> Result<(), Failure> {
    let stages = chosen.iter().flat_map(|process| process.stages());
    let known: Vec<&str> = STATES.into_iter().chain(stages).collect();
    if known.contains(&state) {
        return Ok(());
    }
    let hint = did_you_mean(state, known.iter().copied());
    let message = format!("there is no state `{state}`, only {}{hint}", known.join(", "));
    Err(Failure::usage(message).of_field("state"))
}
