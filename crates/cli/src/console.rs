//! The console: commands line by line, at a terminal or from a file or pipe.

mod completion;
mod editor;
mod line;
mod piped;
mod prompt;
mod terminal;

use std::{
    io::{self, IsTerminal},
    sync::Arc,
};

use tokio::runtime::Runtime;

use self::prompt::Prompt;
use crate::{exit::Exit, failure::Trouble, output::Output, shell, signals::Signals, work, world::World};

/// Runs the console over an application and its store.
pub(crate) fn run(runtime: &Runtime, world: &Arc<World>, output: &mut Output) -> Result<Exit, Trouble> {
    let mut signals = runtime.block_on(async { shell::listen() })?;
    // What cannot run is told now, not at the first command.
    let result = runtime.block_on(open(world, &mut signals)).and_then(|()| {
        let prompt = Prompt::new(world, output, signals.clone());
        if io::stdin().is_terminal() && io::stdout().is_terminal() {
            terminal::run(runtime, world, prompt)
        } else {
            runtime.block_on(piped::run(prompt))
        }
    });
    runtime.block_on(work::close(world, &mut signals));
    result
}

/// Opens the store, which may take a while after a crash, and starts the application over it.
async fn open(world: &World, signals: &mut Signals) -> Result<(), Trouble> {
    tokio::select! {
        opened = world.bus() => Ok(opened.map(|_| ())?),
        signal = signals.next() => Err(Trouble::Stopped(signal)),
    }
}
