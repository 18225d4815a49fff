//! Checking a store from end to end: every frame, every append, every position and revision.
//!
//! Nothing is changed, so that a store on a medium that cannot be written can be checked too.

mod check;

use std::{collections::VecDeque, path::Path, sync::Arc};

use engine_store::{ReadError, VerifyProgress, VerifyReport};

use crate::{
    disk::{Directory, Disk, Lock, Mode},
    error::{OpenError, Trouble},
    opening::{self, Found},
    segment::{SEGMENT_HEADER, Segment},
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
    found.refuse_strangers(disk)?;
    if !found.has_store {
        let found = "nothing".to_owned();
        return Err(OpenError::NotAStore { directory: disk.place().to_owned(), found });
    }
    let _lock = opening::lock(disk, Lock::Shared)?;
    let mut check = Check::new(progress);
    let Some(store) = check.or_fault(opening::read_store(disk))? else { return Ok(check.report()) };
    let mark = if found.is_clean { check.or_fault(opening::read_mark(disk, store))? } else { None };
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
        previous = segment.len()?;
        let end = match &mark {
            _ if number + 1 < segments.len() => End::At(previous),
            None => End::MayBeTorn(previous),
            Some(mark) => {
                check.or_fault(crate::recovery::check_mark(segment, mark))?;
                End::At(mark.length.min(previous))
            }
        };
        check.frames(segment, SEGMENT_HEADER, end)?;
    }
    if segments.is_empty() {
        check.fault(disk.place(), 0, "all segments are missing");
    }
    Ok(check.report())
}

/// Checks what is published of a store that is open.
pub(crate) async fn verify_view(
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
        let parts: Vec<_> = view.parts.iter().map(|part| (Arc::clone(part), part.index.end())).collect();
        check.total = parts.iter().map(|(part, end)| end - part.begin).sum();
        for (part, end) in parts {
            check.frames(&part.segment, part.begin, End::At(end))?;
        }
        Ok(check.report())
    });
    while let Some(now) = told.recv().await {
        progress(now);
    }
    Ok(checking.await.map_err(ReadError::unavailable)??)
}
