//! The grammar: one for the shell and for the prompt, where only the ways in and out differ.

mod listening;
mod processes;
#[cfg(feature = "serve")]
mod serving;
mod usage;
mod value;

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use engine::{ExpectedRevision, Timestamp, command::nearest};
use serde_json::{Map, Value};
use uuid::Uuid;

pub(crate) use listening::{
    Handlers, HandlersCommand, Parked, Projections, ProjectionsCommand, Query, QueryConsistency, Reset,
    Sequence,
};
pub(crate) use processes::{Instance, Process, ProcessCommand, Processes, Stop, Timers, TimersCommand};
#[cfg(feature = "serve")]
pub(crate) use serving::Serve;
pub(crate) use usage::{fault, rendered};
pub(crate) use value::{body, query_body};

const EXIT_CODES: &str = "Exit codes: 0 done, 1 refused by the domain or not found, 2 wrong usage, \
                          3 the store failed.\nWithout a command, the console starts.";

const GLOBAL: &str = "Options of every command";

const STORE: &str = "The store, `memory:`, `file:PATH?compression=zstd&chain=blake3`, `postgres://USER@HOST/DATABASE?schema=NAME` or \
                     `kurrentdb://USER:PASSWORD@HOST:2113?tls=false` [env: ENGINE_STORE] [default: file:./engine-data]";

const SEND_EXAMPLES: &str = "Examples:
  send DepositMoney id=jsdf amount=23
  send DepositMoney '{\"id\":\"jsdf\",\"amount\":23}' --expect 4
  send DepositMoney id=jsdf amount=23 --in 15m";

const SCAVENGE: &str = "Removes for good what was deleted, what stands before `$tb` or beyond `$maxCount`, and what is \
                        older than `$maxAge`.\nThe store goes on meanwhile; broken off, it is whole, and the next scavenge \
                        does the rest.";

const QUERY_EXAMPLES: &str = "Examples:
  query balances
  query statement jsdf
  query statement account=jsdf limit=10 --consistency eventual";

/// Sends commands, shows states, reads events: the command line of an event-sourced application.
#[derive(Debug, Parser)]
#[command(name = "engine", version, disable_help_subcommand = true, after_help = EXIT_CODES)]
pub(crate) struct ShellLine {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Option<ShellCommand>,
}

/// What can be typed at the prompt.
#[derive(Debug, Parser)]
#[command(
    name = "engine",
    mut_arg("store", |store| store.hide(true)),
    mut_arg("app", |app| app.hide(true)),
    bin_name = "",
    no_binary_name = true,
    disable_help_subcommand = true,
    disable_version_flag = true,
    subcommand_value_name = "COMMAND"
)]
pub(crate) struct PromptLine {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: PromptCommand,
}

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct Globals {
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "URL", help = STORE)]
    pub(crate) store: Option<String>,
    /// The application [default: the first]
    #[arg(long, global = true, help_heading = GLOBAL, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// Answer with one JSON object per line on stdout, and nothing else there
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(crate) json: bool,
}

/// What can be asked for at the shell.
#[derive(Debug, Subcommand)]
pub(crate) enum ShellCommand {
    /// Start the prompt; read commands from stdin where that is no terminal
    Console,
    /// Open the store to the network, for clients of EventStoreDB and KurrentDB
    #[cfg(feature = "serve")]
    #[command(after_help = serving::EXAMPLES)]
    Serve(Serve),
    #[command(flatten)]
    Shared(Command),
}

/// What can be asked for at the prompt.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, and it is matched on")]
pub(crate) enum PromptCommand {
    #[command(flatten)]
    Shared(Command),
    /// Leave; so does Ctrl-D
    #[command(visible_alias = "quit")]
    Exit,
}

