//! Completion: what could stand where the cursor is. Decided from the grammar and the map; only the names
//! of streams are looked up.

use clap::{Arg, CommandFactory};
use engine::{
    command::Field,
    runtime::map::{CommandDescription, Map, ProcessDescription},
};

use super::line::{self, Typed};
use crate::{
    args::{PromptLine, prompt_words},
    output::example_value,
};

/// Looks up names of streams that begin with a text, and with which completion ends.
pub(super) type LookUp<'a> = dyn Fn(&str) -> Vec<String> + 'a;

/// Knows what can be typed.
pub(super) struct Completion {
    grammar: clap::Command,
    map: Map,
}

impl Completion {
    pub(super) fn new(map: Map) -> Self {
        let mut grammar = PromptLine::command();
        // Options that every command has are inherited only once the grammar is built.
        grammar.build();
        Completion { grammar, map }
    }

    /// Where the word at the end of `line` begins, and what it could become.
    pub(super) fn complete(&self, line: &str, streams: &LookUp<'_>) -> (usize, Vec<String>) {
        let Some(Typed { words, start, word }) = line::typed(line) else { return (line.len(), Vec::new()) };
        let mut candidates = self.candidates(&words, word, streams);
        candidates.retain(|candidate| candidate.starts_with(word));
        (start, candidates)
    }

    /// The fields of a command that are still to be typed.
    pub(super) fn hint(&self, line: &str) -> Option<String> {
        let Typed { words, word, .. } = line::typed(line)?;
        let (subcommand, given) = self.arguments(&words)?;
        if subcommand.get_name() != "send" || !word.is_empty() {
            return None;
        }
        let command = self.command(given.first()?)?;
        let open = missing_fields(command.fields, &given);
        let hints: Vec<_> = open.map(|field| format!("{}={}", field.name, example_value(field))).collect();
        (!hints.is_empty()).then(|| hints.join(" "))
    }

