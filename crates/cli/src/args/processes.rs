//! The arguments of `processes`, `process` and `timers`.

use clap::{Args, Subcommand, builder::NonEmptyStringValueParser};
use engine::TimerId;

use super::value;

/// The arguments of `processes`.
#[derive(Debug, Args)]
pub(crate) struct Processes {
    /// The process manager, such as `transfers` [default: all]
    pub(crate) name: Option<String>,
    /// Only instances in this state: `running`, `ended`, `parked`, or a state of their machine
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    /// Begin after the instance of this id
    #[arg(long, value_name = "ID", requires = "name")]
    pub(crate) after: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
}

/// The arguments of `process`.
#[derive(Debug, Args)]
pub(crate) struct Process {
    #[command(subcommand)]
    pub(crate) command: ProcessCommand,
}

/// What can be done with an instance of a process manager.
#[derive(Debug, Subcommand)]
pub(crate) enum ProcessCommand {
    /// Show an instance: its state, what it has handled and sent, what it waits for
    Show(Instance),
    /// Let a parked instance try again
    Retry(Instance),
    /// End an instance for good; what it has sent stays sent
    Stop(Stop),
}

/// An instance of a process manager.
#[derive(Debug, Args)]
pub(crate) struct Instance {
    /// The process manager, such as `transfers`
    pub(crate) name: String,
    /// The instance
    pub(crate) id: String,
}

/// The arguments of `process stop`.
#[derive(Debug, Args)]
pub(crate) struct Stop {
    #[command(flatten)]
    pub(crate) instance: Instance,
    /// Why, for those who look at it later
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "stopped by an operator",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) reason: String,
}

/// The arguments of `timers`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Timers {
    #[command(subcommand)]
    pub(crate) command: Option<TimersCommand>,
    /// Only those of this process manager, such as `registration` [default: all]
    pub(crate) name: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
}

/// What can be done with timers.
#[derive(Debug, Subcommand)]
pub(crate) enum TimersCommand {
    /// Cancel a timer that was set by `send --at` or `--in`: its command is never sent
    Cancel(CancelTimer),
}

/// The arguments of `timers cancel`.
#[derive(Debug, Args)]
pub(crate) struct CancelTimer {
    /// The timer, as `send` has told it and `timers` lists it
    #[arg(value_parser = value::timer)]
    pub(crate) id: TimerId,
}
