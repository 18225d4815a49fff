//! Answers as JSON: one object per line. The forms are a contract with other programs.

use std::io::{self, Write};

use engine::{
    JsonEvent, JsonReceipt, Revision, StreamName,
    listen::{ParkedSequence, ResetPreview},
    runtime::map::{CommandDescription, Map, ProcessDescription, QueryDescription},
    store::{ChainReport, ContentType, Fault, RecordedEvent, VerifyReport, transfer::Imported},
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Answer,
    raw_json::{self, Stored},
};
use crate::{args::MapFormat, failure::Failure};

/// Something that went well.
#[derive(Serialize)]
struct Fine<T> {
    ok: bool,
    #[serde(flatten)]
    what: T,
}

/// A state.
#[derive(Serialize)]
struct Shown<'a> {
    ok: bool,
    stream: &'a StreamName,
    revision: Revision,
    state: &'a Value,
}

/// A command that was only decided.
#[derive(Serialize)]
struct Decided<'a> {
    ok: bool,
    dry_run: bool,
    events: &'a [JsonEvent],
}

/// An event as it was read.
#[derive(Serialize)]
struct Recorded<'a> {
    stream: &'a StreamName,
    revision: u64,
    position: u64,
    id: uuid::Uuid,
    #[serde(rename = "type")]
    event_type: &'a str,
    data: Stored,
    metadata: Stored,
    created: engine::store::Timestamp,
    /// Absent where the data is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'static str>,
}

/// A parked sequence with the event at fault; absent where it can no longer be read.
#[derive(Serialize)]
struct ParkedEvent<'a> {
    #[serde(flatten)]
    sequence: &'a ParkedSequence,
    event: Option<Recorded<'a>>,
}

/// What a reset has led to, or would.
#[derive(Serialize)]
struct Reset<'a> {
    handler: &'a str,
    preview: bool,
    #[serde(flatten)]
    leads_to: &'a ResetPreview,
}

/// Something of a process manager.
#[derive(Serialize)]
struct OfProcess<'a, T> {
    process: &'a str,
    #[serde(flatten)]
    what: &'a T,
}

/// A check of the store.
#[derive(Serialize)]
struct Verified<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
    segments: u64,
    events: u64,
    documents: u64,
    bytes: u64,
    faults: &'a [Fault],
    #[serde(skip_serializing_if = "Option::is_none")]
    chain: Option<&'a ChainReport>,
}

/// Writes an answer as one line.
pub(super) fn write(out: &mut impl Write, answer: &Answer<'_>) -> io::Result<()> {
    match answer {
        Answer::Accepted(receipt) => line(out, &accepted(receipt)),
        Answer::Decided(events) => line(out, &Decided { ok: true, dry_run: true, events }),
        Answer::State { stream, revision, state } => {
            line(out, &Shown { ok: true, stream, revision: *revision, state })
        }
        Answer::Event { event, .. } => line(out, &event_form(event)),
        Answer::Stream(info) => line(out, &json!({"stream": info.stream, "revision": info.last})),
        Answer::Answered { query, answer } => {
            line(out, &json!({"ok": true, "query": query, "answer": answer}))
        }
        Answer::Handlers(reports) => reports.iter().try_for_each(|report| line(out, report)),
        Answer::Parked(sequence) => line(out, sequence),
        Answer::ParkedEvent { sequence, event } => {
            line(out, &Fine { ok: true, what: ParkedEvent { sequence, event: event.map(event_form) } })
        }
        Answer::Reset { handler, preview, leads_to } => {
            line(out, &Fine { ok: true, what: Reset { handler, preview: *preview, leads_to } })
        }
        Answer::Done(done) => line(out, &Fine { ok: true, what: done }),
        Answer::Projections(reports) => reports.iter().try_for_each(|report| line(out, report)),
        Answer::Rebuilt { report, events } => {
            let (name, generation) = (report.name, report.generation);
            line(out, &json!({"ok": true, "projection": name, "generation": generation, "events": events}))
        }
        Answer::Instances(instances) => instances
            .iter()
            .try_for_each(|(process, instance)| line(out, &OfProcess { process, what: instance })),
        Answer::Instance(report) => line(out, &Fine { ok: true, what: report }),
        Answer::Timers(timers) => timers.iter().try_for_each(|timer| line(out, timer)),
        Answer::TimerSet(timer) => line(out, &Fine { ok: true, what: timer }),
        Answer::TimerCancelled(timer) => line(out, &json!({"ok": true, "timer": timer})),
        Answer::InstanceDone(done) => line(out, &Fine { ok: true, what: done }),
        Answer::Nodes(nodes) => nodes.iter().try_for_each(|node| line(out, node)),
        Answer::Migrated { from, to } => line(out, &json!({"ok": true, "from": from, "to": to})),
        Answer::Verified(report) => line(out, &verified(report)),
        Answer::BackedUp { report, .. } | Answer::Restored { report, .. } => {
            line(out, &Fine { ok: true, what: report })
        }
        Answer::Measured(stats) => line(out, &Fine { ok: true, what: stats }),
        Answer::Scavenged(report) => line(out, &Fine { ok: true, what: report }),
        Answer::Exported { events, after, file } => {
            line(out, &json!({"ok": true, "events": events, "after": after, "file": file}))
        }
        Answer::Imported(Imported { events, already_there, in_closed_streams }) => line(
            out,
            &json!({
                "ok": true,
                "events": events,
                "already_there": already_there,
                "in_closed_streams": in_closed_streams,
            }),
        ),
        #[cfg(feature = "serve")]
        Answer::Serving { address, tls, store, app } => {
            line(out, &json!({"ok": true, "listening": address, "tls": tls, "store": store, "app": app}))
        }
        Answer::Map(map, format) => line(out, &map_form(map, *format)),
        Answer::Process(process, format) => line(out, &process_form(process, *format)),
        Answer::Overview { map, .. } => {
            let commands: Vec<_> = map.commands().map(|(category, it)| command(category, it)).collect();
            let queries: Vec<_> = map.queries().map(|(projection, it)| query(projection, it)).collect();
            line(out, &json!({"ok": true, "commands": commands, "queries": queries}))
        }
        Answer::Command { category, command: it } => {
            line(out, &json!({"ok": true, "command": command(category, it)}))
        }
        Answer::Query { projection, query: it } => {
            line(out, &json!({"ok": true, "query": query(projection, it)}))
        }
        Answer::Help(text) => line(out, &json!({"ok": true, "help": text})),
        Answer::Version(text) => line(out, &json!({"ok": true, "version": text})),
    }
}

