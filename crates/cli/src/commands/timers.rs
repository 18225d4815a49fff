//! `timers`: the commands that wait for their time, listed or cancelled.

use engine::{TimerId, timers::TimerReport};

use super::processes::{SETTLE, find};
use crate::{
    args::{Timers, TimersCommand},
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// How many timers make up one table.
const PAGE: usize = 1_000;

/// Lists timers, page by page, those that are due first before the others.
pub(super) async fn run(timers: &Timers, world: &World, output: &mut Output) -> Result<(), Trouble> {
    if let Some(TimersCommand::Cancel(timer)) = &timers.command {
        return cancel(timer.id, world, output).await;
    }
    if let Some(name) = &timers.name {
        find(world, name)?;
    }
    world.expect_store().await?;
    let bus = world.bus().await?;
    bus.processes().settle(SETTLE).await;
    let is_meant = |timer: &TimerReport| timers.name.is_none() || timer.process == timers.name;
    let mut left = timers.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let (mut after, mut is_empty) = (None, true);
    while left > 0 {
        let mut page = bus.timers().list(after, PAGE).await?;
        page.timers.retain(is_meant);
        page.timers.truncate(left);
        left -= page.timers.len();
        if !page.timers.is_empty() {
            is_empty = false;
            output.answer(&Answer::Timers(&page.timers))?;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
        // Stores that need not wait would never let a signal in.
        tokio::task::yield_now().await;
    }
    if is_empty {
        output.remark("no command waits for its time")?;
    }
    Ok(output.flush()?)
}

/// Cancels a timer.
async fn cancel(id: TimerId, world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    world.bus().await?.cancel(id).await?;
    output.answer(&Answer::TimerCancelled(id))?;
    Ok(output.flush()?)
}
