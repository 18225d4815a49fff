//! `help`: the commands of the domain and of this program, explained.

use clap::CommandFactory;

use crate::{
    args::{self, Help, PromptLine, did_you_mean, prompt_words},
    failure::{Failure, Trouble},
    output::{Answer, Output},
    world::World,
};

/// Explains everything in short, or one thing at length.
pub(super) fn run(help: &Help, world: &World, output: &mut Output) -> Result<(), Trouble> {
    let grammar = PromptLine::command();
    match &help.topic {
        None => output.answer(&Answer::Overview { grammar: &grammar, map: world.map() })?,
        Some(topic) => explain(topic, grammar, world, output)?,
    }
    Ok(output.flush()?)
}

fn explain(
    topic: &str,
    mut grammar: clap::Command,
    world: &World,
    output: &mut Output,
) -> Result<(), Trouble> {
    if let Some((category, command)) = world.map().commands().find(|(_, command)| command.name == topic) {
        return Ok(output.answer(&Answer::Command { category, command })?);
    }
    if let Some((projection, query)) = world.map().queries().find(|(_, query)| query.name == topic) {
        return Ok(output.answer(&Answer::Query { projection, query })?);
    }
    // Options that every command has are inherited only once the grammar is built.
    grammar.build();
    if let Some(word) = grammar.find_subcommand_mut(topic) {
        let text = args::rendered(&word.render_long_help());
        return Ok(output.answer(&Answer::Help(&text))?);
    }
    let commands = world.map().commands().map(|(_, command)| command.name);
    let queries = world.map().queries().map(|(_, query)| query.name);
    let hint = did_you_mean(topic, prompt_words(&grammar).chain(commands).chain(queries));
    let failure = Failure::new("unknown_command", format!("there is no command `{topic}`{hint}"));
    Err(failure.advising("`help` lists them all").into())
}
