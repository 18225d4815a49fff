//! Progress bars.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr, which is nothing where stderr is no terminal.
pub(super) fn bar(doing: &'static str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}")
        .expect("the template is a constant");
    ProgressBar::new(0).with_style(style).with_message(doing)
}
