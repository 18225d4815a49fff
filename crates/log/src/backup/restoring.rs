//! Making a store of a backup.

use std::path::Path;

use engine_store::{BackupReport, MaintenanceError, Progress};

use super::{
    apart,
    copying::{Copied, Copying},
    unusable,
};
use crate::{
    disk::{self, Directory, Disk, Lock, Mode},
    error::{self, OpenError},
    opening::{self, Found},
    segment::Segment,
    store_file::{self, CLEAN, STORE},
};

/// Copies a backup, or any store that is closed, into a directory that is empty or does not exist, telling how far
/// it has come in bytes.
///
/// # Errors
/// [`MaintenanceError::Place`] where the source is no store, where something is in the way (nothing is ever
/// overwritten), or where one lies inside the other. [`MaintenanceError::Locked`] where another process is at one of the
/// two. [`MaintenanceError::NoRoom`].
pub fn restore(
    source: impl AsRef<Path>,
    destination: impl AsRef<Path>,
    progress: &dyn Fn(Progress),
) -> Result<BackupReport, MaintenanceError> {
    let (source, destination) = (source.as_ref(), destination.as_ref());
    apart::restore(source, destination)?;
    restore_on(&Directory::at(source), &Directory::at(destination), progress)
}

/// [`restore`] on disks of your own.
///
/// # Errors
/// As [`restore`].
pub fn restore_on(
    from: &dyn Disk,
    to: &dyn Disk,
    progress: &dyn Fn(Progress),
) -> Result<BackupReport, MaintenanceError> {
    let source = Found::store(from).map_err(unusable)?;
    let _read = opening::lock(from, Lock::Shared).map_err(source_in_use)?;
    let store = opening::read_store(from).map_err(unusable)?;
    to.create().map_err(|error| unusable(OpenError::io(to.place(), error)))?;
    expect_nothing(to)?;
    let _written = opening::lock(to, Lock::Exclusive).map_err(destination_in_use)?;
    let mut segments = Vec::new();
    for name in &source.segments {
        segments.push(Segment::open(from, name, Mode::Read, store).map_err(unusable)?);
    }
    let report = copy(from, to, &segments, progress)?;
    let place = |error| unusable(OpenError::io(to.place(), error));
    if source.is_clean {
        let mark = disk::read_small(from, CLEAN).map_err(place)?;
        disk::write_whole(to, CLEAN, &mark).map_err(place)?;
    }
    // Without it there never was a store.
    disk::write_whole(to, STORE, &store_file::encode_store(store)).map_err(place)?;
    Ok(report)
}

fn copy(
    from: &dyn Disk,
    to: &dyn Disk,
    segments: &[Segment],
    progress: &dyn Fn(Progress),
) -> Result<BackupReport, MaintenanceError> {
    let mut lengths = Vec::new();
    for segment in segments {
        lengths.push(segment.file.len().map_err(|error| unusable(OpenError::io(&segment.path, error)))?);
    }
    let total = lengths.iter().sum();
    let (mut done, mut report) = (0, BackupReport::default());
    for (segment, length) in segments.iter().zip(&lengths) {
        let pass = &mut |bytes| {
            done += bytes;
            progress(Progress { done, total });
            Ok(())
        };
        let mut copying = Copying { from, to, pass };
        if copying.segment(segment, *length)? == Copied::CutOff {
            return Err(copying.cut_off(segment));
        }
        copying.index(segment.name())?;
        report.segments += 1;
        report.copied += 1;
        report.bytes += length;
    }
    progress(Progress { done: total, total });
    Ok(report)
}

/// Refuses a directory in which anything is.
fn expect_nothing(to: &dyn Disk) -> Result<(), MaintenanceError> {
    let names = to.list().map_err(|error| unusable(OpenError::io(to.place(), error)))?;
    let Some(found) = names.into_iter().find(|name| !matches!(name.as_str(), "lock" | "lost+found")) else {
        return Ok(());
    };
    let place = to.place().display();
    let fault = format!(
        "`{place}` is not empty, there is `{found}`: nothing is overwritten; name an empty directory, or one that \
         does not exist yet"
    );
    Err(MaintenanceError::Place(fault.into()))
}

fn source_in_use(error: OpenError) -> MaintenanceError {
    let OpenError::Locked { directory, holder } = error else { return unusable(error) };
    let fault = format!(
        "`{}`, from which the store is to be restored, is open in {}: close it there, or make a backup of it with `engine \
         backup` and restore that",
        directory.display(),
        error::process(holder)
    );
    MaintenanceError::Locked(fault.into())
}

fn destination_in_use(error: OpenError) -> MaintenanceError {
    let OpenError::Locked { directory, holder } = error else { return unusable(error) };
    let fault = format!(
        "`{}`, where the store is to be restored, is in use by {}: wait until that has ended, or name another directory; \
         the backup itself is not locked",
        directory.display(),
        error::process(holder)
    );
    MaintenanceError::Locked(fault.into())
}
