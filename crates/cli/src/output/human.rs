//! Answers for people: short lines, with colours that the stream takes out where they are not wanted.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use anstyle::{AnsiColor, Effects, Style as Ansi};
use engine::{
    JsonReceipt, Revision, StreamName,
    runtime::map::Map,
    store::{ContentType, RecordedEvent, VerifyReport, transfer::Imported},
};
use serde_json::Value;

use super::{Answer, human_help, human_listening, human_processes, human_upkeep, raw_json, table};
use crate::{args::MapFormat, exit::Exit, failure::Failure};

pub(super) const STREAM: Ansi = AnsiColor::Cyan.on_default();
pub(super) const NAME: Ansi = Ansi::new().effects(Effects::BOLD);
pub(super) const ASIDE: Ansi = Ansi::new().effects(Effects::DIMMED);
const ERROR: Ansi = AnsiColor::Red.on_default().effects(Effects::BOLD);
const WARNING: Ansi = AnsiColor::Yellow.on_default().effects(Effects::BOLD);
const GOOD: Ansi = AnsiColor::Green.on_default();

/// What depends on where the answer goes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Style {
    /// States are spread over lines for a reader, and kept on one line for a program.
    pub(super) on_a_terminal: bool,
}

/// Writes an answer.
pub(super) fn write(out: &mut impl Write, answer: &Answer<'_>, style: Style) -> io::Result<()> {
    match answer {
        Answer::Accepted(receipt) => write_receipt(out, receipt),
        Answer::Decided(events) => {
            for event in *events {
                writeln!(
                    out,
                    "{ASIDE}would emit{ASIDE:#}  {NAME}{}{NAME:#} {}",
                    event.event_type, event.data
                )?;
            }
            if events.is_empty() { writeln!(out, "{ASIDE}would emit nothing{ASIDE:#}") } else { Ok(()) }
        }
        Answer::State { stream, revision, state } => write_state(out, stream, *revision, state, style),
        Answer::Event { event, in_all } => write_event(out, event, *in_all),
        Answer::Stream(info) => writeln!(out, "{}", place(info.stream.as_str(), Some(info.last))),
        Answer::Answered { answer, .. } => table::write_answer(out, answer),
        Answer::Handlers(reports) => human_listening::write_handlers(out, reports),
        Answer::Parked(sequence) => human_listening::write_parked(out, sequence),
        Answer::ParkedEvent { sequence, event } => human_listening::write_parked_event(out, sequence, *event),
        Answer::Reset { handler, preview, leads_to } => {
            human_listening::write_reset(out, handler, *preview, leads_to)
        }
        Answer::Done(done) => human_listening::write_done(out, done),
        Answer::Projections(reports) => human_listening::write_projections(out, reports),
        Answer::Rebuilt { report, events } => human_listening::write_rebuilt(out, report, *events),
        Answer::Instances(instances) => human_processes::write_instances(out, instances),
        Answer::Instance(report) => human_processes::write_instance(out, report),
        Answer::Timers(timers) => human_processes::write_timers(out, timers),
        Answer::TimerSet(timer) => human_processes::write_timer_set(out, timer),
        Answer::TimerCancelled(timer) => writeln!(out, "timer {timer} is cancelled"),
        Answer::InstanceDone(done) => human_processes::write_done(out, done),
        Answer::Nodes(nodes) => human_listening::write_nodes(out, nodes),
        Answer::Migrated { from, to } if from == to => writeln!(out, "the schema is of version {to} already"),
        Answer::Migrated { from: 0, to } => writeln!(out, "the schema was made, of version {to}"),
        Answer::Migrated { from, to } => writeln!(out, "the schema was migrated from version {from} to {to}"),
        Answer::Verified(report) => write_report(out, report),
        Answer::BackedUp { report, destination } => human_upkeep::write_backed_up(out, report, destination),
        Answer::Restored { report, source } => human_upkeep::write_restored(out, report, source),
        Answer::Measured(stats) => human_upkeep::write_stats(out, stats),
        Answer::Scavenged(report) => human_upkeep::write_scavenged(out, report),
        Answer::Exported { events, after: None, file } => {
            writeln!(out, "exported {} to {}", counted(*events, "event"), file.display())
        }
        Answer::Exported { events, after: Some(after), file } => {
            writeln!(
                out,
                "exported {} to {}, after position {after}",
                counted(*events, "event"),
                file.display()
            )
        }
        Answer::Imported(imported) => write_imported(out, imported),
        #[cfg(feature = "serve")]
        Answer::Serving { address, tls, store, app } => {
            let url = format!("kurrentdb://{address}?tls={tls}");
            writeln!(out, "serving {store} at {STREAM}{url}{STREAM:#} {ASIDE}(Ctrl-C stops it){ASIDE:#}")?;
            let (what, scheme) = (app.unwrap_or("the store"), if *tls { "https" } else { "http" });
            let hint = "the first user is `admin`, with the password `changeit`";
            writeln!(
                out,
                "console of {what} at {STREAM}{scheme}://{address}{STREAM:#} {ASIDE}({hint}){ASIDE:#}"
            )
        }
        Answer::Map(map, format) => write_map(out, map, *format),
        Answer::Process(process, format) => match format {
            MapFormat::Text => write!(out, "{process}"),
            MapFormat::Mermaid => write!(out, "{}", process.to_state_diagram().unwrap_or_default()),
            MapFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(process)?),
        },
        Answer::Overview { grammar, map } => human_help::write_overview(out, grammar, map),
        Answer::Command { category, command } => human_help::write_command(out, category, command),
        Answer::Query { projection, query } => human_help::write_query(out, projection, query),
        Answer::Help(text) => writeln!(out, "{}", text.trim_end()),
        Answer::Version(text) => writeln!(out, "{text}"),
    }
}

