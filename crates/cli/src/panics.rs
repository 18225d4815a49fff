//! Panics: one line on stderr instead of a backtrace.
//!
//! Whoever catches the panic answers with kind `internal`: the runtime for the domain's code, `work` for
//! a command, `shell` for the rest.

use std::{
    any::Any,
    io::Write,
    panic::{self, PanicHookInfo},
};

/// Replaces the standard report of a panic.
pub(crate) fn report_in_one_line() {
    panic::set_hook(Box::new(|panic| {
        // `eprintln!` would panic again where stderr is closed.
        let _ = writeln!(std::io::stderr(), "{}", describe(panic));
    }));
}

fn describe(panic: &PanicHookInfo<'_>) -> String {
    let place = panic
        .location()
        .map_or_else(|| "unknown code".to_owned(), |place| format!("{}:{}", place.file(), place.line()));
    let message = message(panic.payload()).replace('\n', " ");
    format!("a defect in {place}: {message}; please report it, with what you did")
}

/// What a panic says.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it left no message")
}
