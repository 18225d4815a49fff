//! The disk of the machine: a directory of the file system.

use std::{
    fs::{self, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{Disk, File, Held, Lock, LockError, Mode};

/// A directory of the file system.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The directory at this path, which need not exist yet.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Directory { path: path.into() }
    }
}

impl Disk for Directory {
    fn place(&self) -> &Path {
        &self.path
    }

    fn create(&self) -> io::Result<()> {
        create_durably(&self.path, |directory| fs::File::open(directory)?.sync_all())
    }

    fn list(&self) -> io::Result<Vec<String>> {
        fs::read_dir(&self.path)?
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(mode != Mode::Read);
        if mode == Mode::Create {
            options.create(true).truncate(true);
        }
        Ok(Arc::new(RealFile(options.open(self.path.join(name))?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        fs::File::open(&self.path)?.sync_all()
    }

    fn room(&self) -> Option<u64> {
        let known = rustix::fs::statvfs(&self.path).ok()?;
        known.f_bavail.checked_mul(known.f_frsize)
    }

    fn lock(&self, name: &str, how: Lock) -> Result<Box<dyn Held>, LockError> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true);
        if how == Lock::Exclusive {
            options.write(true).create(true).truncate(false);
        }
        let mut file = match options.open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && how == Lock::Shared => {
                return Ok(Box::new(NoLock));
            }
            opened => opened.map_err(LockError::Io)?,
        };
        let tried = if how == Lock::Exclusive { file.try_lock() } else { file.try_lock_shared() };
        match tried {
            Ok(()) if how == Lock::Shared => Ok(Box::new(RealLock { _file: file })),
            Ok(()) => {
                leave_name(&mut file).map_err(LockError::Io)?;
                Ok(Box::new(RealLock { _file: file }))
            }
            // Those who only read leave no name: the one that is there is of somebody who is gone.
            Err(TryLockError::WouldBlock) if file.try_lock_shared().is_ok() => Err(LockError::Held(None)),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(holder(&mut file))),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}

/// Creates a directory, and those above it that are missing, so that no power cut takes a name of them back.
fn create_durably(path: &Path, sync: impl Fn(&Path) -> io::Result<()>) -> io::Result<()> {
    let path = std::path::absolute(path)?;
    // An empty directory may have been made by a start that ended before the names were durable.
    if fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(());
    }
    let missing = path.ancestors().take_while(|directory| !directory.is_dir()).count();
    fs::create_dir_all(&path)?;
    for (number, holder) in path.ancestors().skip(1).enumerate() {
        // What holds only names that were there before is synced where this user may.
        if let Err(error) = sync(holder)
            && number < missing
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Writes into the lock file who holds it.
fn leave_name(file: &mut fs::File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())
}

fn holder(file: &mut fs::File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// Keeps the file open, and so locked: the system unlocks it when it closes it, also when the process dies.
#[derive(Debug)]
struct RealLock {
    _file: fs::File,
}

impl Held for RealLock {}

#[derive(Debug)]
struct NoLock;

impl Held for NoLock {}

#[derive(Debug)]
struct RealFile(fs::File);

impl File for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        FileExt::read_at(&self.0, buffer, offset)
    }

    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    fn will_read(&self, range: std::ops::Range<u64>) {
        use std::num::NonZeroU64;

        use rustix::fs::{Advice, fadvise};
        if let Some(length) = NonZeroU64::new(range.end.saturating_sub(range.start)) {
            // A system that takes no advice reads later.
            let _later = fadvise(&self.0, range.start, Some(length), Advice::WillNeed);
        }
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        FileExt::write_at(&self.0, bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn allocate(&self, from: u64, length: u64) -> io::Result<()> {
        use rustix::{
            fs::{FallocateFlags, fallocate},
            io::Errno,
        };
        let room = length.saturating_sub(from);
        if room == 0 {
            return Ok(());
        }
        match fallocate(&self.0, FallocateFlags::empty(), from, room) {
            Ok(()) => Ok(()),
            // Without reserved room writes are slower, and a full disk is told later. Nothing else changes.
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.0.set_len(length),
            Err(error) => Err(error.into()),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.0.set_len(length)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    /// Creates a directory and answers which directories were synced.
    fn synced(path: &Path) -> Vec<PathBuf> {
        let synced = RefCell::new(Vec::new());
        let sync = |directory: &Path| {
            synced.borrow_mut().push(directory.to_owned());
            Ok(())
        };
        create_durably(path, sync).unwrap();
        assert!(path.is_dir());
        synced.into_inner()
    }

    #[test]
    fn every_directory_that_holds_a_new_name_is_synced() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let synced = synced(&root.join("a/b/c/d"));
        for holder in ["a/b/c", "a/b", "a", ""] {
            assert!(synced.contains(&root.join(holder)), "`{holder}` is not among {synced:?}");
        }
    }

    #[test]
    fn an_empty_directory_may_be_new_and_what_holds_it_is_synced() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        fs::create_dir_all(&path).unwrap();
        let first = synced(&path);
        assert!(
            first.contains(&root.path().join("a")) && first.contains(&root.path().to_owned()),
            "{first:?}"
        );
        fs::write(path.join("lock"), "").unwrap();
        assert!(synced(&path).is_empty(), "what holds something was made durable before");
    }

    #[test]
    fn a_new_name_that_cannot_be_made_durable_is_an_error_and_an_old_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let refuse = |refused: PathBuf| {
            move |directory: &Path| {
                if directory == refused { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
            }
        };
        let path = root.path().join("a/b");
        create_durably(&path, refuse(root.path().to_owned())).unwrap_err();
        fs::remove_dir_all(root.path().join("a")).unwrap();
        create_durably(&path, refuse(root.path().parent().unwrap().to_owned())).unwrap();
    }
}
