//! Checking a store from end to end: every frame, every append, every position and revision.
//!
//! Nothing is changed, so that a store on a medium that cannot be written can be checked too.

mod check;

use std::{collections::VecDeque, path::Path, sync::Arc};

use engine_store::{ReadError, VerifyProgress, VerifyReport};

use crate::{
    disk::{Directory, Disk, Lock, Mode},
    error::{OpenError, Trouble},
    opening::{self, Content, Ending, Found},
    segment::Segment,
    store_file::CLEAN,
    view::View,
};
use check::{Check, End};

/// Checks the closed store in a directory, telling how far it has come in bytes. Changes nothing.
///
/// Takes some 40 bytes of memory for each stream.
///
/// # Errors
/// See [`OpenError`]: the store is open elsewhere, or cannot be read. Damage is no error but an entry of the
/// report.
pub fn verify(path: impl AsRef<Path>, progress: &dyn Fn(VerifyProgress)) -> Result<VerifyReport, OpenError> {
    verify_on(&Directory::at(path.as_ref()), progress)
}

/// Checks the closed store on a disk of your own. See [`verify`].
///
/// # Errors
/// As [`verify`].
pub fn verify_on(disk: &dyn Disk, progress: &dyn Fn(VerifyProgress)) -> Result<VerifyReport, OpenError> {
    let found = Found::look(disk)?;
    let directory = disk.place().to_owned();
    match found.content(disk)? {
        Content::Store => {}
        Content::Nothing => return Err(OpenError::NotAStore { directory, found: "nothing".to_owned() }),
        Content::WithoutMarker => return Err(OpenError::MarkerMissing { directory }),
    }
    let _lock = opening::lock(disk, Lock::Shared)?;
    let mut check = Check::new(progress);
    let Some(store) = check.or_fault(opening::read_store(disk))? else { return Ok(check.report()) };
    let ending = opening::read_ending(disk, &found, store)?;
    if let Ending::Unmarked { fault } = &ending {
        check.damaged_mark(&disk.place().join(CLEAN), fault);
    }
    let mut segments = VecDeque::new();
    for name in &found.segments {
        let opened = Segment::open(disk, name, Mode::Read, store);
        segments.extend(check.or_fault(opened)?);
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
        Ok(check.report())
    });
    while let Some(now) = told.recv().await {
        progress(now);
    }
    Ok(checking.await.map_err(ReadError::unavailable)??)
}
