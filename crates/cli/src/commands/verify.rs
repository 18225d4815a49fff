//! `verify`: whether everything in the store is whole.

use super::progress;
use crate::{
    args::Verify,
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Checks the store and lists each fault.
pub(super) async fn run(verify: &Verify, world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store().await?;
    let bar = progress::bar("verifying");
    let shown = bar.clone();
    let checked = world.verify(verify.link.clone(), move |progress| progress::show(&shown, progress)).await;
    bar.finish_and_clear();
    let report = checked?;
    output.answer(&Answer::Verified(&report))?;
    output.flush()?;
    if report.faults.is_empty() { Ok(()) } else { Err(Trouble::Damaged) }
}
