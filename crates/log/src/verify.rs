//! Checking a store from end to end: every frame, every append, every position and revision.
//!
//! Nothing is changed, so that a store on a medium that cannot be written can be checked too, and one that another
//! process has open: as it stood when the check began.

mod chain;
mod check;
mod faults;
mod known;
mod merged;
mod written;

use std::{path::Path, sync::Arc};

use engine_store::{ReadError, VerifyProgress, VerifyReport};

use crate::{
    disk::{Directory, Disk, Lock, Mode},
    error::{OpenError, Trouble},
    opening::{self, Ending, Found},
    pinned,
    segment::Segment,
    store_file::CLEAN,
    view::View,
};
use check::{Check, End};

/// Checks the store in a directory, telling how far it has come in bytes. Changes nothing.
///
/// Where the store is open, in this process or in another one, what was answered before is checked, and no more than
/// that and what was being written. Takes some 40 bytes of memory for each stream.
///
/// # Errors
/// See [`OpenError`]: the store cannot be read. Damage is no error but an entry of the report.
pub fn verify(path: impl AsRef<Path>, progress: &dyn Fn(VerifyProgress)) -> Result<VerifyReport, OpenError> {
    verify_on(Arc::new(Directory::at(path.as_ref())), &Expected::default(), progress)
}

/// What is expected of the hash chain of a store, beyond that it fits where there is one.
///
/// ```
/// # let directory = tempfile::tempdir()?;
/// # let directory = directory.path().join("events");
/// use engine_log::{Expected, LogOptions, LogStore, verify, verify_against};
/// # use engine_store::{AppendRequest, EventStore, NewEvent};
/// # use engine_types::{ExpectedRevision, StreamName};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = LogStore::open(&directory, LogOptions::default().chained())?;
/// # let created = NewEvent::json(uuid::Uuid::now_v7(), "AccountCreated", &serde_json::json!({}))?;
/// # store.append(AppendRequest::to(StreamName::new("account-jsdf")?, ExpectedRevision::NoStream, vec![created])).await?;
/// store.close().await?;
/// let chain = verify(&directory, &|_| {})?.chain.ok_or("the store has a chain")?;
///
/// // Kept where nobody can reach it who can reach the store, and given back at the next check:
/// let expected = Expected { required: true, noted: Some(chain.link) };
/// assert_eq!(verify_against(&directory, &expected, &|_| {})?.faults, []);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Expected {
    /// A store without a chain is at fault.
    pub required: bool,
    /// A link that an earlier report told: somebody who changed what was written before it, and made all links behind
    /// that anew, is found by it.
    pub noted: Option<String>,
}

/// Checks the store in a directory as [`verify`] does, and what is expected of its hash chain.
///
/// # Errors
/// As [`verify`]. A noted link that is none, such as a shortened one, is a fault of the report.
pub fn verify_against(
    path: impl AsRef<Path>,
    expected: &Expected,
    progress: &dyn Fn(VerifyProgress),
) -> Result<VerifyReport, OpenError> {
    verify_on(Arc::new(Directory::at(path.as_ref())), expected, progress)
}

/// Checks the store on a disk of your own. See [`verify_against`].
///
/// # Errors
/// As [`verify`].
#[allow(clippy::needless_pass_by_value)] // as wherever somebody names a disk of his own
pub fn verify_on(
    on: Arc<dyn Disk>,
    expected: &Expected,
    progress: &dyn Fn(VerifyProgress),
) -> Result<VerifyReport, OpenError> {
    let disk = &*on;
    Found::store(disk)?;
    let mut check = Check::new(progress);
    check.expect(expected);
    let _lock = match opening::lock(disk, Lock::Shared) {
        Err(OpenError::Locked { .. }) => return verify_open(&on, check),
        locked => locked?,
    };
    let found = Found::store(disk)?;
    let Some(store) = check.or_fault(opening::read_store(disk))? else { return Ok(check.report()) };
    let ending = opening::read_ending(disk, &found, store)?;
    if let Ending::Unmarked { fault } = &ending {
        check.damaged_mark(&disk.place().join(CLEAN), fault);
    }
    let mut segments = Vec::new();
    for name in &found.segments {
        let opened = Segment::open(disk, name, Mode::Read, store);
        segments.extend(check.or_fault(opened)?.map(Arc::new));
    }
    for segment in &segments {
        check.total += segment.len()?;
    }
    let mut previous = 0;
    for (number, segment) in segments.iter().enumerate() {
        check.follows(segment, number as u64, previous);
        previous = segment.original_len()?;
        let length = segment.len()?;
        let end = match &ending {
            _ if number + 1 < segments.len() => End::At(length),
            Ending::MayBeTorn => End::MayBeTorn(length),
            Ending::Unmarked { .. } => End::At(length),
            Ending::Marked(mark) => {
                check.or_fault(crate::recovery::check_mark(segment, mark))?;
                End::At(mark.length.min(length))
            }
        };
        check.segment(disk, segment, end)?;
    }
    if segments.is_empty() {
        check.fault(disk.place(), 0, "all segments are missing");
    }
    segments.pop();
    merged::check(&mut check, &on, &segments, &found.merged);
    Ok(check.report())
}

/// Checks what a store is at one moment that another process has open.
fn verify_open(on: &Arc<dyn Disk>, mut check: Check<'_>) -> Result<VerifyReport, OpenError> {
    let disk = &**on;
    let Some(pinned) = check.or_fault(pinned::pin(disk))? else { return Ok(check.report()) };
    check.total = pinned.segments.iter().map(|(_, end)| end).sum();
    let (mut previous, last, mut damage) = (0, pinned.segments.len() - 1, pinned.damage);
    for (number, (segment, end)) in pinned.segments.iter().enumerate() {
        check.follows(segment, number as u64, previous);
        previous = segment.original_len()?;
        if number < last {
            check.segment(disk, segment, End::Published(*end))?;
        } else {
            damage = check.written(disk, segment, *end, pinned.synced)?.or(damage);
        }
    }
    if let Some(damage) = damage {
        check.or_fault(Err::<(), _>(damage.into()))?;
    }
    let mut finished: Vec<_> = pinned.segments.into_iter().map(|(segment, _)| segment).collect();
    finished.pop();
    merged::check(&mut check, on, &finished, &Found::look(disk)?.merged);
    Ok(check.report())
}

/// Checks what is published of a store that is open.
pub(crate) async fn verify_view(
    disk: Arc<dyn Disk>,
    view: View,
    progress: &(dyn Fn(VerifyProgress) + Send + Sync),
) -> Result<VerifyReport, ReadError> {
    let (tell, mut told) = tokio::sync::mpsc::channel(16);
    let checking = tokio::task::spawn_blocking(move || -> Result<VerifyReport, Trouble> {
        let tell = move |progress| {
            // Whoever waits for the report may be gone.
            let _gone = tell.blocking_send(progress);
        };
        let mut check = Check::new(&tell);
        let ends = view.segments();
        check.total = ends.iter().map(|(_, end)| end).sum();
        for (segment, end) in ends {
            check.segment(&*disk, &segment, End::Published(end))?;
        }
        for run in view.runs.iter().filter(|run| run.index.is_whole()) {
            merged::check_run(&mut check, &*disk, run, &view.parts);
        }
        Ok(check.report())
    });
    while let Some(now) = told.recv().await {
        progress(now);
    }
    Ok(checking.await.map_err(ReadError::unavailable)??)
}
