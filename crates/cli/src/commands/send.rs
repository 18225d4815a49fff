//! `send`: a command to the one aggregate that answers it.

use engine::{CommandId, SendOptions};

use crate::{
    args::{self, Consistency, Send},
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Sends, or with `--dry-run` only decides.
pub(super) async fn run(send: &Send, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let body = args::body(&send.body)?;
    let options = options(send);
    let bus = world.bus().await?;
    if send.dry_run {
        let events = bus.dry_run_by_name(&send.name, body, options).await?;
        output.answer(&Answer::Decided(&events))?;
    } else {
        let receipt = bus.send_by_name(&send.name, body, options).await?;
        output.answer(&Answer::Accepted(&receipt))?;
    }
    Ok(output.flush()?)
}

fn options(send: &Send) -> SendOptions {
    SendOptions {
        command_id: send.id.map(CommandId),
        correlation_id: send.correlation_id.as_deref().map(Into::into),
        metadata: send.metadata.clone().unwrap_or_default(),
        expected: send.expect,
        consistency: match send.consistency {
            Consistency::Eventual => engine::Consistency::Eventual,
            Consistency::Strong => engine::Consistency::Strong,
        },
        timeout: send.timeout,
        ..SendOptions::default()
    }
}