/// What can be asked for everywhere.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a command to the one aggregate that answers it
    #[command(after_help = SEND_EXAMPLES)]
    Send(Send),
    /// Show the state of an aggregate as JSON, now or as it was
    Show(Show),
    /// Ask a read model
    #[command(after_help = QUERY_EXAMPLES)]
    Query(Query),
    /// Read the events of a stream, or of `$all`
    Read(Read),
    /// List streams
    Streams(Streams),
    /// List what listens to events, or tell it what to do
    Handlers(Handlers),
    /// List read models, or build one anew
    Projections(Projections),
    /// List the instances of process managers
    Processes(Processes),
    /// Show one instance of a process manager, let it try again, or end it
    Process(Process),
    /// List the commands that wait for their time, the next one first, or cancel one
    Timers(Timers),
    /// List the processes that share the store, and what each of them works on
    Nodes,
    /// Look after the store itself
    Store(Store),
    /// Check that everything in the store is whole
    Verify(Verify),
    /// Give back the room of events that can no longer be read
    #[command(after_help = SCAVENGE)]
    Scavenge,
    /// Copy the store into a directory while it goes on; a second time, only what has changed
    Backup(Backup),
    /// Make the store of a backup
    Restore(Restore),
    /// Tell how large the store is, and what a scavenge would give back
    Stats,
    /// Write all events to a file, one line of JSON each
    Export(Export),
    /// Take events in from a file that `export` has written
    Import(Import),
    /// Show what is registered: commands, aggregates, events, what listens to them, and queries
    Map(MapArgs),
    /// Explain a command of the domain or of this program
    Help(Help),
}

/// The arguments of `send`.
#[derive(Debug, Args)]
pub(crate) struct Send {
    /// The command's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Its fields, as `field=value` each, or all as one JSON object
    #[arg(value_name = "FIELD=VALUE | JSON")]
    pub(crate) body: Vec<String>,
    /// The command's identity: sent again with the same, it gives the first answer again
    #[arg(long, value_name = "UUID", value_parser = value::id)]
    pub(crate) id: Option<Uuid>,
    /// Refuse unless the stream is at this revision: a number, `none`, `any` or `exists`
    #[arg(long, value_name = "REVISION", allow_negative_numbers = true, value_parser = value::expected)]
    pub(crate) expect: Option<ExpectedRevision>,
    /// When to answer: when the events are stored, or when process managers, or strong event handlers too, have
    /// done what comes of them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) consistency: Consistency,
    /// What the whole chain of causes is called
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) correlation_id: Option<String>,
    /// Entries for the metadata of the events, as a JSON object
    #[arg(long, value_name = "JSON", value_parser = value::object)]
    pub(crate) metadata: Option<Map<String, Value>>,
    /// How long to wait for the answer, such as `5s` or `500ms` [default: 5s]
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true, value_parser = value::duration)]
    pub(crate) timeout: Option<Duration>,
    /// Decide and print the events, but append nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Send it at this time, such as `2030-01-01T09:00:00+01:00`; it waits in the store until then
    #[arg(long, value_name = "TIME", group = "due", conflicts_with_all = ["dry_run", "expect"], value_parser = value::time)]
    pub(crate) at: Option<Timestamp>,
    /// Send it after this time, such as `15m`; it waits in the store until then
    #[arg(
        long = "in",
        value_name = "DURATION",
        allow_negative_numbers = true,
        group = "due",
        conflicts_with_all = ["dry_run", "expect"],
        value_parser = value::duration
    )]
    pub(crate) after: Option<Duration>,
    /// With `--at` or `--in`: give it up where it could only be sent later than this after it was due
    #[arg(long, value_name = "DURATION", allow_negative_numbers = true, requires = "due", value_parser = value::duration)]
    pub(crate) skip_if_late_by: Option<Duration>,
}

impl Send {
    /// Whether the command is to wait for its time.
    pub(crate) fn is_for_later(&self) -> bool {
        self.at.is_some() || self.after.is_some()
    }
}

/// When a command counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Consistency {
    /// When its events are stored
    Eventual,
    /// When the process managers have done what comes of it too
    #[default]
    Processes,
    /// When the strong event handlers and the process managers have handled all that comes of it too
    Strong,
}

/// The arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The aggregate's category, such as `account`
    pub(crate) category: String,
    /// The instance, such as `jsdf`
    pub(crate) id: String,
    /// Show the state as it was after the event of this revision
    #[arg(long, value_name = "REVISION", allow_negative_numbers = true, value_parser = value::place)]
    pub(crate) at: Option<u64>,
}

/// The arguments of `read`.
#[derive(Debug, Args)]
pub(crate) struct Read {
    /// The stream, such as `account-jsdf`, or `$all`
    pub(crate) stream: String,
    /// Begin at this revision, or at this position of `$all`
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = value::place)]
    pub(crate) from: Option<u64>,
    /// Newest first
    #[arg(long, conflicts_with = "follow")]
    pub(crate) backwards: bool,
    /// At most this many events
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) limit: Option<u64>,
    /// Go on with events as they come, until Ctrl-C
    #[arg(long)]
    pub(crate) follow: bool,
}

