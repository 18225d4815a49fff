//! The shapes of trees.

use engine_store::{ContentType, RecordedEvent, Timestamp};
use engine_types::{CausationId, Metadata, Position, Revision};
use serde_json::json;
use uuid::Uuid;

use super::*;

fn recorded(id: u128, stream: &str, event_type: &str, at: i64, data: &serde_json::Value) -> RecordedEvent {
    RecordedEvent {
        stream: stream.parse().expect("a name"),
        revision: Revision(0),
        position: Position(0),
        id: Uuid::from_u128(id),
        event_type: event_type.into(),
        content_type: ContentType::Json,
        data: data.to_string().into(),
        metadata: bytes::Bytes::new(),
        created: Timestamp::from_micros(at),
    }
}

fn traced(id: u128, command: &str, cause: Option<u128>, at: i64) -> Traced {
    let cause = cause.map(|cause| CausationId(Uuid::from_u128(cause).to_string()));
    let metadata = Metadata {
        causation_id: Some(command.into()),
        command: Some(command.to_uppercase()),
        command_causation_id: cause,
        ..Metadata::default()
    };
    Traced { event: recorded(id, "a-1", "E", at, &json!({})), metadata }
}

/// The command of this number.
fn command(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

/// A process manager heard an event and decided a command, at once or at a time.
fn heard(id: u128, event: u128, sends: u128, timer: Option<&str>, at: i64) -> Traced {
    let decided = json!({ "id": command(sends), "name": "D", "target": "b-1", "body": {} });
    let decided = match timer {
        None => json!({ "commands": [decided] }),
        Some(name) => json!({ "timers": [{ "set": { "name": name, "due_us": 9, "command": decided } }] }),
    };
    let event = json!({
        "id": command(event), "stream": "a-1", "revision": 0, "position": 0, "recorded_at_us": 0, "type": "E",
        "version": 1, "data": {}, "metadata": {},
    });
    let data = json!({ "process_version": 1, "event": event, "decided": decided });
    Traced { event: recorded(id, "p-1", "$ProcessHandled", at, &data), metadata: Metadata::default() }
}

fn shape(nodes: &[Node]) -> String {
    let one = |node: &Node| {
        let name = match &node.what {
            What::Command { name, .. } => name.clone().unwrap_or_else(|| "?".to_owned()),
            What::Event(place) => place.to_string(),
            What::Step(place) => format!("step{place}"),
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
    assert_eq!(shape(&nodes), "C(0 1(D(2))) X(3)");
    assert_eq!(nodes[0].caused[1].caused[0].caused[0].after_us, Some(70));
}

#[test]
fn a_step_stands_between_what_was_heard_and_the_commands_that_it_decided() {
    let answer = traced(3, &command(77), Some(1), 90);
    let nodes = tree(&[traced(1, "c", None, 0), heard(2, 1, 77, None, 30), answer]);
    assert_eq!(shape(&nodes), "C(0(step1(D(2))))");
    let step = &nodes[0].caused[0].caused[0];
    assert_eq!((step.after_us, step.caused[0].caused[0].after_us), (Some(30), Some(60)));
}

#[test]
fn a_refused_command_leads_back_to_its_process_manager() {
    let refused = json!({
        "process_version": 1, "command": command(77), "attempt": 1, "kind": "rejected", "message": "no", "at_us": 40,
        "decided": { "commands": [{ "id": command(78), "name": "U", "target": "a-1", "body": {} }] },
    });
    let refused = recorded(3, "p-1", "$ProcessRefused", 40, &refused);
    let refused = Traced { event: refused, metadata: Metadata::default() };
    let nodes = tree(&[traced(1, "c", None, 0), heard(2, 1, 77, None, 30), refused]);
    assert_eq!(shape(&nodes), "C(0(step1(D(step2(U)))))");
}

#[test]
fn a_command_that_waited_for_a_timer_stands_under_the_step_that_says_that_it_was_due() {
    let due = json!({ "name": "late", "command": command(77), "at_us": 50 });
    let due = Traced { event: recorded(3, "p-1", "$ProcessTimer", 50, &due), metadata: Metadata::default() };
    let answer = traced(4, &command(77), Some(1), 60);
    let nodes = tree(&[traced(1, "c", None, 0), heard(2, 1, 77, Some("late"), 30), due, answer]);
    assert_eq!(shape(&nodes), "C(0(step1(step2(D(3)))))");
}

#[test]
fn events_that_claim_to_have_caused_each_other_still_are_a_tree() {
    let events = [traced(1, "c", Some(2), 0), traced(2, "d", Some(1), 0)];
    assert_eq!(shape(&tree(&events)), "C(0(D(1)))");
}