/// Writes what went wrong as one line.
pub(super) fn write_failure(out: &mut impl Write, failure: &Failure) -> io::Result<()> {
    line(out, &json!({"ok": false, "error": failure}))
}

fn line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

fn accepted(receipt: &JsonReceipt) -> Fine<&JsonReceipt> {
    Fine { ok: true, what: receipt }
}

fn event_form(event: &RecordedEvent) -> Recorded<'_> {
    let data = match event.content_type {
        ContentType::Json => raw_json::parse_or_encode(&event.data),
        ContentType::Binary => Stored::Binary(raw_json::encode(&event.data)),
    };
    let metadata = if event.metadata.is_empty() { &b"{}"[..] } else { &event.metadata };
    Recorded {
        stream: &event.stream,
        revision: event.revision.0,
        position: event.position.0,
        id: event.id,
        event_type: &event.event_type,
        content_type: matches!(data, Stored::Binary(_)).then_some("application/octet-stream"),
        data,
        metadata: raw_json::parse_or_encode(metadata),
        created: event.created,
    }
}

fn verified(report: &VerifyReport) -> Verified<'_> {
    let faults = report.faults.len();
    let error = (faults > 0).then(|| {
        Failure::new(
            "corrupt",
            format!("the store is damaged: {}", super::human::counted(faults as u64, "fault")),
        )
    });
    Verified {
        ok: faults == 0,
        error,
        segments: report.segments,
        events: report.events,
        documents: report.documents,
        bytes: report.bytes,
        faults: &report.faults,
        chain: report.chain.as_ref(),
    }
}

fn map_form(map: &Map, format: MapFormat) -> Value {
    match format {
        MapFormat::Json => json!(map),
        MapFormat::Text => json!({"ok": true, "format": "text", "map": map.to_string()}),
        MapFormat::Mermaid => {
            let machines: serde_json::Map<_, _> =
                map.state_diagrams().map(|(name, diagram)| (name.to_owned(), diagram.into())).collect();
            json!({"ok": true, "format": "mermaid", "map": map.to_mermaid(), "machines": machines})
        }
    }
}

fn process_form(process: &ProcessDescription, format: MapFormat) -> Value {
    match format {
        MapFormat::Json => json!(process),
        MapFormat::Text => json!({"ok": true, "format": "text", "process": process.to_string()}),
        MapFormat::Mermaid => {
            json!({"ok": true, "format": "mermaid", "process": process.to_state_diagram()})
        }
    }
}

