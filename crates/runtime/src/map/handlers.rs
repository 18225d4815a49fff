//! Event handlers on the map.

use std::fmt::{self, Write};

use serde::Serialize;

use super::{Map, quoted};
use crate::listen::Registered;

/// An event handler and what it hears.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandlerDescription {
    /// The name under which its checkpoint is stored.
    pub name: String,
    /// The types of the events that it hears, those of old too. `*` stands for any ending; where there is none, it
    /// hears all types.
    pub event_types: Vec<String>,
    /// The streams that it hears. `*` stands for any ending; where there is none, it hears all streams.
    pub streams: Vec<String>,
    /// How many events it handles at the same time.
    pub partitions: usize,
    /// Whether strong consistency waits for it.
    pub strong: bool,
}

impl HandlerDescription {
    pub(super) fn of(handler: &dyn Registered) -> Self {
        let filter = handler.filter();
        let choice = filter.choice();
        let beginnings = |texts: &[String]| texts.iter().map(|text| format!("{text}*")).collect::<Vec<_>>();
        let categories = choice.categories.iter().map(|category| format!("{category}-*")).collect();
        HandlerDescription {
            name: handler.name().to_owned(),
            event_types: [choice.event_types.clone(), beginnings(&choice.event_type_prefixes)].concat(),
            streams: [choice.streams.clone(), categories, beginnings(&choice.stream_prefixes)].concat(),
            partitions: handler.options().partitions,
            strong: handler.options().strong,
        }
    }

    /// Whether it hears events of this type of at least one instance of an aggregate.
    fn hears(&self, category: &str, event_type: &str) -> bool {
        let category = format!("{category}-");
        let is_there = |stream: &String| match stream.strip_suffix('*') {
            Some(beginning) => category.starts_with(beginning) || beginning.starts_with(&category),
            None => stream.starts_with(&category),
        };
        let is_type = |choice: &String| match choice.strip_suffix('*') {
            Some(beginning) => event_type.starts_with(beginning),
            None => choice == event_type,
        };
        (self.streams.is_empty() || self.streams.iter().any(is_there))
            && (self.event_types.is_empty() || self.event_types.iter().any(is_type))
    }
}

impl Map {
    /// Draws the handlers, and the ways of events into them.
    pub(super) fn draw_handlers(&self, text: &mut String) {
        for (place, handler) in self.handlers.iter().enumerate() {
            let _ = writeln!(text, "  h{place}[/{}/]", quoted(&handler.name));
            for (from, aggregate) in self.aggregates.iter().enumerate() {
                for (index, event) in aggregate.events.iter().enumerate() {
                    if handler.hears(aggregate.category, event.name) {
                        let _ = writeln!(text, "  a{from}e{index} --> h{place}");
                    }
                }
            }
        }
    }
}

impl fmt::Display for HandlerDescription {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "handler {}", self.name)?;
        if self.partitions > 1 {
            writeln!(formatter, "  {} partitions", self.partitions)?;
        }
        if self.strong {
            writeln!(formatter, "  strong consistency waits for it")?;
        }
        for stream in &self.streams {
            writeln!(formatter, "  listens to {stream}")?;
        }
        for event_type in &self.event_types {
            writeln!(formatter, "  hears    {event_type}")?;
        }
        Ok(())
    }
}