    /// Whether a line can begin with this word.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.grammar.find_subcommand(word).is_some()
    }

    /// The command of the domain of this name.
    pub(super) fn command(&self, name: &str) -> Option<&CommandDescription> {
        self.map.commands().map(|(_, command)| command).find(|command| command.name == name)
    }

    fn candidates(&self, words: &[String], word: &str, streams: &LookUp<'_>) -> Vec<String> {
        let Some((subcommand, given)) = self.arguments(words) else {
            let is_first = words.iter().all(|word| word.starts_with('-'));
            return prompt_words(&self.grammar).filter(|_| is_first).map(spaced).collect();
        };
        if let Some(option) = words.last().and_then(|last| option(subcommand, last)) {
            return self.values(option);
        }
        if word.starts_with('-') {
            let shown = subcommand.get_arguments().filter(|argument| !argument.is_hide_set());
            let options = shown.filter_map(Arg::get_long);
            return options.map(|option| format!("--{option} ")).collect();
        }
        match (subcommand.get_name(), given.as_slice()) {
            ("send", []) => self.map.commands().map(|(_, command)| spaced(command.name)).collect(),
            ("send", [name, ..]) => self.fields(name, &given, word, streams),
            ("show", []) => self.categories().map(spaced).collect(),
            ("show", [category]) => ids(category, word, streams),
            ("read", []) => {
                let all = "$all".starts_with(word).then(|| spaced("$all"));
                streams(word).iter().map(|name| spaced(name)).chain(all).collect()
            }
            ("query", []) => self.map.queries().map(|(_, query)| spaced(query.name)).collect(),
            ("query", [name, ..]) => self.query_fields(name, &given),
            ("handlers" | "projections" | "process", []) => {
                subcommand.get_subcommands().map(|it| spaced(it.get_name())).collect()
            }
            ("handlers", [_]) => self.map.listeners().map(spaced).collect(),
            ("projections", [_]) => self.map.projections.iter().map(|it| spaced(it.name)).collect(),
            ("timers", []) => {
                let words = subcommand.get_subcommands().map(|it| spaced(it.get_name()));
                words.chain(self.map.processes.iter().map(|it| spaced(it.name))).collect()
            }
            ("processes" | "map", []) | ("process", [_]) => {
                self.map.processes.iter().map(|it| spaced(it.name)).collect()
            }
            ("process", [_, name]) => ids(name, word, streams),
            ("help", []) => {
                let commands = self.map.commands().map(|(_, command)| command.name);
                let queries = self.map.queries().map(|(_, query)| query.name);
                prompt_words(&self.grammar).chain(commands).chain(queries).map(spaced).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The word that a line begins with, and its arguments that are no options.
    fn arguments<'a>(&self, words: &'a [String]) -> Option<(&clap::Command, Vec<&'a str>)> {
        let mut words = words.iter().skip_while(|word| word.starts_with('-'));
        let subcommand = self.grammar.find_subcommand(words.next()?)?;
        let mut given = Vec::new();
        while let Some(word) = words.next() {
            if option(subcommand, word).is_some() {
                words.next();
            } else if !word.starts_with('-') {
                given.push(word.as_str());
            }
        }
        Some((subcommand, given))
    }

    fn values(&self, option: &Arg) -> Vec<String> {
        match option.get_long() {
            Some("category") => self.categories().map(spaced).collect(),
            Some("state") => {
                let stages = self.map.processes.iter().flat_map(ProcessDescription::stages);
                ["running", "ended", "parked"].into_iter().chain(stages).map(spaced).collect()
            }
            Some("expect") => ["none", "any", "exists"].map(spaced).into(),
            _ => option.get_possible_values().iter().map(|value| spaced(value.get_name())).collect(),
        }
    }

    fn categories(&self) -> impl Iterator<Item = &str> {
        self.map.aggregates.iter().map(|aggregate| aggregate.category)
    }

    /// The fields that are missing, or the ids that the present one could hold.
    fn fields(&self, name: &str, given: &[&str], word: &str, streams: &LookUp<'_>) -> Vec<String> {
        let found = self.map.commands().find(|(_, command)| command.name == name);
        let Some((category, command)) = found else { return Vec::new() };
        match word.split_once('=') {
            Some((field, begun)) if field == command.id_field => {
                ids(category, begun, streams).iter().map(|id| format!("{field}={id}")).collect()
            }
            Some(_) => Vec::new(),
            None => missing_fields(command.fields, given).map(|field| format!("{}=", field.name)).collect(),
        }
    }

    /// The fields of a query that are missing.
    fn query_fields(&self, name: &str, given: &[&str]) -> Vec<String> {
        let found = self.map.queries().find(|(_, query)| query.name == name);
        let fields = found.map_or(&[][..], |(_, query)| query.fields);
        missing_fields(fields, given).map(|field| format!("{}=", field.name)).collect()
    }
}

fn missing_fields<'a>(fields: &'a [Field], given: &[&str]) -> impl Iterator<Item = &'a Field> {
    fields.iter().filter(|field| {
        let is_given = |word: &&str| word.split_once('=').is_some_and(|(name, _)| name == field.name);
        !given.iter().any(is_given)
    })
}

/// The option that this word is, where it wants a value.
fn option<'a>(subcommand: &'a clap::Command, word: &str) -> Option<&'a Arg> {
    let name = word.strip_prefix("--")?;
    subcommand
        .get_arguments()
        .find(|argument| argument.get_long() == Some(name) && argument.get_action().takes_values())
}

fn ids(category: &str, begun: &str, streams: &LookUp<'_>) -> Vec<String> {
    let category = format!("{category}-");
    let names = streams(&format!("{category}{begun}"));
    names.iter().filter_map(|name| name.strip_prefix(&category)).map(spaced).collect()
}

fn spaced(word: &str) -> String {
    format!("{word} ")
}

#[cfg(test)]
mod tests {
    use engine::{
        command::FieldKind,
        process_manager::machine::{Machine, Otherwise, State},
        runtime::map::{AggregateDescription, HandlerDescription, ProjectionDescription, QueryDescription},
    };

    use super::*;

    const FIELDS: &[Field] = &[
        Field { name: "id", rust_type: "String", kind: FieldKind::Text, required: true, doc: "" },
        Field { name: "amount", rust_type: "u64", kind: FieldKind::Integer, required: true, doc: "" },
    ];