fn command(category: &str, command: &CommandDescription) -> Value {
    joined(json!({"category": category}), json!(command))
}

fn query(projection: &str, query: &QueryDescription) -> Value {
    joined(json!({"projection": projection}), json!(query))
}

fn joined(mut form: Value, description: Value) -> Value {
    if let (Value::Object(form), Value::Object(description)) = (&mut form, description) {
        form.extend(description);
    }
    form
}

#[cfg(test)]
mod tests {
    use engine::{CommandId, CorrelationId, CurrentRevision, Position, store::Timestamp};

    use super::*;

    fn written(answer: &Answer<'_>) -> String {
        let mut out = Vec::new();
        write(&mut out, answer).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn event(data: &'static [u8], content_type: ContentType) -> RecordedEvent {
        RecordedEvent {
            stream: StreamName::new("account-jsdf").unwrap(),
            revision: Revision(1),
            position: Position(7),
            id: uuid::Uuid::nil(),
            event_type: "MoneyDeposited".into(),
            content_type,
            data: data.into(),
            metadata: Vec::new().into(),
            created: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn an_accepted_command_has_the_form_that_others_rely_on() {
        let id = CommandId(uuid::Uuid::nil());
        let receipt = JsonReceipt {
            stream: StreamName::new("account-jsdf").unwrap(),
            revision: CurrentRevision::At(Revision(1)),
            position: Some(Position(7)),
            events: Vec::new(),
            state: None,
            command_id: id,
            correlation_id: CorrelationId::from(id.0),
            duplicate: false,
        };
        let line = written(&Answer::Accepted(&receipt));
        let start =
            r#"{"ok":true,"stream":"account-jsdf","revision":1,"position":7,"events":[],"command_id":"#;
        assert!(line.starts_with(start) && line.ends_with("}\n"), "{line}");
    }

    #[test]
    fn a_read_event_is_one_line_with_its_data_untouched() {
        let event = event(b"{\"amount\":\n 123456789012345678901}", ContentType::Json);
        assert_eq!(
            written(&Answer::Event { event: &event, in_all: false }),
            "{\"stream\":\"account-jsdf\",\"revision\":1,\"position\":7,\
             \"id\":\"00000000-0000-0000-0000-000000000000\",\"type\":\"MoneyDeposited\",\
             \"data\":{\"amount\":123456789012345678901},\"metadata\":{},\
             \"created\":\"1970-01-01T00:00:00.000000Z\"}\n"
        );
    }

    #[test]
    fn a_parked_sequence_is_one_object_with_the_event_at_fault() {
        let event = event(b"{}", ContentType::Json);
        let sequence: ParkedSequence = serde_json::from_value(json!({
            "key": "account-jsdf", "position": 7, "stream": "account-jsdf", "revision": 1,
            "event_type": "MoneyDeposited", "error": "no", "attempts": 6, "parked_at_us": 0, "waiting": 2,
        }))
        .unwrap();
        let line = written(&Answer::ParkedEvent { sequence: &sequence, event: Some(&event) });
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&line["ok"], &line["error"], &line["waiting"]), (&json!(true), &json!("no"), &json!(2)));
        assert_eq!((&line["event"]["type"], &line["event"]["data"]), (&json!("MoneyDeposited"), &json!({})));
    }

    #[test]
    fn data_that_is_not_json_is_base64_and_says_so() {
        for event in [event(b"\xff", ContentType::Json), event(b"1", ContentType::Binary)] {
            let line = written(&Answer::Event { event: &event, in_all: false });
            assert!(line.contains(r#""content_type":"application/octet-stream""#), "{line}");
        }
    }

    #[test]
    fn damage_is_an_error_with_every_fault() {
        let fault = Fault { place: "segment 1".to_owned(), fault: "checksum".to_owned() };
        let report = VerifyReport { faults: vec![fault], ..VerifyReport::default() };
        let line: Value = serde_json::from_str(&written(&Answer::Verified(&report))).unwrap();
        assert_eq!((&line["ok"], &line["error"]["kind"]), (&json!(false), &json!("corrupt")));
        assert_eq!(line["faults"][0]["place"], "segment 1");
    }

    #[test]
    fn a_failure_names_kind_message_and_field() {
        let mut out = Vec::new();
        write_failure(&mut out, &Failure::new("invalid", "field `id`: is missing").of_field("id")).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"ok\":false,\"error\":{\"kind\":\"invalid\",\"message\":\"field `id`: is missing\",\
             \"field\":\"id\"}}\n"
        );
    }
}
