//! Which events a reader of all streams is interested in.

use std::sync::Arc;

use crate::RecordedEvent;

/// A choice of events: by stream, and by event type. What is left empty chooses everything.
///
/// An event passes when its stream is one of `streams`, or in one of `categories`, or begins with one of
/// `stream_prefixes` (if any of the three is given), **and** its type is one of `event_types` or begins with
/// one of `event_type_prefixes` (if any of the two is given). Streams and types that begin with `$` belong
/// to the system and pass only where `system` is set.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Arc<Choice>);

/// The parts of a [`Filter`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Choice {
    /// Streams by name.
    pub streams: Vec<String>,
    /// Streams by the part of their name before the first `-`.
    pub categories: Vec<String>,
    /// Streams by the beginning of their name.
    pub stream_prefixes: Vec<String>,
    /// Event types by name.
    pub event_types: Vec<String>,
    /// Event types by the beginning of their name.
    pub event_type_prefixes: Vec<String>,
    /// Whether the system's own events pass too.
    pub system: bool,
}

impl Filter {
    /// Every event, the system's too.
    pub fn everything() -> Self {
        Filter::new(Choice { system: true, ..Choice::default() })
    }

    /// Every event of the domain.
    pub fn domain() -> Self {
        Filter::new(Choice::default())
    }

    /// The events of one category.
    pub fn category(category: impl Into<String>) -> Self {
        Filter::new(Choice { categories: vec![category.into()], ..Choice::default() })
    }

    /// The events that this choice lets pass.
    pub fn new(choice: Choice) -> Self {
        Filter(Arc::new(choice))
    }

    /// The parts.
    pub fn choice(&self) -> &Choice {
        &self.0
    }

    /// Whether every event passes.
    pub fn is_everything(&self) -> bool {
        let choice = &*self.0;
        choice.system && !choice.chooses_streams() && !choice.chooses_types()
    }

    /// Whether this event passes.
    pub fn matches(&self, event: &RecordedEvent) -> bool {
        self.matches_names(event.stream.as_str(), &event.event_type)
    }

    /// Whether an event of this type in this stream passes.
    pub fn matches_names(&self, stream: &str, event_type: &str) -> bool {
        let choice = &*self.0;
        (choice.system || !(stream.starts_with('$') || event_type.starts_with('$')))
            && (!choice.chooses_streams() || choice.stream_matches(stream))
            && (!choice.chooses_types() || choice.type_matches(event_type))
    }
}

impl Choice {
    fn chooses_streams(&self) -> bool {
        !(self.streams.is_empty() && self.categories.is_empty() && self.stream_prefixes.is_empty())
    }

    fn chooses_types(&self) -> bool {
        !(self.event_types.is_empty() && self.event_type_prefixes.is_empty())
    }

    fn stream_matches(&self, stream: &str) -> bool {
        self.streams.iter().any(|name| name == stream)
            || self.stream_prefixes.iter().any(|prefix| stream.starts_with(prefix.as_str()))
            || stream
                .split_once('-')
                .is_some_and(|(category, _)| self.categories.iter().any(|name| name == category))
    }

    fn type_matches(&self, event_type: &str) -> bool {
        self.event_types.iter().any(|name| name == event_type)
            || self.event_type_prefixes.iter().any(|prefix| event_type.starts_with(prefix.as_str()))
    }
}
