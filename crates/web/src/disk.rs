//! How much room the store takes on its disk.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// For how long an answer holds: looking takes time where there are many files.
const FRESH: Duration = Duration::from_secs(10);

/// The bytes used and the bytes free; absent where they cannot be found out.
type Room = Option<(u64, u64)>;

/// Looks at a folder, now and then.
pub(crate) struct Disk {
    folder: Option<PathBuf>,
    seen: Mutex<Option<(Instant, Room)>>,
}

impl Disk {
    pub(crate) fn of(folder: Option<PathBuf>) -> Self {
        Disk { folder, seen: Mutex::default() }
    }

    /// How many bytes the folder holds, and how many are free on its disk.
    pub(crate) fn look(&self) -> Room {
        let folder = self.folder.as_deref()?;
        let mut seen = self.seen.lock();
        match *seen {
            Some((when, answer)) if when.elapsed() < FRESH => answer,
            _ => {
                let answer = free(folder).map(|free| (size(folder), free));
                *seen = Some((Instant::now(), answer));
                answer
            }
        }
    }
}

fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(data) if data.is_dir() => size(&entry.path()),
        Ok(data) => data.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_folders_in_the_folder_count_too() {
        let folder = tempfile::tempdir().expect("there is room");
        fs::create_dir(folder.path().join("in")).expect("it is made");
        fs::write(folder.path().join("in/a"), [0; 100]).expect("it is written");
        fs::write(folder.path().join("b"), [0; 23]).expect("it is written");
        let seen = Disk::of(Some(folder.path().into())).look();
        assert!(seen.is_none_or(|(used, _)| used == 123), "{seen:?}");
    }
}
