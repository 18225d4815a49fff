//! The map: what is registered, as data, as text and as a Mermaid diagram.

mod handlers;
mod processes;

use std::fmt::{self, Write};

use engine_types::{command::Field, event::EventType};
use serde::Serialize;

use crate::App;

pub use handlers::HandlerDescription;
pub use processes::ProcessDescription;

/// What is registered in an application.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Map {
    /// The application's name.
    pub app: String,
    /// The aggregates, by category.
    pub aggregates: Vec<AggregateDescription>,
    /// The event handlers, in the order in which they were added.
    pub handlers: Vec<HandlerDescription>,
    /// The read models, in the order in which they were added.
    pub projections: Vec<ProjectionDescription>,
    /// The process managers, in the order in which they were added.
    pub processes: Vec<ProcessDescription>,
}

/// An aggregate, the commands that it answers, and the events that it emits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AggregateDescription {
    /// Its category.
    pub category: &'static str,
    /// After how many events a snapshot is taken, if any is.
    pub snapshot_every: Option<u64>,
    /// Its commands, by name.
    pub commands: Vec<CommandDescription>,
    /// Its events, in the order of their declaration.
    pub events: &'static [EventType],
}

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CommandDescription {
    /// The name it is sent under.
    pub name: &'static str,
    /// What it is for.
    pub doc: &'static str,
    /// The field that addresses the instance.
    pub id_field: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// Whether names that are not among the fields are refused.
    #[serde(skip)]
    pub closed: bool,
}

/// A read model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProjectionDescription {
    /// Its name.
    pub name: &'static str,
    /// The version of its functions.
    pub version: u32,
    /// The events that it hears.
    pub events: Vec<&'static str>,
    /// The queries that it answers, by name.
    pub queries: Vec<QueryDescription>,
}

/// A query.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueryDescription {
    /// The name it is asked under.
    pub name: &'static str,
    /// What it asks.
    pub doc: &'static str,
    /// Its fields.
    pub fields: &'static [Field],
    /// Whether names that are not among the fields are refused.
    #[serde(skip)]
    pub closed: bool,
}

impl App {
    /// What is registered.
    pub fn map(&self) -> Map {
        let aggregates = self.aggregates.iter().map(|(category, aggregate)| {
            let commands = self.commands.values().filter(|command| command.category() == *category);
            AggregateDescription {
                commands: commands.map(|command| command.describe()).collect(),
                ..aggregate.describe()
            }
        });
        let projections = self.projections.iter().map(|projection| {
            let queries = self.queries.values().filter(|query| query.projection().1 == projection.type_id());
            ProjectionDescription {
                queries: queries.map(|query| query.describe()).collect(),
                ..projection.describe()
            }
        });
        Map {
            app: self.name.clone(),
            aggregates: aggregates.collect(),
            handlers: self.handlers.iter().map(|handler| HandlerDescription::of(&**handler)).collect(),
            projections: projections.collect(),
            processes: self.processes.iter().map(|process| process.describe()).collect(),
        }
    }
}

impl Map {
    /// All commands, with the category of their aggregate.
    pub fn commands(&self) -> impl Iterator<Item = (&'static str, &CommandDescription)> {
        self.aggregates
            .iter()
            .flat_map(|aggregate| aggregate.commands.iter().map(move |command| (aggregate.category, command)))
    }

    /// All queries, with the name of the projection that answers them.
    pub fn queries(&self) -> impl Iterator<Item = (&'static str, &QueryDescription)> {
        self.projections
            .iter()
            .flat_map(|projection| projection.queries.iter().map(move |query| (projection.name, query)))
    }

    /// The names of everything that listens: event handlers, read models and process managers.
    pub fn listeners(&self) -> impl Iterator<Item = &str> {
        self.handlers
            .iter()
            .map(|handler| handler.name.as_str())
            .chain(self.projections.iter().map(|it| it.name))
            .chain(self.processes.iter().map(|it| it.name))
    }

    /// The map as a Mermaid flowchart: commands into aggregates, events out of them and into handlers and read
    /// models, and queries out of these.
    ///
    /// Nodes are told apart by their place in the map, because names may hold what an identifier may not.
    pub fn to_mermaid(&self) -> String {
        let mut text = String::from("flowchart LR\n");
        for (place, aggregate) in self.aggregates.iter().enumerate() {
            let _ = writeln!(text, "  a{place}[[{}]]", quoted(aggregate.category));
            for (index, command) in aggregate.commands.iter().enumerate() {
                let _ = writeln!(text, "  a{place}c{index}({}) --> a{place}", quoted(command.name));
            }
            for (index, event) in aggregate.events.iter().enumerate() {
                let _ = writeln!(text, "  a{place} --> a{place}e{index}>{}]", quoted(event.name));
            }
        }
        self.draw_handlers(&mut text);
        for (place, projection) in self.projections.iter().enumerate() {
            let _ = writeln!(text, "  p{place}[({})]", quoted(projection.name));
            for event in &projection.events {
                for (from, index) in self.emitters(event) {
                    let _ = writeln!(text, "  a{from}e{index} --> p{place}");
                }
            }
            for (index, query) in projection.queries.iter().enumerate() {
                let _ = writeln!(text, "  p{place} --> p{place}q{index}([{}])", quoted(query.name));
            }
        }
        self.draw_processes(&mut text);
        text
    }

    /// Where an event stands in the map: the place of its aggregate, and its own.
    fn emitters(&self, name: &str) -> impl Iterator<Item = (usize, usize)> {
        self.aggregates.iter().enumerate().flat_map(move |(place, aggregate)| {
            let events = aggregate.events.iter().enumerate();
            events.filter(move |(_, event)| event.name == name).map(move |(index, _)| (place, index))
        })
    }
}

/// A name as the text of a Mermaid node.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('#', "#35;").replace('"', "#quot;"))
}

impl fmt::Display for CommandDescription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {{ {} }}", self.name, listed(self.fields))
    }
}

impl fmt::Display for QueryDescription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {{ {} }}", self.name, listed(self.fields))
    }
}

fn listed(fields: &[Field]) -> String {
    let fields: Vec<_> = fields.iter().map(|field| format!("{}: {}", field.name, field.rust_type)).collect();
    fields.join(", ")
}

impl fmt::Display for Map {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "{}", self.app)?;
        for aggregate in &self.aggregates {
            writeln!(formatter, "\naggregate {}", aggregate.category)?;
            if let Some(every) = aggregate.snapshot_every {
                writeln!(formatter, "  a snapshot every {every} events")?;
            }
            for command in &aggregate.commands {
                writeln!(formatter, "  command  {command}")?;
            }
            for event in aggregate.events {
                writeln!(formatter, "  event    {} (version {})", event.name, event.version)?;
            }
        }
        for handler in &self.handlers {
            write!(formatter, "\n{handler}")?;
        }
        for projection in &self.projections {
            writeln!(formatter, "\nprojection {} (version {})", projection.name, projection.version)?;
            for query in &projection.queries {
                writeln!(formatter, "  query    {query}")?;
            }
            for event in &projection.events {
                writeln!(formatter, "  hears    {event}")?;
            }
        }
        for process in &self.processes {
            write!(formatter, "\n{process}")?;
        }
        Ok(())
    }
}
