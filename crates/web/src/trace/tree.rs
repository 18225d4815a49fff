//! The causes of events as a tree: events under their commands, commands under the step of the process manager, or the
//! event, that led to them, and steps under what the process manager has heard.
//!
//! Whatever stands in the metadata, it is a tree: only what was stored before can be a cause.

use std::collections::HashMap;

use engine_runtime::processes::{Decision, Occasion, Step};
use engine_store::Timestamp;
use engine_types::CommandId;

use super::Traced;

/// A command, an event, or a step of a process manager, and what it caused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) what: What,
    /// How long after its cause it was stored, in microseconds; absent where that is not known.
    pub(crate) after_us: Option<u64>,
    pub(crate) caused: Vec<Node>,
}

/// What a node stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    /// A command. Its name is absent where neither its events nor its sender tell it.
    Command { id: String, name: Option<String> },
    /// An event, by its place in the trace.
    Event(usize),
    /// A step of a process manager, by the place of its entry in the trace.
    Step(usize),
}

/// Orders events by what caused them. What was caused by something outside the trace is a root.
pub(crate) fn tree(events: &[Traced]) -> Vec<Node> {
    let mut drafts = Drafts::default();
    for (place, traced) in events.iter().enumerate() {
        match Step::read(&traced.event) {
            Some(step) => drafts.step(place, traced, step),
            None => drafts.event(place, traced),
        }
    }
    drafts.grow()
}

/// A node whose children are not gathered yet.
struct Draft {
    what: What,
    /// Stands before it.
    cause: Option<usize>,
    /// When it was stored; absent for commands, which are not.
    at: Option<Timestamp>,
}

#[derive(Default)]
struct Drafts {
    all: Vec<Draft>,
    /// Events by their ids.
    events: HashMap<String, usize>,
    /// Commands by their ids.
    commands: HashMap<String, usize>,
    /// Commands that wait for a timer, by their ids, and the steps that decided them.
    timed: HashMap<CommandId, (usize, String)>,
}

impl Drafts {
    fn add(&mut self, what: What, cause: Option<usize>, at: Option<Timestamp>) -> usize {
        self.all.push(Draft { what, cause, at });
        self.all.len() - 1
    }

    fn event(&mut self, place: usize, traced: &Traced) {
        let metadata = &traced.metadata;
        let id = metadata.causation_id.as_ref().map_or_else(|| format!("?{place}"), |id| id.0.clone());
        let cause = metadata.command_causation_id.as_ref().and_then(|cause| self.events.get(&cause.0));
        let command = self.command(id, metadata.command.clone(), cause.copied());
        let event = self.add(What::Event(place), Some(command), Some(traced.event.created));
        self.events.insert(traced.event.id.to_string(), event);
    }

    /// The node of a command, which is made where it is not there yet.
    fn command(&mut self, id: String, name: Option<String>, cause: Option<usize>) -> usize {
        if let Some(known) = self.commands.get(&id) {
            return *known;
        }
        let command = self.add(What::Command { id: id.clone(), name }, cause, None);
        self.commands.insert(id, command);
        command
    }

    fn step(&mut self, place: usize, traced: &Traced, step: Step) {
        let cause = match &step.occasion {
            Occasion::Heard(event) => self.events.get(&event.to_string()).copied(),
            Occasion::Refused(command, _) => self.commands.get(&command.to_string()).copied(),
            Occasion::Due(command, _) => self.timed.get(command).map(|(step, _)| *step),
            Occasion::Stopped(_) => None,
        };
        let node = self.add(What::Step(place), cause, Some(traced.event.created));
        // Others may have listened to what a process manager has noted.
        self.events.insert(traced.event.id.to_string(), node);
        if let Occasion::Due(command, _) = &step.occasion {
            let name = self.timed.remove(command).map(|(_, name)| name);
            self.command(command.to_string(), name, Some(node));
        }
        for Decision { command, name, timer, .. } in step.decisions {
            if timer.is_some() {
                self.timed.insert(command, (node, name));
            } else {
                self.command(command.to_string(), Some(name), Some(node));
            }
        }
    }

    /// Gathers the children of each node, the last first, so that all of them are whole when their cause takes them.
    fn grow(self) -> Vec<Node> {
        let times: Vec<_> = (0..self.all.len()).map(|at| self.time_before(at)).collect();
        let mut caused: Vec<Vec<Node>> = self.all.iter().map(|_| Vec::new()).collect();
        let mut roots = Vec::new();
        for (at, draft) in self.all.into_iter().enumerate().rev() {
            let mut below = std::mem::take(&mut caused[at]);
            below.reverse();
            let after = draft.at.zip(times[at]).map(|(here, before)| here.since(before).as_micros());
            let after_us = after.map(|micros| u64::try_from(micros).unwrap_or(u64::MAX));
            let node = Node { what: draft.what, after_us, caused: below };
            draft.cause.map_or(&mut roots, |cause| &mut caused[cause]).push(node);
        }
        roots.reverse();
        roots
    }

    /// When the nearest cause was stored.
    fn time_before(&self, at: usize) -> Option<Timestamp> {
        let mut cause = self.all[at].cause;
        while let Some(before) = cause {
            if self.all[before].at.is_some() {
                return self.all[before].at;
            }
            cause = self.all[before].cause;
        }
        None
    }
}

#[cfg(test)]
mod tests;
