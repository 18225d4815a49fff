//! One command at work: until it is done, or a signal ends it, and never with a panic.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::{FutureExt, future::join};

use crate::{
    args::Command,
    commands,
    failure::{Failure, Trouble},
    output::Output,
    signals::Signals,
    world::World,
};

/// How long work that must not be torn may go on after a signal.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// Carries out one command and writes its answer.
///
/// After a signal, a command that is being sent may still get its answer, and what a rebuild has begun is removed;
/// everything else stops at once.
pub(crate) async fn carry_out(
    command: &Command,
    world: &World,
    output: &mut Output,
    signals: &Signals,
) -> Result<(), Trouble> {
    let mut signals = signals.fresh();
    let work = AssertUnwindSafe(commands::run(command, world, output)).catch_unwind();
    tokio::pin!(work);
    let result = tokio::select! {
        result = &mut work => result,
        signal = signals.next() => match command {
            Command::Send(_) => {
                tokio::time::timeout(GRACE, &mut work).await.map_err(|_| Trouble::Stopped(signal))?
            }
            Command::Read(read) if read.follow => Ok(Ok(())),
            Command::Projections(projections) if projections.command.is_some() => {
                let cancelling = commands::cancel_rebuild(projections, world);
                let ended = tokio::time::timeout(GRACE, join(cancelling, &mut work)).await;
                // It may have been done before it could be broken off.
                let Ok(((), done @ Ok(Ok(())))) = ended else { Err(Trouble::Stopped(signal))? };
                done
            }
            _ => Err(Trouble::Stopped(signal))?,
        },
    };
    result.unwrap_or_else(|panic| Err(Failure::defect(&*panic).into()))
}

/// Closes the world: unhurried, but within [`GRACE`] once a signal has come.
///
/// What fails here is a warning and decides nothing: what was answered stands, and an exit code that denied it
/// would invite a second try.
pub(crate) async fn close(world: &World, signals: &mut Signals) {
    let closing = world.close();
    tokio::pin!(closing);
    let closed = tokio::select! {
        result = &mut closing => result,
        _ = signals.next() => tokio::time::timeout(GRACE, closing).await.unwrap_or(Ok(())),
    };
    if let Err(warning) = closed {
        Output::warn(&warning);
    }
}
