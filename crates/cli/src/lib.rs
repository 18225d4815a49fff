//! The command line and the console, for any application of the engine.
//!
//! A program of your own is one line, and gets all of it: commands, prompt, history, completion, JSON.
//!
//! ```no_run
//! # use engine_cli::Apps;
//! # fn my_app() -> engine::App { engine::App::new("mine") }
//! fn main() -> std::process::ExitCode {
//!     engine_cli::run(my_app())
//! }
//! ```
//!
//! The shell and the prompt share one grammar (`args`) and one set of commands (`commands`). A command
//! does its work against the `world` (the store, and the application that runs over it) and says what
//! came of it through `output`, for people or as JSON. What goes wrong is a `failure`, whose kind
//! decides the exit code:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | refused by the domain, or not found; in a piped console: at least one line failed |
//! | 2 | wrong usage |
//! | 3 | the store failed |
//! | 130, 143 | stopped by Ctrl-C or SIGTERM before a single command, or all of the piped input, was done |

mod apps;
mod args;
mod commands;
mod console;
mod exit;
mod failure;
mod logging;
mod output;
mod panics;
#[cfg(feature = "serve")]
mod serve;
mod shell;
mod signals;
mod work;
mod world;

use std::process::ExitCode;

pub use apps::Apps;

/// Runs the command line of this process over these applications and says how the process is to end.
///
/// With several applications, `--app NAME` chooses one; the first is the default.
pub fn run(apps: impl Into<Apps>) -> ExitCode {
    panics::report_in_one_line();
    logging::start();
    shell::run(&apps.into(), std::env::args_os().collect()).into()
}
