//! `verify`: whether everything in the store is whole.

use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    failure::Trouble,
    output::{Answer, Output},
    world::World,
};

/// Checks the store and lists each fault.
pub(super) async fn run(world: &World, output: &mut Output) -> Result<(), Trouble> {
    world.expect_store()?;
    let bar = progress_bar();
    let shown = bar.clone();
    let checked = world
        .verify(move |progress| {
            shown.set_length(progress.total);
            shown.set_position(progress.done);
        })
        .await;
    bar.finish_and_clear();
    let report = checked?;
    output.answer(&Answer::Verified(&report))?;
    output.flush()?;
    if report.faults.is_empty() { Ok(()) } else { Err(Trouble::Damaged) }
}

/// A bar on stderr, which is nothing where stderr is no terminal.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("verifying {wide_bar} {percent}% {eta}")
        .expect("the template is a constant");
    ProgressBar::new(0).with_style(style)
}
