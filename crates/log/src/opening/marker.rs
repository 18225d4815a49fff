//! Making the file `store` again, which makes a directory a store, when it was lost.
//!
//! Only where the rest shows that nothing else is missing: all segments are of one store and follow one another,
//! and the mark of closing says that the last of them ends the log. Without that mark a copy that was
//! interrupted could not be told from a whole store.

use tracing::warn;
use uuid::Uuid;

use super::{Found, open_segments};
use crate::{
    disk::{self, Disk, Mode},
    error::OpenError,
    recovery,
    store_file::{self, CLEAN, CleanMark, STORE},
};

/// Answers the id of the store if the rest of it is whole. Changes nothing.
pub(super) fn check(disk: &dyn Disk, found: &Found) -> Result<Uuid, OpenError> {
    let missing = || OpenError::MarkerMissing { directory: disk.place().to_owned() };
    if !found.is_clean || found.segments.is_empty() {
        return Err(missing());
    }
    let path = disk.place().join(CLEAN);
    let bytes = disk::read_small(disk, CLEAN).map_err(|error| OpenError::io(&path, error))?;
    let mark = match CleanMark::decode(&bytes, &path) {
        Err(OpenError::Corrupt { .. }) => return Err(missing()),
        decoded => decoded?,
    };
    let segments = open_segments(disk, &found.segments, Mode::Read, mark.store)?;
    let last = segments.back().ok_or_else(missing)?;
    recovery::check_mark(last, &mark)?;
    Ok(mark.store)
}

/// Makes the file `store` again, or says why not.
pub(super) fn restore(disk: &dyn Disk, found: &Found) -> Result<Uuid, OpenError> {
    let store = check(disk, found)?;
    let path = disk.place().join(STORE);
    warn!("`{}` was missing and is made again: all else of the store is there", path.display());
    disk::write_whole(disk, STORE, &store_file::encode_store(store))
        .map_err(|error| OpenError::io(&path, error))?;
    Ok(store)
}
