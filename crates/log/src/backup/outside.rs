//! Copying a store without its lock, whether or not another process has it open.

use std::path::Path;

use engine_store::{BackupReport, MaintenanceError, Progress};

use super::{Ends, apart, copy, copying::Copying, destination::damaged, finish, prepare};
use crate::{
    disk::{Directory, Disk, Mode},
    error::OpenError,
    pinned::{self, TRIES, Tail},
    segment::Segment,
};

/// Copies the store in a directory into another, telling how far it has come in bytes. It does not matter whether the
/// store is open, here or in another process: nothing is written into its directory, and whoever has it open goes on.
///
/// All that was answered before is in the copy, and nothing half. The last batch in it may be one that was being
/// written, and so one that is not answered yet. The copy is a store itself; where there is an older copy of this
/// store, only what has changed is copied.
///
/// ```
/// # let root = tempfile::tempdir()?;
/// # let (directory, copy) = (root.path().join("events"), root.path().join("copy"));
/// use engine_log::{LogOptions, LogStore, backup, verify};
/// # use engine_store::{AppendRequest, EventStore, NewEvent};
/// # use engine_types::{ExpectedRevision, StreamName};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = LogStore::open(&directory, LogOptions::default())?;
/// # let created = NewEvent::json(uuid::Uuid::now_v7(), "AccountCreated", &serde_json::json!({}))?;
/// # store.append(AppendRequest::to(StreamName::new("account-jsdf")?, ExpectedRevision::NoStream, vec![created])).await?;
///
/// // In this process or in any other:
/// assert_eq!(backup(&directory, &copy, &|_| {})?.next_position, 1);
/// assert_eq!(verify(&copy, &|_| {})?.faults, []);
/// # Ok::<_, Box<dyn std::error::Error>>(()) })?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`MaintenanceError::Read`] where the store is damaged at its end, its disk fails, or the process that has it open
/// takes its end back again and again. [`MaintenanceError::Place`] where there is no store, where the copy cannot be
/// written, is damaged or holds what the store has not, or where one lies inside the other.
/// [`MaintenanceError::Locked`] where something else is at the copy. [`MaintenanceError::NoRoom`].
pub fn backup(
    source: impl AsRef<Path>,
    destination: impl AsRef<Path>,
    progress: &dyn Fn(Progress),
) -> Result<BackupReport, MaintenanceError> {
    let (source, destination) = (source.as_ref(), destination.as_ref());
    apart::backup(source, destination)?;
    backup_on(&Directory::at(source), &Directory::at(destination), progress)
}

/// [`backup()`] on disks of your own.
///
/// # Errors
/// As [`backup()`].
pub fn backup_on(
    from: &dyn Disk,
    to: &dyn Disk,
    progress: &dyn Fn(Progress),
) -> Result<BackupReport, MaintenanceError> {
    let mut lock = None;
    for _ in 0..TRIES {
        let ends = ends(from)?;
        if lock.is_none() {
            lock = Some(prepare(to, &ends)?);
        }
        let (mut done, total) = (0, ends.bytes());
        let mut pass = |bytes| {
            done += bytes;
            progress(Progress { done, total });
            Ok(())
        };
        let mut copying = Copying { from, to, pass: &mut pass };
        // A last segment that has become shorter was taken back: only its writer makes it so.
        let Ok(report) = copy(&ends, &mut copying)? else { continue };
        if is_whole(&ends, &copying)? {
            finish(to, &ends)?;
            progress(Progress { done: total, total });
            return Ok(report);
        }
    }
    Err(OpenError::TakenBack { directory: from.place().to_owned() }.into())
}

fn ends(from: &dyn Disk) -> Result<Ends, MaintenanceError> {
    let pinned = pinned::pin(from)?;
    match pinned.damage {
        Some(damage) => Err(OpenError::from(damage).into()),
        None => {
            Ok(Ends { store: pinned.store, segments: pinned.segments, next_position: pinned.next_position })
        }
    }
}

/// Whether the copy of the last segment is what was seen of it, and that still stands there: where a write fails, the
/// writer takes the end back, and later writes something else there.
fn is_whole(ends: &Ends, copying: &Copying<'_>) -> Result<bool, MaintenanceError> {
    let Some((segment, end)) = ends.segments.last() else { return Ok(true) };
    let (name, length) = (segment.name().log(), segment.file_len(*end));
    let copied = Segment::open(copying.to, &name, Mode::Read, ends.store).map_err(damaged)?;
    let tail = Tail::of(&copied).map_err(damaged)?;
    Ok(tail.end == *end
        && tail.next_position == ends.next_position
        && copying.is_there(&*segment.file, &name, length)?)
}
