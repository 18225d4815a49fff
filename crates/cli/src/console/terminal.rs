//! The console at a terminal.
//!
//! The prompt waits on the main thread, outside the runtime, so that handlers and process managers of the
//! application go on while the user thinks.

use std::{
    io::{self, Write},
    sync::Arc,
    time::Duration,
};

use engine::store::StreamQuery;
use tokio::{
    runtime::{Handle, Runtime},
    sync::Mutex,
};

use super::{
    completion::{Completion, LookUp},
    editor::{Lines, Typed},
    line,
    prompt::{Outcome, Prompt},
};
use crate::{
    exit::Exit,
    failure::{Failure, Trouble},
    output::Output,
    signals::{Signal, Signals},
    work,
    world::World,
};

/// How many names of streams completion offers.
const OFFERED_STREAMS: usize = 200;

/// How long completion may look for streams.
const LOOK_UP: Duration = Duration::from_millis(500);

/// Reads and answers until the user leaves.
pub(super) fn run(runtime: &Runtime, world: &Arc<World>, mut prompt: Prompt<'_>) -> Result<Exit, Trouble> {
    let busy = Arc::new(Mutex::new(()));
    leave_on_termination(runtime, world.clone(), busy.clone(), prompt.signals.clone());
    let names = names_of_streams(runtime.handle().clone(), world.clone());
    let completion = Completion::new(world.map().clone());
    let mut lines = Lines::new(completion, names, prompt.output.has_colours())
        .map_err(|error| Failure::new("internal", format!("the terminal cannot be used: {error}")))?;
    greet(world, prompt.output)?;
    loop {
        let text = match lines.read() {
            Typed::Text(text) => text,
            Typed::Nothing => continue,
            Typed::Leave => return Ok(Exit::Done),
        };
        for line in line::lines(&text) {
            let _guard = runtime.block_on(busy.lock());
            match runtime.block_on(prompt.answer(&line))? {
                Outcome::Leave => return Ok(Exit::Done),
                Outcome::Stopped => break,
                Outcome::Done | Outcome::Failed => {}
            }
        }
    }
}

fn greet(world: &World, output: &mut Output) -> io::Result<()> {
    let volatile = if world.url() == "memory:" { ". Nothing outlives this process" } else { "" };
    output.remark(&format!("{} on {}{volatile}.", world.map().app, world.url()))?;
    output.remark("`help` lists what can be done, Tab completes, `exit` leaves.")?;
    output.flush()
}

/// Finds names for completion; slow or failing stores give none.
fn names_of_streams(handle: Handle, world: Arc<World>) -> Box<LookUp<'static>> {
    Box::new(move |prefix| {
        let query =
            StreamQuery { prefix: prefix.to_owned(), limit: OFFERED_STREAMS, ..StreamQuery::default() };
        let found = handle.block_on(async {
            let store = world.store().await.ok()?;
            tokio::time::timeout(LOOK_UP, store.streams(query)).await.ok()?.ok()
        });
        found.map_or_else(Vec::new, |page| {
            page.streams.iter().map(|info| info.stream.as_str().to_owned()).collect()
        })
    })
}

/// Ends the process on SIGTERM, also while the prompt waits, which nothing else could interrupt: when the
/// running command is done, or [`work::GRACE`] is over, the store is closed and the terminal restored.
fn leave_on_termination(runtime: &Runtime, world: Arc<World>, busy: Arc<Mutex<()>>, mut signals: Signals) {
    let restore = terminal_state();
    runtime.spawn(async move {
        while signals.next().await != Signal::Terminate {}
        let _idle = tokio::time::timeout(work::GRACE, busy.lock()).await;
        let closed = tokio::time::timeout(work::GRACE, world.close()).await;
        restore();
        if let Ok(Err(warning)) = closed {
            Output::warn(&warning);
        }
        std::process::exit(i32::from(Exit::Done.code()));
    });
}

/// How the terminal is before the editor changes it, as something to go back to.
#[cfg(unix)]
fn terminal_state() -> impl FnOnce() + Send {
    use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
    let before = tcgetattr(io::stdin());
    move || {
        if let Ok(state) = before {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &state);
        }
        // The editor asked for pastes to be marked; the shell behind it did not.
        let _ = io::stdout().write_all(b"\x1b[?2004l\n").and_then(|()| io::stdout().flush());
    }
}

#[cfg(not(unix))]
fn terminal_state() -> impl FnOnce() + Send {
    || ()
}
