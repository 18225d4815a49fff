//! `handlers`: what listens to events, how it is doing, and telling it what to do.

use std::time::Duration;

use engine::{
    Bus, Position,
    listen::{self, HandlersError, Scope},
};

use crate::{
    args::{Handlers, HandlersCommand, Parked, Reset, Sequence},
    failure::Trouble,
    output::{Answer, Done, Output},
    world::World,
};

/// How long handlers that have just been started may take to find out what they do.
const SETTLE: Duration = Duration::from_secs(2);

/// Lists handlers, or does what is asked for.
pub(super) async fn run(handlers: &Handlers, world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    let bus = world.bus().await?;
    bus.handlers().settle(SETTLE).await;
    match &handlers.command {
        None => {
            let reports = bus.handlers().list().await?;
            output.answer(&Answer::Handlers(&reports))?;
        }
        Some(HandlersCommand::Pause(pause)) => {
            bus.handlers().pause(&pause.name).await?;
            output.answer(&Answer::Done(&Done::new(&pause.name, "is paused")))?;
        }
        Some(HandlersCommand::Resume(resume)) => {
            bus.handlers().resume(&resume.name).await?;
            output.answer(&Answer::Done(&Done::new(&resume.name, "goes on")))?;
        }
        Some(HandlersCommand::Reset(reset)) => self::reset(reset, bus, output).await?,
        Some(HandlersCommand::Parked(parked)) => {
            self::parked(parked, bus, output).await?;
        }
        Some(HandlersCommand::Retry(sequence)) => {
            each(sequence, bus, output, "handled", async |name, key, scope| {
                bus.handlers().retry(name, key, scope).await
            })
            .await?;
        }
        Some(HandlersCommand::Discard(sequence)) => {
            each(sequence, bus, output, "discarded", async |name, key, scope| {
                bus.handlers().discard(name, key, scope).await
            })
            .await?;
        }
    }
    Ok(output.flush()?)
}

async fn parked(parked: &Parked, bus: &Bus, output: &mut Output) -> Result<(), Trouble> {
    if let Some(key) = &parked.key {
        let (sequence, event) = bus.handlers().parked_sequence(&parked.name, key).await?;
        output.answer(&Answer::ParkedEvent { sequence: &sequence, event: event.as_ref() })?;
        return Ok(());
    }
    for sequence in bus.handlers().parked(&parked.name).await? {
        output.answer(&Answer::Parked(&sequence))?;
    }
    Ok(())
}

async fn reset(reset: &Reset, bus: &Bus, output: &mut Output) -> Result<(), Trouble> {
    let after = reset.to.map(Position);
    let preview = bus.handlers().preview_reset(&reset.name, after).await?;
    if !reset.preview {
        bus.handlers().reset(&reset.name, after).await?;
    }
    output.answer(&Answer::Reset { handler: &reset.name, preview: reset.preview, leads_to: &preview })?;
    Ok(())
}

/// Does something about one parked sequence, or about all of them, and says how many events that were.
async fn each(
    sequence: &Sequence,
    bus: &Bus,
    output: &mut Output,
    what: &'static str,
    act: impl AsyncFn(&str, &str, Scope) -> Result<u64, HandlersError>,
) -> Result<(), Trouble> {
    let keys = match &sequence.key {
        Some(key) => vec![key.clone()],
        None => keys(bus, &sequence.name).await?,
    };
    let scope = if sequence.first { Scope::First } else { Scope::All };
    let mut events = 0;
    for key in keys {
        events += act(&sequence.name, &key, scope).await?;
    }
    output.answer(&Answer::Done(&Done::counted(&sequence.name, what, events)))?;
    Ok(())
}

async fn keys(bus: &Bus, name: &str) -> Result<Vec<String>, HandlersError> {
    let parked: Vec<listen::ParkedSequence> = bus.handlers().parked(name).await?;
    Ok(parked.into_iter().map(|sequence| sequence.key).collect())
}
