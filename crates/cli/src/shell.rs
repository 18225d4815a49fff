//! One call from the shell: a single command, or the console.

use std::{ffi::OsString, panic::AssertUnwindSafe, sync::Arc};

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};
use engine::stores::Stay;
use tokio::runtime::{Builder, Runtime};

use crate::{
    Apps,
    args::{self, Command, ShellCommand, ShellLine},
    console,
    exit::Exit,
    failure::{Failure, Trouble},
    output::{Answer, Output},
    signals::Signals,
    work,
    world::World,
};

/// Does what these arguments say.
pub(crate) fn run(apps: &Apps, arguments: Vec<OsString>) -> Exit {
    let mut output = Output::to_stdout(asks_for_json(&arguments));
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| run_line(apps, arguments, &mut output)))
        .unwrap_or_else(|panic| Err(Failure::defect(&*panic).into()));
    // What was answered is to be seen even where the rest failed.
    let flushed = output.flush().map_err(Trouble::from);
    match result.and_then(|exit| flushed.map(|()| exit)) {
        Ok(exit) => exit,
        Err(trouble) => conclude(&trouble, &mut output),
    }
}

fn run_line(apps: &Apps, arguments: Vec<OsString>, output: &mut Output) -> Result<Exit, Trouble> {
    let grammar = ShellLine::command().mut_arg("app", |app| app.help(apps.help()));
    let parsed = grammar.try_get_matches_from(arguments);
    let line = match parsed.and_then(|matches| ShellLine::from_arg_matches(&matches)) {
        Ok(line) => line,
        Err(error) => return usage(&error, output),
    };
    let app = apps.choose(line.globals.app.as_deref())?.clone();
    #[cfg(feature = "serve")]
    let app_is_named = line.globals.app.is_some();
    let stay = if matches!(line.command, Some(ShellCommand::Shared(_))) { Stay::Brief } else { Stay::Long };
    let world = Arc::new(World::new(app, store_url(line.globals.store)?, stay));
    let runtime = start_runtime()?;
    let exit = match line.command {
        Some(ShellCommand::Shared(command)) => {
            runtime.block_on(single(&command, &world, output)).map(|()| Exit::Done)
        }
        #[cfg(feature = "serve")]
        Some(ShellCommand::Serve(serve)) => {
            runtime.block_on(crate::serve::run(&serve, app_is_named, &world, output)).map(|()| Exit::Done)
        }
        Some(ShellCommand::Console) | None => console::run(&runtime, &world, output),
    };
    // A thread that waits for input is not waited for.
    runtime.shutdown_background();
    exit
}

/// Carries out one command and closes the store.
async fn single(command: &Command, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let mut signals = listen()?;
    let result = work::carry_out(command, world, output, &signals).await;
    work::close(world, &mut signals).await;
    result
}

/// Takes over the signals of this process.
pub(crate) fn listen() -> Result<Signals, Failure> {
    Signals::listen().map_err(|error| Failure::new("internal", format!("signals cannot be heard: {error}")))
}

/// Says what went wrong and how the process is to end.
fn conclude(trouble: &Trouble, output: &mut Output) -> Exit {
    match trouble {
        Trouble::Failed(failure) => {
            tell(failure, output);
            failure.exit()
        }
        Trouble::Damaged => Exit::StoreFailed,
        Trouble::Stopped(signal) => {
            tell(&Failure::stopped(), output);
            Exit::Stopped(*signal)
        }
        // Nobody listens any more, as after `| head -1`.
        Trouble::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Done,
        Trouble::Output(error) => {
            Output::complain(&Failure::new("internal", format!("the answer cannot be written: {error}")));
            Exit::StoreFailed
        }
    }
}

fn tell(failure: &Failure, output: &mut Output) {
    Output::complain(failure);
    if output.is_json() {
        // Where stdout is gone, the exit code still tells.
        let _ = output.failure(failure).and_then(|()| output.flush());
    }
}

/// Whether `--json` is among the arguments, known before they are parsed.
fn asks_for_json(arguments: &[OsString]) -> bool {
    arguments.iter().take_while(|argument| *argument != "--").any(|argument| argument == "--json")
}

/// Answers what clap stops at: help, version, and faults.
fn usage(error: &clap::Error, output: &mut Output) -> Result<Exit, Trouble> {
    match error.kind() {
        ErrorKind::DisplayHelp => output.answer(&Answer::Help(&args::rendered(&error.render())))?,
        ErrorKind::DisplayVersion => output.answer(&Answer::Version(error.render().to_string().trim()))?,
        _ => return Err(args::fault(error).into()),
    }
    Ok(Exit::Done)
}

/// The store that was named in the arguments, or in the environment, or the default.
fn store_url(argument: Option<String>) -> Result<String, Failure> {
    if let Some(url) = argument {
        return Ok(url);
    }
    match std::env::var_os("ENGINE_STORE").filter(|url| !url.is_empty()) {
        None => Ok(engine::stores::DEFAULT_STORE.to_owned()),
        Some(url) => url.into_string().map_err(|_| Failure::usage("ENGINE_STORE is not text in UTF-8")),
    }
}

fn start_runtime() -> Result<Runtime, Failure> {
    Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new("internal", format!("the program cannot start: {error}")))
}
