//! Handlers and read models for people.

use std::io::{self, Write};

use engine::{
    listen::{HandlerReport, HandlerState, ParkedSequence, ResetPreview, ownership::NodeReport},
    read_models::ProjectionReport,
    store::RecordedEvent,
};

use super::{
    Done,
    human::{ASIDE, NAME, counted, write_event},
    table,
};

/// Writes how handlers are doing, as a table.
pub(super) fn write_handlers(out: &mut impl Write, reports: &[HandlerReport]) -> io::Result<()> {
    if reports.is_empty() {
        return writeln!(out, "{ASIDE}nothing listens to events{ASIDE:#}");
    }
    let row = |report: &HandlerReport| {
        vec![
            report.name.clone(),
            report.state.word().to_owned(),
            lag(report),
            report.parked_keys.to_string(),
            report.checkpoint.map_or_else(|| "-".to_owned(), |position| position.to_string()),
            owners(&report.owners),
        ]
    };
    let rows: Vec<_> = reports.iter().map(row).collect();
    table::write(out, &["handler", "state", "lag", "parked", "position", "owner"], &rows)?;
    for report in reports {
        if let HandlerState::Stopped { .. } | HandlerState::Failing { .. } | HandlerState::TakenOver { .. } =
            &report.state
        {
            writeln!(out, "{NAME}{}{NAME:#}: {}", report.name, report.state)?;
        }
        if let Some(fault) = &report.fault {
            writeln!(out, "{NAME}{}{NAME:#}: {fault}", report.name)?;
        }
    }
    Ok(())
}

/// How far a handler is behind: in events, and in time.
fn lag(report: &HandlerReport) -> String {
    match report.lag_events {
        0 => "none".to_owned(),
        events => format!("{}, {} s", counted(events, "event"), report.lag_ms / 1_000),
    }
}

/// Who works on the partitions, each named once.
fn owners(owners: &[Option<String>]) -> String {
    let mut names: Vec<&str> = owners.iter().map(|owner| owner.as_deref().unwrap_or("nobody")).collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// Writes a sequence that was put aside.
pub(super) fn write_parked(out: &mut impl Write, sequence: &ParkedSequence) -> io::Result<()> {
    let ParkedSequence { key, stream, revision, event_type, error, attempts, waiting, .. } = sequence;
    let tries = counted(u64::from(*attempts), "try").replace("trys", "tries");
    writeln!(out, "{NAME}{key}{NAME:#}  {stream} @{revision} {event_type}  {error}")?;
    writeln!(
        out,
        "  {ASIDE}{tries}, {} behind it, {}{ASIDE:#}",
        counted(*waiting, "event"),
        sequence.parked_at()
    )
}

/// Writes a sequence that was put aside, and the event at fault.
pub(super) fn write_parked_event(
    out: &mut impl Write,
    sequence: &ParkedSequence,
    event: Option<&RecordedEvent>,
) -> io::Result<()> {
    write_parked(out, sequence)?;
    match event {
        Some(event) => write_event(out, event, true),
        None => writeln!(out, "{ASIDE}the event can no longer be read{ASIDE:#}"),
    }
}

/// Writes what a reset has led to, or would.
pub(super) fn write_reset(
    out: &mut impl Write,
    handler: &str,
    preview: bool,
    leads_to: &ResetPreview,
) -> io::Result<()> {
    let (does, forgets) = if preview { ("would handle", "forget") } else { ("handles", "forgets") };
    let ResetPreview { events, parked_keys } = leads_to;
    writeln!(
        out,
        "{NAME}{handler}{NAME:#} {does} {} again, and {forgets} {}",
        counted(*events, "event"),
        counted(*parked_keys as u64, "parked sequence")
    )
}

/// Writes that a handler has done what it was told.
pub(super) fn write_done(out: &mut impl Write, done: &Done<'_>) -> io::Result<()> {
    let Done { handler, what, events } = done;
    match events {
        None => writeln!(out, "{NAME}{handler}{NAME:#} {what}"),
        Some(events) => writeln!(out, "{NAME}{handler}{NAME:#}: {what} {}", counted(*events, "event")),
    }
}

/// Writes how read models are doing, as a table.
pub(super) fn write_projections(out: &mut impl Write, reports: &[ProjectionReport]) -> io::Result<()> {
    if reports.is_empty() {
        return writeln!(out, "{ASIDE}there are no read models{ASIDE:#}");
    }
    let rows: Vec<_> = reports.iter().map(projection).collect();
    table::write(out, &["projection", "version", "generation", "state", "position", "place"], &rows)
}

fn projection(report: &ProjectionReport) -> Vec<String> {
    let state = match (&report.fault, &report.rebuild, report.percent) {
        (Some(fault), ..) => fault.clone(),
        (_, Some(_), _) => "shown, and built anew".to_owned(),
        (_, _, Some(percent)) => format!("being built: {percent} %"),
        _ => "shown".to_owned(),
    };
    vec![
        report.name.to_owned(),
        report.version.to_string(),
        report.generation.to_string(),
        state,
        report.position.map_or_else(|| "-".to_owned(), |position| position.to_string()),
        report.place.to_owned(),
    ]
}

/// Writes that a read model was built anew.
pub(super) fn write_rebuilt(out: &mut impl Write, report: &ProjectionReport, events: u64) -> io::Result<()> {
    writeln!(
        out,
        "{NAME}{}{NAME:#} was built anew from {}, and is shown {ASIDE}(generation {}){ASIDE:#}",
        report.name,
        counted(events, "event"),
        report.generation
    )
}

/// Writes the processes that share the store, as a table: one line for each handler that a node works on.
pub(super) fn write_nodes(out: &mut impl Write, nodes: &[NodeReport]) -> io::Result<()> {
    if nodes.is_empty() {
        return writeln!(out, "{ASIDE}no process shares this store at the moment{ASIDE:#}");
    }
    let mut rows = Vec::new();
    for node in nodes {
        let named = |handler: &str, partitions: String| {
            vec![node.name.clone(), node.state.word().to_owned(), handler.to_owned(), partitions]
        };
        for work in &node.work {
            let partitions: Vec<_> = work.partitions.iter().map(usize::to_string).collect();
            rows.push(named(&work.handler, format!("{} of {}", partitions.join(", "), work.of)));
        }
        if node.work.is_empty() {
            rows.push(named("nothing", String::new()));
        }
    }
    table::write(out, &["node", "state", "handler", "partitions"], &rows)
}