/// The arguments of `streams`.
#[derive(Debug, Args)]
pub(crate) struct Streams {
    /// Only streams of this category
    #[arg(long, value_name = "NAME")]
    pub(crate) category: Option<String>,
    /// Only streams whose name begins like this; with `$`, streams of the system too
    #[arg(long, value_name = "TEXT")]
    pub(crate) prefix: Option<String>,
}

/// The arguments of `store`.
#[derive(Debug, Args)]
pub(crate) struct Store {
    #[command(subcommand)]
    pub(crate) command: StoreCommand,
}

/// What can be done with a store.
#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Bring the schema of a store in PostgreSQL to the version of this program
    Migrate,
}

/// The arguments of `verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A link of the hash chain that an earlier `verify` told: it must still be there
    #[arg(long, value_name = "LINK")]
    pub(crate) link: Option<String>,
}

/// The arguments of `backup`.
#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The directory: empty, not there yet, or an older backup of this store
    #[arg(value_name = "DEST")]
    pub(crate) destination: PathBuf,
}

/// The arguments of `restore`.
#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// The backup. The store that `--store` names is made of it, where nothing is yet
    pub(crate) source: PathBuf,
}

/// The arguments of `export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file, or `-` for stdout. An export that is there already is gone on with
    pub(crate) file: PathBuf,
}

/// The arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file, or `-` for stdin. Events that are there already are passed over
    pub(crate) file: PathBuf,
    /// Put events at the end of their streams, whatever revisions the file says
    #[arg(long)]
    pub(crate) renumber: bool,
}

/// The arguments of `map`.
#[derive(Debug, Args)]
pub(crate) struct MapArgs {
    /// Only this process manager, such as `transfers` [default: everything]
    pub(crate) name: Option<String>,
    /// The form of the answer [default: text; json with --json]
    #[arg(long, value_enum)]
    pub(crate) format: Option<MapFormat>,
}

/// The form of a map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum MapFormat {
    /// For people
    Text,
    /// Mermaid: a flowchart, then each state machine; of one process manager its state machine alone
    Mermaid,
    /// JSON
    Json,
}

/// The arguments of `help`.
#[derive(Debug, Args)]
pub(crate) struct Help {
    /// A command of the domain, such as `DepositMoney`, or of this program, such as `send`
    pub(crate) topic: Option<String>,
}

/// The words that begin a line at the prompt, without aliases.
pub(crate) fn prompt_words(grammar: &clap::Command) -> impl Iterator<Item = &str> {
    grammar.get_subcommands().map(clap::Command::get_name)
}

/// The hint at the word that was most likely meant, if any is near enough.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn prompt(line: &str) -> Result<PromptLine, clap::Error> {
        PromptLine::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_grammar_does_not_contradict_itself() {
        ShellLine::command().debug_assert();
        PromptLine::command().debug_assert();
    }

    #[test]
    fn the_shell_knows_every_word_of_the_prompt_but_the_way_out() {
        let shell = ShellLine::command();
        for word in prompt_words(&PromptLine::command()).filter(|word| *word != "exit") {
            assert!(shell.find_subcommand(word).is_some(), "{word}");
        }
    }

    #[test]
    fn options_may_stand_before_and_after() {
        for line in ["--json send Deposit id=a --dry-run", "send --dry-run Deposit id=a --json"] {
            let parsed = prompt(line).unwrap();
            assert!(parsed.globals.json, "{line}");
            let PromptCommand::Shared(Command::Send(send)) = parsed.command else { panic!("{line}") };
            assert!(send.dry_run && send.name == "Deposit" && send.body == ["id=a"], "{line}");
        }
    }

    #[test]
    fn expectations_are_numbers_or_words() {
        let expect = |word: &str| {
            prompt(&format!("send X --expect {word}")).map(|line| match line.command {
                PromptCommand::Shared(Command::Send(send)) => send.expect.unwrap(),
                other => panic!("{other:?}"),
            })
        };
        assert_eq!(expect("none").unwrap(), ExpectedRevision::NoStream);
        assert_eq!(expect("7").unwrap(), ExpectedRevision::Exact(engine::Revision(7)));
        assert!(expect("-1").is_err());
        assert!(expect("first").unwrap_err().to_string().contains("`none`, `any` or `exists`"));
    }

    #[test]
    fn what_cannot_be_together_is_refused() {
        for line in
            ["read a --follow --backwards", "read a --limit 0", "show account", "map --format gif", ""]
        {
            assert!(prompt(line).is_err(), "{line}");
        }
    }
}
