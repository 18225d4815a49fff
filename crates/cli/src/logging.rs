//! What the engine logs: warnings and errors as one line each on stderr, never on stdout.
//!
//! `ENGINE_LOG`, or else `RUST_LOG`, asks for more or less, as in `ENGINE_LOG=info` or
//! `ENGINE_LOG=warn,engine_log=debug`. A program that has set up its own logging before keeps it.

use std::{env, fmt, io};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    layer::{Layer, SubscriberExt},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

use crate::output::{Output, printable};

/// The variables that are asked, the first one first.
const VARIABLES: [&str; 2] = ["ENGINE_LOG", "RUST_LOG"];

/// Begins to write what is logged.
pub(crate) fn start() {
    let lines = tracing_subscriber::fmt::layer()
        .event_format(OneLine)
        .with_ansi(false)
        .with_writer(io::stderr)
        // Where stderr is closed, saying so there would panic.
        .log_internal_errors(false);
    // An error only says that somebody else has set one up.
    let _ = tracing_subscriber::registry().with(lines.with_filter(wanted())).try_init();
}

/// What is to be written.
fn wanted() -> Targets {
    let warnings = Targets::new().with_default(LevelFilter::WARN);
    let named =
        |name: &'static str| env::var(name).ok().filter(|text| !text.is_empty()).map(|text| (name, text));
    let Some((name, text)) = VARIABLES.into_iter().find_map(named) else { return warnings };
    text.parse().unwrap_or_else(|fault| {
        Output::warn(&format!("{name} is not understood ({fault}): write it as in `warn,engine_log=debug`"));
        warnings
    })
}

/// The form of a line: `warning (where it comes from): what, and its circumstances`.
struct OneLine;

impl<S, N> FormatEvent<S, N> for OneLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut said = String::new();
        context.format_fields(Writer::new(&mut said), event)?;
        let said = printable(&said).replace('\n', " ");
        writeln!(line, "{} ({}): {said}", word(*event.metadata().level()), event.metadata().target())
    }
}

fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warning",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}
