//! The arguments of `query`, `handlers` and `projections`.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::value;

/// The arguments of `query`.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The query's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Its fields: `field=value`, or values alone in the order of the fields, or all as one JSON object
    #[arg(value_name = "FIELD=VALUE | VALUE | JSON")]
    pub(crate) body: Vec<String>,
    /// When to answer: at once from what has been counted, or when all that is stored has been
    #[arg(long, value_enum, default_value_t)]
    pub(crate) consistency: QueryConsistency,
    /// How long to wait for the answer, such as `5s` or `500ms` [default: 5s]
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true, value_parser = value::duration)]
    pub(crate) timeout: Option<Duration>,
}

/// When a query may be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum QueryConsistency {
    /// At once, from what has been counted so far
    Eventual,
    /// When all that is stored has been counted
    #[default]
    Strong,
}

/// The arguments of `handlers`.
#[derive(Debug, Args)]
pub(crate) struct Handlers {
    #[command(subcommand)]
    pub(crate) command: Option<HandlersCommand>,
}

/// What can be done with handlers.
#[derive(Debug, Subcommand)]
pub(crate) enum HandlersCommand {
    /// Let a handler rest, over restarts too
    Pause(Name),
    /// Let a handler go on that was paused or has stopped
    Resume(Name),
    /// Let a handler handle events again from a position on; its parked sequences are forgotten
    Reset(Reset),
    /// List the sequences that a handler has put aside, or show one with the event at fault
    Parked(Parked),
    /// Hand out parked events again
    Retry(Sequence),
    /// Leave parked events unhandled for good
    Discard(Sequence),
}

/// A handler.
#[derive(Debug, Args)]
pub(crate) struct Name {
    /// The handler's name
    pub(crate) name: String,
}

/// The arguments of `handlers reset`.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// The handler's name
    pub(crate) name: String,
    /// The last position that counts as handled [default: none, so that everything is handled again]
    #[arg(long, value_name = "POSITION", allow_negative_numbers = true, value_parser = value::place)]
    pub(crate) to: Option<u64>,
    /// Only say what it would lead to
    #[arg(long)]
    pub(crate) preview: bool,
}

/// The arguments of `handlers parked`.
#[derive(Debug, Args)]
pub(crate) struct Parked {
    /// The handler's name
    pub(crate) name: String,
    /// The key of the sequence to show [default: all that are parked, without their events]
    pub(crate) key: Option<String>,
}

/// Parked sequences of a handler.
#[derive(Debug, Args)]
pub(crate) struct Sequence {
    /// The handler's name
    pub(crate) name: String,
    /// The key of the sequence [default: all that are parked]
    pub(crate) key: Option<String>,
    /// Only the first event of it
    #[arg(long)]
    pub(crate) first: bool,
}

/// The arguments of `projections`.
#[derive(Debug, Args)]
pub(crate) struct Projections {
    #[command(subcommand)]
    pub(crate) command: Option<ProjectionsCommand>,
}

/// What can be done with read models.
#[derive(Debug, Subcommand)]
pub(crate) enum ProjectionsCommand {
    /// Build a read model anew beside the one that is shown, and then show it; Ctrl-C breaks it off
    Rebuild(Name),
}
