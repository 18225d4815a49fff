//! `send`: a command to the one aggregate that answers it, and what comes of it.

use std::time::{Duration, Instant};

use engine::{Bus, CommandId, JsonReceipt, SendOptions, listen::NotHandled, processes::NotFollowed};

use crate::{
    args::{self, Consistency, Send},
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// How long is waited where `--timeout` does not say.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends, or with `--dry-run` only decides.
pub(super) async fn run(send: &Send, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let body = args::body(&send.body)?;
    let options = options(send);
    let bus = world.bus().await?;
    if send.dry_run {
        let events = bus.dry_run_by_name(&send.name, body, options).await?;
        output.answer(&Answer::Decided(&events))?;
        return Ok(output.flush()?);
    }
    let deadline = Instant::now() + send.timeout.unwrap_or(PATIENCE);
    let receipt = bus.send_by_name(&send.name, body, options).await?;
    if send.consistency == Consistency::Strong {
        follow(bus, &receipt, deadline).await.map_err(|late| not_yet(&late))?;
    }
    output.answer(&Answer::Accepted(&receipt))?;
    output.flush()?;
    if send.consistency == Consistency::Processes
        && let Err(late) = follow(bus, &receipt, deadline).await
    {
        Output::warn(&not_yet(&late).message);
    }
    Ok(())
}

/// Waits for the process managers. A program that ends after one command would otherwise leave to the next one what
/// this one has begun.
async fn follow(bus: &Bus, receipt: &JsonReceipt, deadline: Instant) -> Result<(), NotFollowed> {
    let left = deadline.saturating_duration_since(Instant::now());
    bus.processes().follow(receipt, left).await
}

/// What to do about it. The command itself stands, whatever becomes of the rest.
fn not_yet(late: &NotFollowed) -> Failure {
    let advice = match late {
        NotFollowed::NotHandled { process, reason: NotHandled::Parked, .. } => {
            format!("`processes {process} --state parked` shows why")
        }
        NotFollowed::NotHandled { process, reason: NotHandled::AtRest(_), .. } => {
            format!("`handlers resume {process}` lets it go on")
        }
        _ => "the rest is done while this program runs, now or the next time".to_owned(),
    };
    let message = format!(
        "the command took effect, do not send it again, but not all is done that comes of it: {late}; {advice}"
    );
    Failure::new("not_yet_handled", message)
}

fn options(send: &Send) -> SendOptions {
    SendOptions {
        command_id: send.id.map(CommandId),
        correlation_id: send.correlation_id.as_deref().map(Into::into),
        metadata: send.metadata.clone().unwrap_or_default(),
        expected: send.expect,
        consistency: Some(match send.consistency {
            Consistency::Eventual | Consistency::Processes => engine::Consistency::Eventual,
            Consistency::Strong => engine::Consistency::Strong,
        }),
        timeout: send.timeout,
        ..SendOptions::default()
    }
}
