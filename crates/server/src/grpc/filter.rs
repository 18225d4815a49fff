//! Which events of all streams a client wants: by a regular expression or by beginnings, of streams or of types.

use engine_store::{Filter, RecordedEvent, filter::Choice};
use fancy_regex::{Regex, RegexBuilder};
use tonic::Status;

use crate::{
    limits::Limits,
    proto::{
        FilterOptions,
        filter_options::{self, Expression},
    },
};

/// How many records are looked at before a checkpoint is due, where the client leaves it to the node.
const DEFAULT_WINDOW: u64 = 32;

/// A choice of events: what the store can choose itself, and what is left to be tested here.
#[derive(Debug, Clone)]
pub(crate) struct EventFilter {
    store: Filter,
    test: Option<Test>,
}

#[derive(Debug, Clone)]
struct Test {
    of: Subject,
    regex: Regex,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Stream,
    EventType,
}

impl EventFilter {
    /// Every event.
    pub(crate) fn everything() -> Self {
        EventFilter { store: Filter::everything(), test: None }
    }

    pub(crate) fn parse(options: Option<&FilterOptions>, limits: &Limits) -> Result<Self, Status> {
        let Some(options) = options else { return Ok(EventFilter::everything()) };
        let (of, expression) = match &options.filter {
            Some(filter_options::Filter::StreamIdentifier(expression)) => (Subject::Stream, expression),
            Some(filter_options::Filter::EventType(expression)) => (Subject::EventType, expression),
            None => return Err(Status::invalid_argument("`filter` is missing")),
        };
        if expression.regex.is_empty() {
            return Ok(EventFilter { store: by_prefix(of, expression), test: None });
        }
        let regex =
            RegexBuilder::new(&expression.regex).backtrack_limit(limits.regex_steps).build().map_err(
                |fault| Status::invalid_argument(format!("the filter `{}`: {fault}", expression.regex)),
            )?;
        Ok(EventFilter { store: Filter::everything(), test: Some(Test { of, regex }) })
    }

    /// The part that the store carries out.
    pub(crate) fn for_store(&self) -> Filter {
        self.store.clone()
    }

    /// Whether an event that the store has let pass passes here too.
    ///
    /// # Errors
    /// The regular expression takes too long.
    pub(crate) fn matches(&self, event: &RecordedEvent) -> Result<bool, Status> {
        let Some(test) = &self.test else { return Ok(true) };
        let name = match test.of {
            Subject::Stream => event.stream.as_str(),
            Subject::EventType => &event.event_type,
        };
        test.regex.is_match(name).map_err(|fault| {
            Status::invalid_argument(format!("the filter `{}` on `{name}`: {fault}", test.regex))
        })
    }
}

fn by_prefix(of: Subject, expression: &Expression) -> Filter {
    let prefixes = expression.prefix.clone();
    let choice = Choice { system: true, ..Choice::default() };
    Filter::new(match of {
        Subject::Stream => Choice { stream_prefixes: prefixes, ..choice },
        Subject::EventType => Choice { event_type_prefixes: prefixes, ..choice },
    })
}

/// After how many records that were looked at a filtered subscription gets a checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window(pub(crate) u64);

impl Window {
    pub(crate) fn parse(options: &FilterOptions) -> Result<Self, Status> {
        let window = match options.window {
            Some(filter_options::Window::Max(0)) => {
                return Err(Status::invalid_argument("the filter's window must be at least 1"));
            }
            Some(filter_options::Window::Max(max)) => u64::from(max),
            Some(filter_options::Window::Count(_)) => DEFAULT_WINDOW,
            None => return Err(Status::invalid_argument("the filter's `window` is missing")),
        };
        match options.checkpoint_interval_multiplier {
            0 => Err(Status::invalid_argument("`checkpointIntervalMultiplier` must be at least 1")),
            multiplier => Ok(Window(window.saturating_mul(multiplier.into()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use engine_store::{ContentType, Timestamp};
    use engine_types::{Position, Revision, StreamName};

    use super::*;

    fn event(stream: &str, event_type: &str) -> RecordedEvent {
        RecordedEvent {
            stream: StreamName::new(stream).unwrap(),
            revision: Revision(0),
            position: Position(0),
            id: uuid::Uuid::nil(),
            event_type: event_type.into(),
            content_type: ContentType::Json,
            data: Bytes::new(),
            metadata: Bytes::new(),
            created: Timestamp::default(),
        }
    }

    fn options(of: Subject, regex: &str, prefix: &[&str]) -> FilterOptions {
        let prefix = prefix.iter().map(|text| (*text).to_owned()).collect();
        let expression = Expression { regex: regex.to_owned(), prefix };
        FilterOptions {
            filter: Some(match of {
                Subject::Stream => filter_options::Filter::StreamIdentifier(expression),
                Subject::EventType => filter_options::Filter::EventType(expression),
            }),
            window: Some(filter_options::Window::Max(5)),
            checkpoint_interval_multiplier: 3,
        }
    }

    fn passes(options: &FilterOptions, event: &RecordedEvent) -> bool {
        let filter = EventFilter::parse(Some(options), &Limits::default()).unwrap();
        filter.for_store().matches(event) && filter.matches(event).unwrap()
    }

    #[test]
    fn the_filter_that_clients_use_to_pass_over_the_system_looks_ahead() {
        let no_system = options(Subject::EventType, r"^(?!(\$.+$|PersistentConfig\d+$|Result$))", &[]);
        assert!(passes(&no_system, &event("account-1", "AccountOpened")));
        assert!(!passes(&no_system, &event("account-1", "$metadata")));
        assert!(!passes(&no_system, &event("account-1", "PersistentConfig1")));
    }

    #[test]
    fn beginnings_are_taken_literally_and_one_is_enough() {
        let of_streams = options(Subject::Stream, "", &["acc.", "$user"]);
        assert!(passes(&of_streams, &event("$user-admin", "$UserCreated")));
        assert!(!passes(&of_streams, &event("account-1", "AccountOpened")));
    }

    #[test]
    fn a_regular_expression_that_is_none_or_never_ends_is_refused() {
        let limits = Limits::default();
        let broken = EventFilter::parse(Some(&options(Subject::Stream, "(", &[])), &limits).unwrap_err();
        assert_eq!(broken.code(), tonic::Code::InvalidArgument);
        let endless = options(Subject::Stream, r"^(?!x)(a|aa)+\1b$", &[]);
        let filter = EventFilter::parse(Some(&endless), &limits).unwrap();
        assert!(filter.matches(&event(&"a".repeat(60), "x")).is_err());
    }

    #[test]
    fn a_window_is_multiplied_without_overflow_and_never_empty() {
        let mut options = options(Subject::Stream, "", &[]);
        assert_eq!(Window::parse(&options).unwrap(), Window(15));
        options.window = Some(filter_options::Window::Max(u32::MAX));
        options.checkpoint_interval_multiplier = u32::MAX;
        assert!(Window::parse(&options).is_ok());
        options.checkpoint_interval_multiplier = 0;
        assert!(Window::parse(&options).is_err());
    }
}