/// Writes what went wrong, and what to do.
pub(super) fn write_failure(out: &mut impl Write, failure: &Failure) -> io::Result<()> {
    let word = match failure.kind {
        "not_found" => "not found",
        // Nobody refused these: the command took effect, or may have.
        "timeout" | "not_yet_handled" | "being_built" => "error",
        kind if Exit::of_kind(kind) == Exit::Refused => "refused",
        _ => "error",
    };
    write!(out, "{ERROR}{word}:{ERROR:#} {}", printable(&failure.message))?;
    match &failure.advice {
        Some(advice) if advice.contains('\n') => writeln!(out, "{advice}"),
        Some(advice) => writeln!(out, " {ASIDE}({advice}){ASIDE:#}"),
        None => writeln!(out),
    }
}

/// Writes a warning as one line.
pub(super) fn write_warning(out: &mut impl Write, warning: &str) -> io::Result<()> {
    writeln!(out, "{WARNING}warning:{WARNING:#} {}", printable(warning))
}

/// How many there are, in words.
pub(super) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn write_imported(out: &mut impl Write, imported: &Imported) -> io::Result<()> {
    let Imported { events, already_there, in_closed_streams } = *imported;
    write!(out, "imported {}", counted(events, "event"))?;
    if already_there > 0 {
        write!(out, "; {} there already", counted(already_there, "event"))?;
    }
    if in_closed_streams > 0 {
        write!(
            out,
            "; {} left out, of streams that are closed for ever",
            counted(in_closed_streams, "event")
        )?;
    }
    writeln!(out)
}

fn write_receipt(out: &mut impl Write, receipt: &JsonReceipt) -> io::Result<()> {
    let aside = if receipt.duplicate { "  (answered before)" } else { "" };
    let last = receipt.revision.revision();
    if receipt.events.is_empty() {
        return writeln!(
            out,
            "{}  {ASIDE}nothing happened{aside}{ASIDE:#}",
            place(receipt.stream.as_str(), last)
        );
    }
    for (index, event) in receipt.events.iter().enumerate() {
        let behind = (receipt.events.len() - 1 - index) as u64;
        let revision = last.map(|last| Revision(last.0.saturating_sub(behind)));
        writeln!(
            out,
            "{}  {NAME}{}{NAME:#} {}{ASIDE}{aside}{ASIDE:#}",
            place(receipt.stream.as_str(), revision),
            event.event_type,
            event.data
        )?;
    }
    Ok(())
}

fn write_state(
    out: &mut impl Write,
    stream: &StreamName,
    revision: Revision,
    state: &Value,
    style: Style,
) -> io::Result<()> {
    if style.on_a_terminal {
        writeln!(out, "{}", place(stream.as_str(), Some(revision)))?;
        writeln!(out, "{state:#}")
    } else {
        writeln!(out, "{state}")
    }
}

pub(super) fn write_event(out: &mut impl Write, event: &RecordedEvent, in_all: bool) -> io::Result<()> {
    if in_all {
        write!(out, "{ASIDE}{:>6}{ASIDE:#}  ", event.position)?;
    }
    write!(
        out,
        "{}  {NAME}{}{NAME:#} ",
        place(event.stream.as_str(), Some(event.revision)),
        event.event_type
    )?;
    match raw_json::parse(&event.data).filter(|_| event.content_type == ContentType::Json) {
        Some(json) => write!(out, "{}", json.get())?,
        None => write!(out, "{ASIDE}{} bytes{ASIDE:#}", event.data.len())?,
    }
    writeln!(out, "  {ASIDE}{}{ASIDE:#}", event.created)
}

