//! `process`: one instance of a process manager, looked at or told what to do.

use engine::{Bus, StreamName, command::InvalidCommand};

use super::processes::{SETTLE, find};
use crate::{
    args::{Instance, Process, ProcessCommand, Stop},
    failure::{Failure, Trouble},
    output::{Answer, InstanceDone, Output},
    world::World,
};

/// Does what is asked for.
pub(super) async fn run(process: &Process, world: &World, output: &mut Output) -> Result<(), Trouble> {
    match &process.command {
        ProcessCommand::Show(instance) => {
            let bus = started(world, instance).await?;
            let report = bus.processes().show(&instance.name, &instance.id).await?;
            output.answer(&Answer::Instance(&report))?;
        }
        ProcessCommand::Retry(instance) => {
            let bus = started(world, instance).await?;
            let events = bus.processes().retry(&instance.name, &instance.id).await?;
            bus.processes().settle(SETTLE).await;
            let Instance { name: process, id } = instance;
            output.answer(&Answer::InstanceDone(&InstanceDone { process, id, events: Some(events) }))?;
        }
        ProcessCommand::Stop(Stop { instance, reason }) => {
            let bus = started(world, instance).await?;
            bus.processes().stop(&instance.name, &instance.id, reason).await?;
            let Instance { name: process, id } = instance;
            output.answer(&Answer::InstanceDone(&InstanceDone { process, id, events: None }))?;
        }
    }
    Ok(output.flush()?)
}

/// The running application, with everything done that was left undone.
async fn started<'a>(world: &'a World, instance: &Instance) -> Result<&'a Bus, Trouble> {
    let Instance { name, id } = instance;
    find(world, name)?;
    StreamName::of_instance(name, id).map_err(|fault| {
        Failure::new("invalid", InvalidCommand::field("id", fault).message).of_field("id")
    })?;
    world.expect_store().await?;
    let bus = world.bus().await?;
    bus.processes().settle(SETTLE).await;
    Ok(bus)
}
