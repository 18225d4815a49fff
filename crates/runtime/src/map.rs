//! The map: what is registered, as data, as text and as a Mermaid diagram.

use std::fmt::{self, Write};

use engine_types::{command::Field, event::EventType};
use serde::Serialize;

use crate::App;

/// What is registered in an application.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Map {
    /// The application's name.
    pub app: String,
    /// The aggregates, by category.
    pub aggregates: Vec<AggregateDescription>,
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
        Map { app: self.name.clone(), aggregates: aggregates.collect() }
    }
}

impl Map {
    /// All commands, with the category of their aggregate.
    pub fn commands(&self) -> impl Iterator<Item = (&'static str, &CommandDescription)> {
        self.aggregates
            .iter()
            .flat_map(|aggregate| aggregate.commands.iter().map(move |command| (aggregate.category, command)))
    }

    /// The map as a Mermaid flowchart: commands into aggregates, events out of them.
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
        text
    }
}

/// A name as the text of a Mermaid node.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('#', "#35;").replace('"', "#quot;"))
}

impl fmt::Display for CommandDescription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields: Vec<_> =
            self.fields.iter().map(|field| format!("{}: {}", field.name, field.rust_type)).collect();
        write!(formatter, "{} {{ {} }}", self.name, fields.join(", "))
    }
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
        Ok(())
    }
}
