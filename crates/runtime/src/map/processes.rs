//! Process managers on the map, and their state machines.

use std::fmt::{self, Write};

use engine_types::process_manager::{Machine, machine::Otherwise};
use serde::Serialize;

use super::{Map, quoted};

/// A process manager, what it hears, and its state machine where it is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProcessDescription {
    /// Its name.
    pub name: &'static str,
    /// The version of its functions.
    pub version: u32,
    /// The types of the events that it hears, those of old too.
    pub event_types: Vec<String>,
    /// Its state machine: the table that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<Machine>,
    /// Whether strong consistency waits for it.
    pub strong: bool,
}

impl ProcessDescription {
    /// The commands that its state machine names.
    pub fn sends(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for state in self.machine.iter().flat_map(|machine| machine.states) {
            for name in state.transitions.iter().flat_map(|transition| transition.sends) {
                if !names.contains(name) {
                    names.push(*name);
                }
            }
        }
        names
    }

    /// The states of its machine, by name.
    pub fn stages(&self) -> impl Iterator<Item = &'static str> {
        self.machine.into_iter().flat_map(|machine| machine.states).map(|state| state.name)
    }

    /// The state machine as a Mermaid state diagram, drawn from the table that runs; none where it is no machine.
    pub fn to_state_diagram(&self) -> Option<String> {
        let machine = self.machine?;
        let mut text = String::from("stateDiagram-v2\n");
        if let Some(first) = machine.states.first() {
            let _ = writeln!(text, "  [*] --> {}", first.name);
        }
        for state in machine.states {
            if !state.doc.trim().is_empty() {
                let doc = state.doc.trim().replace([':', ';', '#'], " ");
                let _ = writeln!(text, "  note right of {}\n    {doc}\n  end note", state.name);
            }
            for transition in state.transitions {
                let _ = write!(text, "  {} --> {} : {}", state.name, transition.to, transition.on);
                if !transition.sends.is_empty() {
                    let _ = write!(text, " / {}", transition.sends.join(", "));
                }
                text.push('\n');
            }
            if state.transitions.is_empty() {
                let _ = writeln!(text, "  {} --> [*]", state.name);
            }
        }
        Some(text)
    }
}

impl Map {
    /// Draws the process managers: the ways of events into them, and of commands out of them.
    pub(super) fn draw_processes(&self, text: &mut String) {
        for (place, process) in self.processes.iter().enumerate() {
            let _ = writeln!(text, "  m{place}{{{{{}}}}}", quoted(process.name));
            for event in &process.event_types {
                for (from, index) in self.emitters(event) {
                    let _ = writeln!(text, "  a{from}e{index} --> m{place}");
                }
            }
            for name in process.sends() {
                for (to, aggregate) in self.aggregates.iter().enumerate() {
                    let index = aggregate.commands.iter().position(|command| command.name == name);
                    if let Some(index) = index {
                        let _ = writeln!(text, "  m{place} --> a{to}c{index}");
                    }
                }
            }
        }
    }

    /// The state machines of the process managers, each as a Mermaid state diagram, with its name.
    pub fn state_diagrams(&self) -> impl Iterator<Item = (&'static str, String)> {
        self.processes.iter().filter_map(|process| Some((process.name, process.to_state_diagram()?)))
    }
}

impl fmt::Display for ProcessDescription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "process {} (version {})", self.name, self.version)?;
        if self.strong {
            writeln!(formatter, "  strong consistency waits for it")?;
        }
        for event_type in &self.event_types {
            writeln!(formatter, "  hears    {event_type}")?;
        }
        for name in self.sends() {
            writeln!(formatter, "  sends    {name}")?;
        }
        if let Some(machine) = &self.machine {
            let otherwise = match machine.otherwise {
                Otherwise::Ignore => "is ignored",
                Otherwise::Park => "parks the instance",
                Otherwise::Fail => "stops the process manager",
            };
            writeln!(formatter, "  a message that is not valid in a state {otherwise}")?;
        }
        for state in self.machine.iter().flat_map(|machine| machine.states) {
            writeln!(formatter, "  state    {}", state.name)?;
            for transition in state.transitions {
                write!(formatter, "    {} -> {}", transition.on, transition.to)?;
                if !transition.sends.is_empty() {
                    write!(formatter, " / {}", transition.sends.join(", "))?;
                }
                writeln!(formatter)?;
            }
        }
        Ok(())
    }
}
