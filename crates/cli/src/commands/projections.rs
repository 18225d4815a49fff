//! `projections`: read models, how they are doing, and building them anew.

use std::time::Duration;

use crate::{
    args::{Projections, ProjectionsCommand},
    commands::progress,
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// How long read models that have just been started may take to be reached.
const SETTLE: Duration = Duration::from_secs(2);

/// Lists read models, or builds one anew.
pub(super) async fn run(
    projections: &Projections,
    world: &World,
    output: &mut Output,
) -> Result<(), Trouble> {
    world.expect_store().await?;
    let bus = world.bus().await?;
    match &projections.command {
        None => {
            bus.projections().settle(SETTLE).await;
            let reports = bus.projections().list().await?;
            output.answer(&Answer::Projections(&reports))?;
        }
        Some(ProjectionsCommand::Rebuild(rebuild)) => {
            let mut rebuilding = bus.projections().rebuild(&rebuild.name).await?;
            let bar = progress::bar("building");
            while rebuilding.changed().await {
                let progress = rebuilding.progress();
                bar.set_length(progress.head.map_or(0, |head| head.0 + 1));
                bar.set_position(progress.position.map_or(0, |position| position.0 + 1));
            }
            bar.finish_and_clear();
            let done = rebuilding.finished().await?;
            let report = bus.projections().report(&rebuild.name).await?;
            output.answer(&Answer::Rebuilt { report: &report, events: done.events })?;
        }
    }
    Ok(output.flush()?)
}

/// Breaks off what is being built.
pub(crate) async fn cancel(projections: &Projections, world: &World) {
    let Some(ProjectionsCommand::Rebuild(rebuild)) = &projections.command else { return };
    if let Ok(bus) = world.bus().await
        && let Ok(Some(rebuilding)) = bus.projections().rebuilding(&rebuild.name)
    {
        rebuilding.cancel();
    }
}
