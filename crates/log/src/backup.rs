//! Copies of a store, and stores from copies.
//!
//! A backup is a store itself, so that it can be opened and verified. What is finished never changes under its name,
//! and so is copied once. Files are copied oldest first and take their names when they are whole: a backup that was
//! interrupted is at every moment the beginning of the store, or what it was before.

mod copying;
mod outside;
mod restoring;

use std::{path::Path, sync::Arc};

use engine_store::{BackupReport, MaintenanceError, Progress};
use uuid::Uuid;

use crate::{
    disk::{self, Directory, Disk, Held, Lock},
    error::OpenError,
    opening::{self, Content, Found},
    segment::Segment,
    shared::Shared,
    store_file::{self, CLEAN, CleanMark, STORE},
    view::View,
    work::at_work,
};
use copying::Copying;
pub use outside::{backup, backup_on};
pub use restoring::{restore, restore_on};

/// Copies what is published of a store that this process has open.
pub(crate) async fn back_up(
    shared: &Arc<Shared>,
    destination: &Path,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<BackupReport, MaintenanceError> {
    let to = Directory::at(destination);
    at_work(shared, progress, move |shared, told| {
        let ends = Ends::of(&shared.view());
        let _lock = prepare(&to, ends.store)?;
        told.total = ends.bytes();
        let mut pass = |bytes| told.pass(bytes);
        let report = copy(&ends, &mut Copying { from: &*shared.disk, to: &to, pass: &mut pass })?;
        finish(&to, &ends)?;
        told.tell(told.total);
        Ok(report)
    })
    .await
}

/// Copies the segments, oldest first.
fn copy(ends: &Ends, copying: &mut Copying<'_>) -> Result<BackupReport, MaintenanceError> {
    let mut report = BackupReport { next_position: ends.next_position, ..BackupReport::default() };
    for (segment, end) in &ends.segments {
        let length = segment.file_len(*end);
        report.segments += 1;
        if copying.segment(segment, length)? {
            report.copied += 1;
            report.bytes += length;
            // That of the segment that is written may tell of more than was copied.
            if report.segments < ends.segments.len() as u64 {
                copying.index(segment.name())?;
            }
        }
    }
    Ok(report)
}

/// Where a store ends, all at one moment.
struct Ends {
    store: Uuid,
    segments: Vec<(Arc<Segment>, u64)>,
    next_position: u64,
}

impl Ends {
    fn of(view: &View) -> Self {
        let mut segments = view.segments();
        let index = &view.written().index;
        let (end, next_position) = index
            .with_memory(|memory| (memory.end(), memory.next_position()))
            .unwrap_or((index.end(), index.next_position()));
        if let Some(last) = segments.last_mut() {
            last.1 = end;
        }
        Ends { store: view.written().segment.header.store, segments, next_position }
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|(segment, end)| segment.file_len(*end)).sum()
    }
}

/// Makes sure that a directory may take the backup of a store, and locks it.
fn prepare(to: &dyn Disk, store: Uuid) -> Result<Box<dyn Held>, MaintenanceError> {
    to.create().map_err(|error| unusable(OpenError::io(to.place(), error)))?;
    let lock = opening::lock(to, Lock::Exclusive).map_err(unusable)?;
    let found = Found::look(to).map_err(unusable)?;
    let known = match found.content(to).map_err(unusable)? {
        Content::Nothing => None,
        Content::Store => Some(opening::read_store(to).map_err(unusable)?),
        // A first backup that was interrupted has no marker yet.
        Content::WithoutMarker => copying::store_of(to, &found).map_err(unusable)?,
    };
    if known.is_some_and(|known| known != store) {
        let place = to.place().display();
        let fault =
            format!("`{place}` holds another store, or its backup: name another directory, or an empty one");
        return Err(MaintenanceError::Place(fault.into()));
    }
    let at = |error| unusable(OpenError::io(to.place(), error));
    for name in &found.unfinished {
        to.remove(name).map_err(at)?;
    }
    // What goes on in another store makes its own, of its own segments.
    for name in &found.merged {
        to.remove(&name.file()).map_err(at)?;
    }
    if found.is_clean {
        // It told where the older backup ends.
        to.remove(CLEAN).and_then(|()| to.sync()).map_err(at)?;
    }
    Ok(lock)
}

/// Removes what the store has no more, and says where the backup ends.
fn finish(to: &dyn Disk, ends: &Ends) -> Result<(), MaintenanceError> {
    let place = |error| unusable(OpenError::io(to.place(), error));
    let found = Found::look(to).map_err(unusable)?;
    let belongs = |name: &String| ends.segments.iter().any(|(segment, _)| segment.name().log() == *name);
    let foreign = found.segments.iter().filter(|name| !belongs(name));
    for name in foreign.chain(&found.superseded) {
        to.remove(name).map_err(place)?;
    }
    if let Some((last, end)) = ends.segments.last() {
        let Ends { store, next_position, .. } = *ends;
        let mark = CleanMark { store, segment: last.header.number, length: *end, next_position };
        disk::write_whole(to, CLEAN, &mark.encode()).map_err(place)?;
    }
    if !found.has_store {
        disk::write_whole(to, STORE, &store_file::encode_store(ends.store)).map_err(place)?;
    }
    Ok(())
}

fn unusable(error: OpenError) -> MaintenanceError {
    MaintenanceError::Place(error.into())
}
