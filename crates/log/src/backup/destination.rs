//! The directory that a backup goes to: what may be there, and what is left there.

use std::path::Path;

use engine_store::MaintenanceError;
use uuid::Uuid;

use super::{Ends, older, unusable};
use crate::{
    disk::{self, Disk, Held, Lock},
    error::{self, OpenError},
    opening::{self, Content, Found},
    segment::name::SegmentName,
    store_file::{self, CLEAN, CleanMark, STORE},
};

/// Makes sure that a directory may take the backup of a store, and locks it.
pub(super) fn prepare(to: &dyn Disk, ends: &Ends) -> Result<Box<dyn Held>, MaintenanceError> {
    let at = |error| unusable(OpenError::io(to.place(), error));
    to.create().map_err(at)?;
    let lock = opening::lock(to, Lock::Exclusive).map_err(in_use)?;
    let found = Found::look(to).map_err(unusable)?;
    if store_in(to, &found)?.is_some_and(|store| store != ends.store) {
        let place = to.place().display();
        let fault =
            format!("`{place}` holds another store, or its backup: name another directory, or an empty one");
        return Err(MaintenanceError::Place(fault.into()));
    }
    older::check(to, &found, ends)?;
    for name in &found.unfinished {
        to.remove(name).map_err(at)?;
    }
    // A copy that is opened makes its own, of its own segments.
    for name in &found.merged {
        to.remove(&name.file()).map_err(at)?;
    }
    if found.is_clean {
        // It told where the older backup ends.
        to.remove(CLEAN).and_then(|()| to.sync()).map_err(at)?;
    }
    Ok(lock)
}

/// The store that a directory holds, or of which it holds a part.
fn store_in(to: &dyn Disk, found: &Found) -> Result<Option<Uuid>, MaintenanceError> {
    match found.content(to).map_err(damaged)? {
        Content::Nothing => Ok(None),
        Content::Store => opening::read_store(to).map(Some).map_err(damaged),
        // A first backup that was interrupted has no marker yet.
        Content::WithoutMarker => {
            let Some(name) = found.segments.first() else { return Ok(None) };
            let path = to.place().join(name);
            let bytes = disk::read_small(to, name).map_err(|error| unusable(OpenError::io(&path, error)))?;
            Ok(bytes.get(16..32).and_then(|id| Uuid::from_slice(id).ok()))
        }
    }
}

/// Removes what the store has no more, and says where the backup ends.
pub(super) fn finish(to: &dyn Disk, ends: &Ends) -> Result<(), MaintenanceError> {
    let place = |error| unusable(OpenError::io(to.place(), error));
    let found = Found::look(to).map_err(unusable)?;
    let belongs = |name: &&String| {
        let name = SegmentName::parse_log(name).or_else(|| SegmentName::parse_idx(name));
        ends.segments.iter().any(|(segment, _)| Some(segment.name()) == name)
    };
    // What counts goes first, so that what it stood in the place of counts again.
    for name in found.segments.iter().chain(&found.superseded).filter(|name| !belongs(name)) {
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

/// Tells damage to what is at the destination as that, and not as damage to the store.
pub(super) fn damaged(error: OpenError) -> MaintenanceError {
    let OpenError::Corrupt { file, offset, fault } = error else { return unusable(error) };
    let (copy, file) = (file.parent().unwrap_or(Path::new("")).display(), file.display());
    let fault = format!(
        "the copy in `{copy}` is damaged, and not the store: `{file}` at offset {offset}: {fault}; name another \
         directory, or remove that file, so that it is copied again"
    );
    MaintenanceError::Place(fault.into())
}

fn in_use(error: OpenError) -> MaintenanceError {
    let OpenError::Locked { directory, holder } = error else { return unusable(error) };
    let fault = format!(
        "`{}`, where the backup is to go, is in use by {}, which copies something there or has it open as a store; the \
         store that is to be copied is not locked: wait until the other has ended, or name another directory",
        directory.display(),
        error::process(holder)
    );
    MaintenanceError::Locked(fault.into())
}
