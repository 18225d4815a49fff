//! What can be asked for: one file per command.

mod backup;
mod export;
mod handlers;
mod help;
mod import;
mod map;
mod nodes;
mod process;
mod processes;
mod progress;
mod projections;
mod query;
mod read;
mod restore;
mod scavenge;
mod send;
mod send_later;
mod show;
mod stats;
mod store;
mod streams;
mod timers;
mod verify;

use crate::{args::Command, failure::Trouble, output::Output, world::World};

pub(crate) use projections::cancel as cancel_rebuild;

/// Carries out one command and writes its answer.
pub(crate) async fn run(command: &Command, world: &World, output: &mut Output) -> Result<(), Trouble> {
    match command {
        Command::Send(send) if send.is_for_later() => send_later::run(send, world, output).await,
        Command::Send(send) => send::run(send, world, output).await,
        Command::Show(show) => show::run(show, world, output).await,
        Command::Query(query) => query::run(query, world, output).await,
        Command::Read(read) => read::run(read, world, output).await,
        Command::Streams(streams) => streams::run(streams, world, output).await,
        Command::Handlers(handlers) => handlers::run(handlers, world, output).await,
        Command::Projections(projections) => projections::run(projections, world, output).await,
        Command::Processes(processes) => processes::run(processes, world, output).await,
        Command::Process(process) => process::run(process, world, output).await,
        Command::Timers(timers) => timers::run(timers, world, output).await,
        Command::Nodes => nodes::run(world, output).await,
        Command::Store(store) => store::run(store, world, output).await,
        Command::Verify(verify) => verify::run(verify, world, output).await,
        Command::Scavenge => scavenge::run(world, output).await,
        Command::Backup(backup) => backup::run(backup, world, output).await,
        Command::Restore(restore) => restore::run(restore, world, output).await,
        Command::Stats => stats::run(world, output).await,
        Command::Export(export) => export::run(export, world, output).await,
        Command::Import(import) => import::run(import, world, output).await,
        Command::Map(map) => map::run(map, world, output),
        Command::Help(help) => help::run(help, world, output),
    }
}
