//! Progress bars.

use engine::store::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows how far work on the store has come.
pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

/// A bar on stderr, which is nothing where stderr is no terminal.
pub(super) fn bar(doing: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}")
        .expect("the template is a constant");
    ProgressBar::new(0).with_style(style).with_message(doing)
}