    fn completion() -> Completion {
        let command =
            |name| CommandDescription { name, doc: "", id_field: "id", fields: FIELDS, closed: true };
        let account = AggregateDescription {
            category: "account",
            snapshot_every: None,
            commands: vec![command("DepositMoney"), command("WithdrawMoney")],
            events: &[],
        };
        let statement = QueryDescription { name: "statement", doc: "", fields: FIELDS, closed: true };
        let projection = ProjectionDescription {
            name: "statements",
            version: 1,
            events: Vec::new(),
            queries: vec![statement],
        };
        let mailer = HandlerDescription {
            name: "mailer".to_owned(),
            event_types: Vec::new(),
            streams: Vec::new(),
            partitions: 1,
            strong: false,
        };
        let transfers = ProcessDescription {
            name: "transfers",
            version: 1,
            event_types: Vec::new(),
            machine: Some(Machine {
                states: &[State { name: "Waiting", doc: "", transitions: &[] }],
                otherwise: Otherwise::Ignore,
            }),
            strong: false,
        };
        Completion::new(Map {
            app: "bank".to_owned(),
            aggregates: vec![account],
            handlers: vec![mailer],
            processes: vec![transfers],
            projections: vec![projection],
        })
    }

    fn completed(line: &str) -> Vec<String> {
        let names = ["account-jim", "account-jsdf", "seats-1", "transfers-t1"];
        let streams = |prefix: &str| {
            names.iter().filter(|name| name.starts_with(prefix)).map(ToString::to_string).collect()
        };
        completion().complete(line, &streams).1
    }

    #[test]
    fn words_commands_and_fields_are_completed() {
        assert_eq!(completed("se"), ["send "]);
        assert_eq!(completed("send D"), ["DepositMoney "]);
        assert_eq!(completed("send DepositMoney "), ["id=", "amount="]);
        assert_eq!(completed("send DepositMoney id=jsdf "), ["amount="]);
        assert_eq!(completed("help With"), ["WithdrawMoney "]);
    }

    #[test]
    fn names_of_streams_categories_and_ids_are_completed() {
        assert_eq!(completed("read account-js"), ["account-jsdf "]);
        assert_eq!(completed("read $"), ["$all "]);
        assert_eq!(completed("show a"), ["account "]);
        assert_eq!(completed("show account j"), ["jim ", "jsdf "]);
        assert_eq!(completed("send DepositMoney id=js"), ["id=jsdf "]);
    }

    #[test]
    fn options_and_their_values_are_completed() {
        assert_eq!(completed("send DepositMoney --dr"), ["--dry-run "]);
        assert_eq!(completed("send DepositMoney --consistency s"), ["strong "]);
        assert_eq!(completed("send --expect 3 Dep"), ["DepositMoney "]);
        assert_eq!(completed("streams --category "), ["account "]);
        assert_eq!(completed("map --format m"), ["mermaid "]);
        assert_eq!(completed("read --js"), ["--json "]);
    }

    #[test]
    fn queries_handlers_and_read_models_are_completed() {
        assert_eq!(completed("query st"), ["statement "]);
        assert_eq!(completed("query statement "), ["id=", "amount="]);
        assert_eq!(completed("handlers pa"), ["pause ", "parked "]);
        assert_eq!(completed("handlers pause "), ["mailer ", "statements ", "transfers "]);
        assert_eq!(completed("projections rebuild "), ["statements "]);
        assert_eq!(completed("query statement --consistency e"), ["eventual "]);
    }

    #[test]
    fn process_managers_their_instances_and_states_are_completed() {
        assert_eq!(completed("processes "), ["transfers "]);
        assert_eq!(completed("process "), ["show ", "retry ", "stop "]);
        assert_eq!(completed("process show t"), ["transfers "]);
        assert_eq!(completed("process retry transfers "), ["t1 "]);
        assert_eq!(completed("processes transfers --state "), ["running ", "ended ", "parked ", "Waiting "]);
        assert_eq!(completed("map "), ["transfers "]);
    }

    #[test]
    fn nothing_is_made_up() {
        for line in ["nonsense ", "send 'D", "send Unknown ", "show account jsdf ", "exit "] {
            assert!(completed(line).is_empty(), "{line}");
        }
    }

    #[test]
    fn the_fields_that_are_missing_are_hinted_at() {
        let completion = completion();
        assert_eq!(completion.hint("send DepositMoney ").as_deref(), Some("id=jsdf amount=23"));
        assert_eq!(completion.hint("send DepositMoney id=a ").as_deref(), Some("amount=23"));
        assert_eq!(completion.hint("send DepositMoney id=a amount=1 "), None);
        assert_eq!(completion.hint("read "), None);
    }
}
