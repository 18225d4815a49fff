//! The causes of events as a tree: commands under the events that caused them, events under their commands.

use std::collections::HashMap;

use super::Traced;

/// A command or an event, and what it caused.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) what: What,
    /// How long after its cause it was stored, in microseconds; absent where that is not known.
    pub(crate) after_us: Option<u64>,
    pub(crate) caused: Vec<Node>,
}

/// What a node stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A command, by its id; known only by its events.
    Command(String),
    /// An event, by its place in the trace.
    Event(usize),
}

/// Orders events by what caused them. What was caused by something outside the trace is a root.
pub(crate) fn tree(events: &[Traced]) -> Vec<Node> {
    let places: HashMap<String, usize> =
        events.iter().enumerate().map(|(place, traced)| (traced.event.id.to_string(), place)).collect();
    // Commands in the order of their first event, each with its cause and its events.
    let mut commands: Vec<(String, Option<usize>, Vec<usize>)> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for (place, traced) in events.iter().enumerate() {
        let id = traced.metadata.causation_id.as_ref().map_or_else(|| format!("?{place}"), |id| id.0.clone());
        let at = *known.entry(id.clone()).or_insert_with(|| {
            let cause = traced.metadata.command_causation_id.as_ref();
            // Only what came before can be a cause, so that what others have written is a tree too.
            let cause = cause.and_then(|cause| places.get(&cause.0).copied()).filter(|cause| *cause < place);
            commands.push((id, cause, Vec::new()));
            commands.len() - 1
        });
        commands[at].2.push(place);
    }
    let mut caused: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
    for (at, (_, cause, _)) in commands.iter().enumerate() {
        caused.entry(*cause).or_default().push(at);
    }
    let roots = caused.get(&None).cloned().unwrap_or_default();
    roots.into_iter().map(|at| command(at, None, events, &commands, &caused)).collect()
}

type Commands = [(String, Option<usize>, Vec<usize>)];

fn command(
    at: usize,
    cause: Option<usize>,
    events: &[Traced],
    commands: &Commands,
    caused: &HashMap<Option<usize>, Vec<usize>>,
) -> Node {
    let (id, _, its_events) = &commands[at];
    let created = |place: usize| events[place].event.created;
    let after = cause.zip(its_events.first());
    let after_us = after.map(|(cause, first)| {
        u64::try_from(created(*first).since(created(cause)).as_micros()).unwrap_or(u64::MAX)
    });
    let event = |place: &usize| Node {
        what: What::Event(*place),
        after_us: None,
        caused: caused
            .get(&Some(*place))
            .into_iter()
            .flatten()
            .map(|at| command(*at, Some(*place), events, commands, caused))
            .collect(),
    };
    Node { what: What::Command(id.clone()), after_us, caused: its_events.iter().map(event).collect() }
}

#[cfg(test)]
mod tests {
    use engine_store::{ContentType, RecordedEvent, Timestamp};
    use engine_types::{CausationId, Metadata, Position, Revision};
    use uuid::Uuid;

    use super::*;

    fn traced(id: u128, command: &str, cause: Option<u128>, at: i64) -> Traced {
        let event = RecordedEvent {
            stream: "a-1".parse().expect("a name"),
            revision: Revision(0),
            position: Position(0),
            id: Uuid::from_u128(id),
            event_type: "E".into(),
            content_type: ContentType::Json,
            data: bytes::Bytes::new(),
            metadata: bytes::Bytes::new(),
            created: Timestamp::from_micros(at),
        };
        let cause = cause.map(|cause| CausationId(Uuid::from_u128(cause).to_string()));
        let metadata = Metadata {
            causation_id: Some(command.into()),
            command_causation_id: cause,
            ..Metadata::default()
        };
        Traced { event, metadata }
    }

    fn shape(nodes: &[Node]) -> String {
        let one = |node: &Node| {
            let name = match &node.what {
                What::Command(id) => id.clone(),
                What::Event(place) => place.to_string(),
            };
            if node.caused.is_empty() { name } else { format!("{name}({})", shape(&node.caused)) }
        };
        nodes.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn commands_stand_under_the_event_that_caused_them_and_events_under_their_command() {
        let events = [
            traced(1, "c", None, 0),
            traced(2, "c", None, 0),
            traced(3, "d", Some(2), 70),
            traced(4, "x", Some(99), 80),
        ];
        let nodes = tree(&events);
        assert_eq!(shape(&nodes), "c(0 1(d(2))) x(3)");
        assert_eq!(nodes[0].caused[1].caused[0].after_us, Some(70));
    }

    #[test]
    fn events_that_claim_to_have_caused_each_other_still_are_a_tree() {
        let events = [traced(1, "c", Some(2), 0), traced(2, "d", Some(1), 0)];
        assert_eq!(shape(&tree(&events)), "c(0(d(1)))");
    }
}
