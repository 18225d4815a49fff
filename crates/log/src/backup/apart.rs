//! A store and its copy lie apart: neither is the other, nor inside the other.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

use engine_store::MaintenanceError;

/// Refuses the destination of a backup that is not apart from the store.
pub(super) fn backup(store: &Path, destination: &Path) -> Result<(), MaintenanceError> {
    let (of_store, there) = (store.display(), destination.display());
    let fault = match relation(store, destination) {
        Relation::Apart => return Ok(()),
        Relation::Same => {
            format!("`{there}` is the store itself: name another directory, best on another disk")
        }
        Relation::Inside => format!(
            "`{there}` lies inside the folder of the store, `{of_store}`: what happens to that happens to the backup \
             too; name a directory outside of it, best on another disk"
        ),
        Relation::Around => format!(
            "the store, `{of_store}`, lies inside of `{there}`, which must hold nothing but the backup: name another \
             directory, best on another disk"
        ),
    };
    Err(MaintenanceError::Place(fault.into()))
}

/// Refuses the destination of a restored store that is not apart from the backup.
pub(super) fn restore(source: &Path, destination: &Path) -> Result<(), MaintenanceError> {
    let (from, there) = (source.display(), destination.display());
    let fault = match relation(source, destination) {
        Relation::Apart => return Ok(()),
        Relation::Same => format!(
            "`{there}` is the backup itself, and nothing is overwritten: name another directory for the store, or open \
             the backup as a store where it is"
        ),
        Relation::Inside => format!(
            "`{there}` lies inside the folder of the backup, `{from}`, which must stay as it is: name a directory \
             outside of it"
        ),
        Relation::Around => format!(
            "the backup, `{from}`, lies inside of `{there}`, which must hold nothing but the store: name another \
             directory"
        ),
    };
    Err(MaintenanceError::Place(fault.into()))
}

/// Where a second directory is as seen from a first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Apart,
    Same,
    Inside,
    Around,
}

fn relation(first: &Path, second: &Path) -> Relation {
    // Where it cannot be told what is where, using the directories will tell why.
    let (Ok(first), Ok(second)) = (resolved(first), resolved(second)) else { return Relation::Apart };
    match (is_within(&second, &first), is_within(&first, &second)) {
        (true, true) => Relation::Same,
        (true, false) => Relation::Inside,
        (false, true) => Relation::Around,
        (false, false) => Relation::Apart,
    }
}

/// Whether a directory is another one or lies inside of it. What the file system takes for the same is the same, whatever
/// the two are called: by a second mount, or by another spelling.
fn is_within(inner: &Path, outer: &Path) -> bool {
    let known = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    let outer_known = known(outer);
    let is_outer = |path: &Path| path == outer || (outer_known.is_some() && known(path) == outer_known);
    inner.ancestors().any(is_outer)
}

/// The path without links, as far as it exists.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir => resolved.push(part),
            Component::Normal(name) => {
                resolved.push(name);
                match resolved.canonicalize() {
                    Ok(real) => resolved = real,
                    // What is made below is no link.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
    Ok(resolved)
}
