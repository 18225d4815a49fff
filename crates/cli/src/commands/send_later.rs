//! `send --at` and `send --in`: a command that waits in the store until it is due.

use engine::{CommandId, Outgoing, Timer, timers::TimerReport};

use crate::{
    args::{self, Consistency, Send},
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Sets a timer, and tells its identity.
pub(super) async fn run(send: &Send, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let body = args::body(&send.body)?;
    let bus = world.bus().await?;
    let outgoing = bus.outgoing_by_name(&send.name, body)?;
    let (command, target) = (outgoing.name.to_string(), outgoing.target.clone());
    let correlation_id = send.correlation_id.as_deref().map(Into::into);
    let set = bus.timers().set_as(timer(send, outgoing), send.id.map(CommandId), correlation_id);
    let id = set.await?;
    let (process, instance, name, error) = (None, None, None, None);
    let report = TimerReport { id, due: id.due(), command, target, process, instance, name, error };
    output.answer(&Answer::TimerSet(&report))?;
    Ok(output.flush()?)
}

fn timer(send: &Send, outgoing: Outgoing) -> Timer {
    let command = Outgoing {
        timeout: send.timeout,
        consistency: (send.consistency == Consistency::Strong).then_some(engine::Consistency::Strong),
        metadata: send.metadata.clone().unwrap_or_default(),
        ..outgoing
    };
    let timer = match (send.at, send.after) {
        (Some(time), _) => Timer::at("", time, command),
        (None, after) => Timer::after("", after.unwrap_or_default(), command),
    };
    match send.skip_if_late_by {
        Some(limit) => timer.skip_if_late_by(limit),
        None => timer,
    }
}
