//! Work on the store that takes its time: begun by an admin, and to be watched by everybody.

use std::path::PathBuf;

use engine_store::{
    BackupReport, EventStore, MaintenanceError, Progress, ScavengeReport, StoreStats, VerifyReport,
};
use maud::{Markup, html};
use tokio::sync::watch;

use super::{
    super::parts::{button, words},
    backups,
};
use crate::{
    Web,
    access::{Caller, Role},
    api::Problem,
};

/// Work that goes on, or has ended.
pub(crate) struct Work {
    what: What,
    progress: watch::Receiver<Progress>,
    outcome: watch::Receiver<Option<Result<Outcome, String>>>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Verify,
    Scavenge,
    Measure,
    /// Into this folder.
    Backup(PathBuf),
}

#[derive(Debug, Clone)]
enum Outcome {
    Verified(VerifyReport),
    Scavenged(ScavengeReport),
    Measured(StoreStats),
    BackedUp(BackupReport, PathBuf),
}

impl What {
    /// What an admin asked for. A backup has a name.
    pub(super) fn asked(web: &Web, work: &str, name: &str) -> Result<Self, Problem> {
        match work {
            "verify" => Ok(What::Verify),
            "scavenge" => Ok(What::Scavenge),
            "measure" => Ok(What::Measure),
            "backup" => {
                backups::check_name(name)?;
                let folder = web.options().backups.as_ref();
                let folder = folder.ok_or_else(|| {
                    Problem::bad_request(
                        "this node has no folder for backups: start it with --backups FOLDER",
                    )
                })?;
                Ok(What::Backup(folder.join(name)))
            }
            _ => Err(Problem::not_found(format!("There is no work `{work}`."))),
        }
    }

    fn in_progress(&self) -> &'static str {
        match self {
            What::Verify => "It is being verified.",
            What::Scavenge => "It is being scavenged.",
            What::Measure => "It is being measured.",
            What::Backup(_) => "It is being backed up.",
        }
    }
}

impl Work {
    /// Begins work, unless other work goes on; says whether it has begun.
    pub(super) fn begin(web: &Web, what: What) -> bool {
        let mut work = web.work().lock();
        if work.as_ref().is_some_and(|work| work.outcome.borrow().is_none()) {
            return false;
        }
        let (told, progress) = watch::channel(Progress::default());
        let (ended, outcome) = watch::channel(None);
        *work = Some(Work { what: what.clone(), progress, outcome });
        let store = web.store().clone();
        tokio::spawn(async move {
            let outcome = carry_out(&*store, what, told).await;
            // Nobody may be there any more to look.
            let _ = ended.send(Some(outcome.map_err(|error| error.to_string())));
        });
        true
    }
}

async fn carry_out(
    store: &dyn EventStore,
    what: What,
    told: watch::Sender<Progress>,
) -> Result<Outcome, MaintenanceError> {
    let tell = |progress: Progress| {
        let _ = told.send(progress);
    };
    match what {
        What::Verify => Ok(Outcome::Verified(store.verify(&tell).await?)),
        What::Scavenge => store.scavenge(&tell).await.map(Outcome::Scavenged),
        What::Measure => store.stats(&tell).await.map(Outcome::Measured),
        What::Backup(folder) => {
            let above = folder.parent().map_or(Ok(()), std::fs::create_dir_all);
            above.map_err(|error| MaintenanceError::Place(error.into()))?;
            let report = store.backup(&folder, &tell).await?;
            Ok(Outcome::BackedUp(report, folder))
        }
    }
}

pub(super) fn card(web: &Web, caller: &Caller) -> Markup {
    let work = web.work().lock();
    let outcome = work.as_ref().map(|work| work.outcome.borrow().clone());
    let goes_on = matches!(outcome, Some(None));
    html! {
        section.card id="work" data-live="" hx-get="/store" hx-select="#work" hx-target="#work" hx-swap="outerMorph" hx-trigger="live" {
            header {
                h2 { "Looking after it" }
                @if caller.role == Role::Admin && !goes_on { span.inline {
                    (button(caller, "/store/verify", "Verify", "", None))
                    (button(caller, "/store/measure", "Measure", "", None))
                    (button(caller, "/store/scavenge", "Scavenge", "", Some("Remove the events that can no longer be read?")))
                } }
            }
            div.body { @match (outcome, work.as_ref()) {
                (Some(None), Some(work)) => { (progress(work)) },
                (Some(Some(Ok(outcome))), _) => { (report(&outcome)) },
                (Some(Some(Err(fault))), _) => { div.notice.bad role="alert" { (fault) } },
                _ => { p.muted { "Verifying reads all of it: every frame, checksum and index. Measuring tells what a scavenge would give back: the room of events that can no longer be read. Appends go on meanwhile." } },
            } }
        }
    }
}

fn progress(work: &Work) -> Markup {
    let at = *work.progress.borrow();
    let percent = at.done.saturating_mul(100) / at.total.max(1);
    html! {
        p { (work.what.in_progress()) }
        progress max=(at.total.max(1)) value=(at.done) aria-label="How much is done" {}
        p.muted { (percent) " %" }
    }
}

fn report(outcome: &Outcome) -> Markup {
    match outcome {
        Outcome::Verified(report) => verified(report),
        Outcome::Measured(stats) => measured(stats),
        Outcome::Scavenged(report) => html! {
            div.notice.good { strong { "It is scavenged. " } (words::count(report.events, "event")) " removed, " (words::bytes(report.bytes)) " given back." }
            p.muted { (words::number(report.rewritten)) " of " (words::count(report.segments, "segment")) " written anew." }
        },
        Outcome::BackedUp(report, folder) => html! {
            div.notice.good { strong { "It is backed up " } "to " code.wrap { (folder.display()) } "." }
            p.muted { (words::number(report.copied)) " of " (words::count(report.segments, "segment")) " copied, " (words::bytes(report.bytes)) "; the others were there already." }
        },
    }
}

fn verified(report: &VerifyReport) -> Markup {
    html! {
        @if report.faults.is_empty() { div.notice.good { strong { "It is whole. " } (words::count(report.events, "event")) " and " (words::count(report.documents, "document")) " were checked." } }
        @else {
            div.notice.bad { strong { "It is damaged. " } "Stop, keep the files, and look:" }
            dl.facts { @for fault in report.faults.iter().take(100) { dt.mono { (fault.place) } dd { (fault.fault) } } }
        }
        dl.facts {
            @if report.segments > 0 { dt { "Segments" } dd { (words::number(report.segments)) } }
            @if report.bytes > 0 { dt { "Bytes" } dd { (words::bytes(report.bytes)) } }
            @if let Some(chain) = &report.chain { dt { "Hash chain" } dd.mono { (chain.link) } }
        }
    }
}

fn measured(stats: &StoreStats) -> Markup {
    let gone = &stats.reclaimable;
    html! {
        div.notice { strong { "A scavenge would give back " (words::bytes(gone.bytes)) ": " } (words::count(gone.events, "event")) ", " (words::count(gone.documents, "old version")) " of documents." }
        dl.facts {
            dt { "Events" } dd { (words::number(stats.events)) }
            dt { "Streams" } dd { (words::number(stats.streams)) ", and " (words::number(stats.system_streams)) " of the system" }
            dt { "Documents" } dd { (words::number(stats.documents)) }
            dt { "On the disk" } dd { (words::bytes(stats.segment_bytes)) " of events, " (words::bytes(stats.index_bytes)) " of indexes" }
            dt { "In memory" } dd { (words::bytes(stats.index_memory_bytes)) " of indexes, " (words::count(stats.open_files, "file")) " open" }
        }
    }
}
