//! The console: commands line by line, at a terminal or from a file or pipe.

mod completion;
mod editor;
mod line;
mod piped;
mod terminal;

use std::io::{self, IsTerminal};

use clap::{CommandFactory, Parser, error::ErrorKind};
use tokio::runtime::Runtime;

use crate::{
    args::{self, PromptCommand, PromptLine},
    exit::Exit,
    failure::{Failure, Trouble},
    output::{Answer, Output},
    shell,
    signals::Signals,
    work,
    world::World,
};

/// Runs the console over an application and its store.
pub(crate) fn run(
    runtime: &Runtime,
    world: &std::sync::Arc<World>,
    output: &mut Output,
) -> Result<Exit, Trouble> {
    let mut signals = runtime.block_on(async { shell::listen() })?;
    // What cannot run is told now, not at the first command.
    let result = match runtime.block_on(open(world, &mut signals)) {
        Err(trouble) => Err(trouble),
        Ok(()) if io::stdin().is_terminal() && io::stdout().is_terminal() => {
            terminal::run(runtime, world, output, &signals)
        }
        Ok(()) => runtime.block_on(piped::run(world, output, &mut signals)),
    };
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

/// What became of a line.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// It was answered.
    Done,
    /// It was answered with what went wrong.
    Failed,
    /// A signal ended it without an answer.
    Stopped,
    /// The user wants to leave.
    Leave,
}

/// Answers one line, visibly. Only a stdout that is gone is an error.
async fn answer(
    text: &str,
    world: &World,
    output: &mut Output,
    signals: &Signals,
) -> Result<Outcome, io::Error> {
    let result = match parse(text, world) {
        Ok(None) => return Ok(Outcome::Done),
        Ok(Some(Parsed::Help(help))) => output.answer(&Answer::Help(&help)).map_err(Trouble::from),
        Ok(Some(Parsed::Line(line))) => {
            let PromptCommand::Shared(command) = line.command else { return Ok(Outcome::Leave) };
            let always_json = output.is_json();
            output.set_json(always_json || line.globals.json);
            let result = work::carry_out(&command, world, output, signals).await;
            let result = conclude(result, output);
            output.set_json(always_json);
            return result;
        }
        Err(failure) => Err(failure.into()),
    };
    conclude(result, output)
}

fn conclude(result: Result<(), Trouble>, output: &mut Output) -> Result<Outcome, io::Error> {
    let outcome = match result {
        Ok(()) => Outcome::Done,
        Err(Trouble::Failed(failure)) => {
            output.failure(&failure)?;
            Outcome::Failed
        }
        Err(Trouble::Damaged) => Outcome::Failed,
        Err(Trouble::Stopped(_)) => {
            if output.is_json() {
                output.failure(&Failure::stopped())?;
            }
            output.remark("stopped")?;
            Outcome::Stopped
        }
        Err(Trouble::Output(error)) => return Err(error),
    };
    output.flush()?;
    Ok(outcome)
}

enum Parsed {
    Line(Box<PromptLine>),
    Help(String),
}

/// Reads a line as the shell would: words, quotes, comments.
fn parse(text: &str, world: &World) -> Result<Option<Parsed>, Failure> {
    let words = shell_words::split(text)
        .map_err(|_| Failure::usage("a quote is not closed; to type one, write \\' or put it in \"…\""))?;
    if words.is_empty() {
        return Ok(None);
    }
    let line = match PromptLine::try_parse_from(&words) {
        Ok(line) => line,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return Ok(Some(Parsed::Help(args::rendered(&error.render()))));
        }
        Err(error) => return Err(explain(&error, &words, world)),
    };
    if line.globals.store.is_some() || line.globals.app.is_some() {
        let fault = "--store and --app are chosen when the console starts: leave it with `exit` first";
        return Err(Failure::usage(fault));
    }
    Ok(Some(Parsed::Line(Box::new(line))))
}

/// Explains a line that is none; above all one that forgot `send`.
fn explain(error: &clap::Error, words: &[String], world: &World) -> Failure {
    let is_command = |word: &String| world.map().commands().any(|(_, command)| command.name == word);
    match words.iter().find(|word| !word.starts_with('-')) {
        Some(name) if error.kind() == ErrorKind::InvalidSubcommand => {
            if is_command(name) {
                let fault = format!("`{name}` is a command of the domain: send it with `send {name} …`");
                return Failure::usage(fault);
            }
            let hint = args::did_you_mean(name, args::prompt_words(&PromptLine::command()));
            Failure::usage(format!("there is no `{name}`{hint}")).advising("`help` lists what there is")
        }
        _ => usage_failure(error),
    }
}

/// What clap has to say, as a failure: the fault as its message, the usage as advice.
pub(crate) fn usage_failure(error: &clap::Error) -> Failure {
    let text = args::rendered(&error.render());
    let text = text.trim_start_matches("error: ");
    let (fault, rest) = text.split_once("\n\n").unwrap_or((text, ""));
    let fault: Vec<_> = fault.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let failure = Failure::usage(fault.join(" "));
    let advice = rest.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("For more"));
    let advice: Vec<_> = advice.map(|line| format!("  {line}")).collect();
    if advice.is_empty() { failure } else { failure.advising(format!("\n{}", advice.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use engine::App;

    use super::*;

    fn fault(line: &str) -> Failure {
        let world = World::new(App::new("empty"), "memory:".to_owned());
        match parse(line, &world) {
            Err(failure) => failure,
            Ok(_) => panic!("`{line}` was understood"),
        }
    }

    fn is_skipped(line: &str) -> bool {
        let world = World::new(App::new("empty"), "memory:".to_owned());
        matches!(parse(line, &world), Ok(None))
    }

    #[test]
    fn empty_lines_and_comments_are_skipped() {
        assert!(
            is_skipped("") && is_skipped("   ") && is_skipped("# a remark") && is_skipped("  # 'another")
        );
    }

    #[test]
    fn faults_are_usage_and_say_what_is_wrong() {
        for (line, part) in [
            ("send 'x", "a quote is not closed"),
            ("sned X", "did you mean `send`?"),
            ("show account", "<ID>"),
            ("read account-a --limit 0", "--limit"),
            ("streams --store memory:", "when the console starts"),
        ] {
            let failure = fault(line);
            assert_eq!(failure.kind, "usage", "{line}");
            assert!(failure.message.contains(part), "{line}: {}", failure.message);
            assert!(!failure.message.contains('\n'), "{}", failure.message);
        }
    }
}
