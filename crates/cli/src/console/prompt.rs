//! One line, answered: as the shell would read it, against the world, visibly.

use std::io;

use clap::{CommandFactory, FromArgMatches, error::ErrorKind};

use crate::{
    args::{self, PromptCommand, PromptLine},
    failure::{Failure, Trouble},
    output::{Answer, Output},
    signals::Signals,
    work,
    world::World,
};

/// Answers lines.
pub(super) struct Prompt<'a> {
    world: &'a World,
    pub(super) output: &'a mut Output,
    pub(super) signals: Signals,
    /// Built once; it takes longer than a command.
    grammar: clap::Command,
}

/// What became of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was answered.
    Done,
    /// It was answered with what went wrong.
    Failed,
    /// A signal ended it without an answer.
    Stopped,
    /// The user wants to leave.
    Leave,
}

/// What a line says.
enum Parsed {
    Nothing,
    Help(String),
    Line(Box<PromptLine>),
}

impl<'a> Prompt<'a> {
    pub(super) fn new(world: &'a World, output: &'a mut Output, signals: Signals) -> Self {
        Prompt { world, output, signals, grammar: PromptLine::command() }
    }

    /// Answers one line, visibly. Only a stdout that is gone is an error.
    pub(super) async fn answer(&mut self, text: &str) -> io::Result<Outcome> {
        let line = match self.parse(text) {
            Ok(Parsed::Nothing) => return Ok(Outcome::Done),
            Ok(Parsed::Help(help)) => {
                self.output.answer(&Answer::Help(&help))?;
                return self.conclude(Ok(()));
            }
            Ok(Parsed::Line(line)) => line,
            Err(failure) => return self.refuse(failure),
        };
        let PromptCommand::Shared(command) = line.command else { return Ok(Outcome::Leave) };
        let always_json = self.output.is_json();
        self.output.set_json(always_json || line.globals.json);
        let result = work::carry_out(&command, self.world, self.output, &self.signals).await;
        let outcome = self.conclude(result);
        self.output.set_json(always_json);
        outcome
    }

    /// Answers a line that cannot be carried out.
    pub(super) fn refuse(&mut self, failure: Failure) -> io::Result<Outcome> {
        self.conclude(Err(failure.into()))
    }

    fn conclude(&mut self, result: Result<(), Trouble>) -> io::Result<Outcome> {
        let outcome = match result {
            Ok(()) => Outcome::Done,
            Err(Trouble::Failed(failure)) => {
                self.output.failure(&failure)?;
                Outcome::Failed
            }
            Err(Trouble::Damaged) => Outcome::Failed,
            Err(Trouble::Stopped(_)) if self.output.is_json() => {
                self.output.failure(&Failure::stopped())?;
                Outcome::Stopped
            }
            Err(Trouble::Stopped(_)) => {
                self.output.remark("stopped")?;
                Outcome::Stopped
            }
            Err(Trouble::Output(error)) => return Err(error),
        };
        self.output.flush()?;
        Ok(outcome)
    }

    /// Reads a line as the shell would: words, quotes, comments.
    fn parse(&mut self, text: &str) -> Result<Parsed, Failure> {
        let words = shell_words::split(text).map_err(|_| {
            Failure::usage(
                "a quote is not closed at the end of the line, and input that is piped in has one command a line; \
                 to write a quote itself, write \\' or put it in \"…\"",
            )
        })?;
        if words.is_empty() {
            return Ok(Parsed::Nothing);
        }
        let matches = self.grammar.try_get_matches_from_mut(&words);
        let line = match matches.and_then(|matches| PromptLine::from_arg_matches(&matches)) {
            Ok(line) => line,
            Err(error) if error.kind() == ErrorKind::DisplayHelp => {
                return Ok(Parsed::Help(args::rendered(&error.render())));
            }
            Err(error) => return Err(self.explain(&error, &words)),
        };
        if line.globals.store.is_some() || line.globals.app.is_some() {
            let fault = "--store and --app are chosen when the console starts: leave it with `exit` first";
            return Err(Failure::usage(fault));
        }
        Ok(Parsed::Line(Box::new(line)))
    }

    /// Explains a line that is none; above all one that forgot `send`.
    fn explain(&self, error: &clap::Error, words: &[String]) -> Failure {
        let first = words.iter().find(|word| !word.starts_with('-'));
        let Some(name) = first.filter(|_| error.kind() == ErrorKind::InvalidSubcommand) else {
            return args::fault(error);
        };
        if self.world.map().commands().any(|(_, command)| command.name == name) {
            return Failure::usage(format!(
                "`{name}` is a command of the domain: send it with `send {name} …`"
            ));
        }
        if self.world.map().queries().any(|(_, query)| query.name == name) {
            return Failure::usage(format!("`{name}` is a query: ask it with `query {name} …`"));
        }
        let hint = args::did_you_mean(name, args::prompt_words(&self.grammar));
        Failure::usage(format!("there is no `{name}`{hint}")).advising("`help` lists what there is")
    }
}

#[cfg(test)]
mod tests {
    use engine::{App, stores::Stay};

    use super::*;

    /// Reads a line at the prompt of an application without commands.
    fn parsed(line: &str) -> Result<Parsed, Failure> {
        let world = World::new(App::new("empty"), "memory:".to_owned(), Stay::Brief);
        let (mut output, _) = Output::to_memory(false);
        Prompt::new(&world, &mut output, Signals::none()).parse(line)
    }

    fn fault(line: &str) -> Failure {
        parsed(line).err().unwrap_or_else(|| panic!("`{line}` was understood"))
    }

    fn is_skipped(line: &str) -> bool {
        matches!(parsed(line), Ok(Parsed::Nothing))
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
