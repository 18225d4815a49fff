//! Process managers for people: tables of instances, and one instance with its history.

use std::io::{self, Write};

use engine::{
    processes::{EntryReport, InstanceReport, Summary},
    timers::TimerReport,
};

use super::{
    InstanceDone,
    human::{ASIDE, NAME, STREAM, counted, printable},
    table,
};

/// Writes instances, as a table.
pub(super) fn write_instances(out: &mut impl Write, instances: &[(&str, Summary)]) -> io::Result<()> {
    let row = |(process, instance): &(&str, Summary)| {
        vec![
            (*process).to_owned(),
            instance.id.clone(),
            instance.state.word().to_owned(),
            instance.stage.unwrap_or("-").to_owned(),
            instance.timers.to_string(),
            instance.error.as_deref().map_or_else(String::new, |error| printable(&error.replace('\n', " "))),
        ]
    };
    let rows: Vec<_> = instances.iter().map(row).collect();
    table::write(out, &["process", "instance", "state", "stage", "timers", "why"], &rows)
}

/// Writes an instance: where it is, how it came there, and what it waits for.
pub(super) fn write_instance(out: &mut impl Write, report: &InstanceReport) -> io::Result<()> {
    let Summary { id, state, stage, .. } = &report.summary;
    let stage = stage.map_or_else(String::new, |stage| format!(", {stage}"));
    writeln!(out, "{NAME}{} {id}{NAME:#}  {}{stage}", report.process, state.word())?;
    if let Some(value) = &report.value {
        writeln!(out, "{value}")?;
    }
    for entry in &report.history {
        write_entry(out, entry)?;
    }
    for timer in &report.waiting {
        writeln!(
            out,
            "{ASIDE}waits:{ASIDE:#} {NAME}{}{NAME:#} for {STREAM}{}{STREAM:#} is due {} {ASIDE}(timer {}){ASIDE:#}",
            timer.command,
            timer.target,
            timer.due,
            printable(&timer.name)
        )?;
    }
    if let Some(parked) = &report.parked {
        let waiting = counted(parked.waiting, "event");
        writeln!(
            out,
            "parked at {NAME}{}{NAME:#} of {STREAM}{}{STREAM:#}, {waiting} behind it: {}",
            parked.event_type,
            parked.stream,
            printable(&parked.error)
        )?;
    }
    Ok(())
}

fn write_entry(out: &mut impl Write, entry: &EntryReport) -> io::Result<()> {
    write!(out, "{ASIDE}@{}{ASIDE:#}  ", entry.revision)?;
    match &entry.event {
        Some(event) => write!(
            out,
            "{NAME}{}{NAME:#} of {STREAM}{}{STREAM:#} {ASIDE}@{}{ASIDE:#}",
            event.event_type, event.stream, event.revision
        )?,
        None => write!(out, "{}: {}", entry.kind, printable(&entry.about))?,
    }
    writeln!(out, "  {ASIDE}{}{ASIDE:#}", entry.recorded_at)?;
    for sent in &entry.commands {
        write!(out, "    sends {NAME}{}{NAME:#} {}: {}", sent.name, sent.body, sent.outcome)?;
        match &sent.refusal {
            Some(refusal) => writeln!(out, ", {}", printable(refusal))?,
            None => writeln!(out)?,
        }
    }
    for timer in &entry.timers {
        writeln!(out, "    timer {}", printable(timer))?;
    }
    if entry.ends { writeln!(out, "    ends") } else { Ok(()) }
}

/// Writes that a command waits for its time.
pub(super) fn write_timer_set(out: &mut impl Write, timer: &TimerReport) -> io::Result<()> {
    let TimerReport { id, due, command, target, .. } = timer;
    writeln!(
        out,
        "{NAME}{command}{NAME:#} for {STREAM}{target}{STREAM:#} is due {due} {ASIDE}(timer {id}){ASIDE:#}"
    )
}

/// Writes timers that wait, as a table.
pub(super) fn write_timers(out: &mut impl Write, timers: &[TimerReport]) -> io::Result<()> {
    let row = |timer: &TimerReport| {
        let TimerReport { id, due, command, target, process, instance, name, error } = timer;
        let text = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), printable);
        let why = error.as_deref().map_or_else(String::new, |error| printable(&error.replace('\n', " ")));
        // Those of a process manager are cancelled by it alone, under their name.
        let id = name.is_none().then(|| id.to_string());
        let whose = [process, instance, name, &id].map(text);
        [vec![due.to_string(), command.clone(), target.clone()], whose.to_vec(), vec![why]].concat()
    };
    let rows: Vec<_> = timers.iter().map(row).collect();
    table::write(out, &["due", "command", "for", "process", "instance", "timer", "id", "why"], &rows)
}

/// Writes that an instance has done what it was told.
pub(super) fn write_done(out: &mut impl Write, done: &InstanceDone<'_>) -> io::Result<()> {
    let InstanceDone { process, id, events } = done;
    match events {
        Some(events) => {
            writeln!(out, "{NAME}{process} {id}{NAME:#} goes on: {} handled", counted(*events, "event"))
        }
        None => writeln!(out, "{NAME}{process} {id}{NAME:#} is stopped"),
    }
}
