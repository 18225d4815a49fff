//! Copies of a store, and stores from copies.
//!
//! A backup is a store itself, so that it can be opened and verified. What is finished never changes under its name,
//! and so is copied once. Files are copied oldest first and take their names when they are whole: a backup that was
//! interrupted is at every moment the beginning of the store, or what it was before.

mod apart;
mod copying;
mod destination;
mod older;
mod outside;
mod restoring;

use std::{path::Path, sync::Arc};

use engine_store::{BackupReport, MaintenanceError, Progress};
use uuid::Uuid;

use crate::{disk::Directory, error::OpenError, segment::Segment, shared::Shared, view::View, work::at_work};
use copying::{Copied, Copying};
use destination::{finish, prepare};
pub use outside::{backup, backup_on};
pub use restoring::{restore, restore_on};

/// Copies what is published of a store that this process has open.
pub(crate) async fn back_up(
    shared: &Arc<Shared>,
    destination: &Path,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<BackupReport, MaintenanceError> {
    apart::backup(shared.disk.place(), destination)?;
    let to = Directory::at(destination);
    at_work(shared, progress, move |shared, told| {
        let ends = Ends::of(&shared.view());
        let _lock = prepare(&to, &ends)?;
        told.total = ends.bytes();
        let mut pass = |bytes| told.pass(bytes);
        let mut copying = Copying { from: &*shared.disk, to: &to, pass: &mut pass };
        let report = copy(&ends, &mut copying)?.map_err(|cut| copying.cut_off(&cut))?;
        finish(&to, &ends)?;
        told.tell(told.total);
        Ok(report)
    })
    .await
}

/// Copies the segments, oldest first; or answers the last of them, where that has become shorter than it was.
fn copy(
    ends: &Ends,
    copying: &mut Copying<'_>,
) -> Result<Result<BackupReport, Arc<Segment>>, MaintenanceError> {
    let mut report = BackupReport { next_position: ends.next_position, ..BackupReport::default() };
    for (segment, end) in &ends.segments {
        let length = segment.file_len(*end);
        report.segments += 1;
        // That of the segment that is written may tell of more than was copied.
        let is_last = report.segments == ends.segments.len() as u64;
        match copying.segment(segment, length)? {
            Copied::WasThere => continue,
            Copied::CutOff if is_last => return Ok(Err(segment.clone())),
            Copied::CutOff => return Err(copying.cut_off(segment)),
            Copied::Anew if !is_last => copying.index(segment.name())?,
            Copied::Anew => {}
        }
        report.copied += 1;
        report.bytes += length;
    }
    Ok(Ok(report))
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

fn unusable(error: OpenError) -> MaintenanceError {
    MaintenanceError::Place(error.into())
}