fn write_report(out: &mut impl Write, report: &VerifyReport) -> io::Result<()> {
    for fault in &report.faults {
        writeln!(out, "{ERROR}damaged:{ERROR:#} {}: {}", printable(&fault.place), printable(&fault.fault))?;
    }
    let mut checked = counted(report.events, "event");
    for (count, what) in [(report.segments, "segment"), (report.bytes, "byte")] {
        if count > 0 {
            let _ = write!(checked, ", {}", counted(count, what));
        }
    }
    if let Some(chain) = &report.chain {
        let (from, behind, link) = (chain.from, chain.next_position, &chain.link);
        writeln!(
            out,
            "{ASIDE}hash chain from position {from} to before {behind}, last link{ASIDE:#} {link}"
        )?;
    }
    match report.faults.len() {
        0 => writeln!(out, "{GOOD}whole:{GOOD:#} {checked}"),
        count => writeln!(
            out,
            "{ERROR}error:{ERROR:#} the store is damaged: {} in {checked}. Keep a copy of the files",
            counted(count as u64, "fault")
        ),
    }
}

fn write_map(out: &mut impl Write, map: &Map, format: MapFormat) -> io::Result<()> {
    match format {
        MapFormat::Text => write!(out, "{map}"),
        MapFormat::Mermaid => {
            write!(out, "{}", map.to_mermaid())?;
            for (name, diagram) in map.state_diagrams() {
                write!(out, "\n---\ntitle: {name}\n---\n{diagram}")?;
            }
            Ok(())
        }
        MapFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(map)?),
    }
}

/// A stream and a place in it: `account-jsdf @1`.
fn place(stream: &str, revision: Option<Revision>) -> String {
    match revision {
        Some(revision) => format!("{STREAM}{stream}{STREAM:#} {ASIDE}@{revision}{ASIDE:#}"),
        None => format!("{STREAM}{stream}{STREAM:#}"),
    }
}

/// Text that leaves the terminal as it is: control characters are spelled out.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\n' {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use engine::{CommandId, CorrelationId, CurrentRevision, JsonEvent, Position};
    use serde_json::json;

    use super::*;

    fn plain(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        anstream::adapter::strip_bytes(&out).into_vec().try_into().unwrap()
    }

    fn receipt(events: Vec<JsonEvent>) -> JsonReceipt {
        let id = CommandId(uuid::Uuid::nil());
        JsonReceipt {
            stream: StreamName::new("account-jsdf").unwrap(),
            revision: CurrentRevision::At(Revision(2)),
            position: Some(Position(7)),
            events,
            state: None,
            command_id: id,
            correlation_id: CorrelationId::from(id.0),
            duplicate: false,
        }
    }

    fn deposited(amount: u64) -> JsonEvent {
        JsonEvent { event_type: "MoneyDeposited", data: json!({"amount": amount}) }
    }

    #[test]
    fn every_event_of_a_command_has_its_own_revision() {
        let receipt = receipt(vec![deposited(23), deposited(u64::MAX)]);
        assert_eq!(
            plain(|out| write_receipt(out, &receipt)),
            "account-jsdf @1  MoneyDeposited {\"amount\":23}\n\
             account-jsdf @2  MoneyDeposited {\"amount\":18446744073709551615}\n"
        );
    }

    #[test]
    fn a_command_without_events_says_so() {
        assert_eq!(
            plain(|out| write_receipt(out, &receipt(Vec::new()))),
            "account-jsdf @2  nothing happened\n"
        );
    }

    #[test]
    fn refusals_and_errors_are_told_apart_and_leave_the_terminal_alone() {
        let told = |failure: Failure| plain(|out| write_failure(out, &failure));
        assert_eq!(told(Failure::new("rejected", "no \u{7} money")), "refused: no \\u{7} money\n");
        assert_eq!(told(Failure::usage("what?").advising("try `help`")), "error: what? (try `help`)\n");
        assert_eq!(told(Failure::not_found("nobody")), "not found: nobody\n");
    }

    #[test]
    fn a_state_is_one_line_for_programs() {
        let stream = StreamName::new("account-jsdf").unwrap();
        let state = json!({"balance": 23});
        let shown = |on_a_terminal| {
            plain(|out| write_state(out, &stream, Revision(1), &state, Style { on_a_terminal }))
        };
        assert_eq!(shown(false), "{\"balance\":23}\n");
        assert_eq!(shown(true), "account-jsdf @1\n{\n  \"balance\": 23\n}\n");
    }
}
