//! Disk access, as one small trait: the real thing, and (feature `sim`) one that crashes on demand.
//!
//! A disk is one directory. Files are named within it; there are no directories below.

mod real;
pub(crate) mod shared_files;
#[cfg(any(test, feature = "sim"))]
pub mod sim;

use std::{fmt, io, ops::Range, path::Path, sync::Arc};

pub use real::Directory;

/// A directory of files.
pub trait Disk: fmt::Debug + Send + Sync + 'static {
    /// The directory, for messages.
    fn place(&self) -> &Path;

    /// Creates the directory where it is missing, durably.
    ///
    /// # Errors
    /// Those of the file system.
    fn create(&self) -> io::Result<()>;

    /// The names of all files in the directory.
    ///
    /// # Errors
    /// Those of the file system.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Opens a file.
    ///
    /// # Errors
    /// Those of the file system.
    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>>;

    /// Gives a file another name, replacing what had it.
    ///
    /// # Errors
    /// Those of the file system.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// Those of the file system.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals durable.
    ///
    /// # Errors
    /// Those of the file system.
    fn sync(&self) -> io::Result<()>;

    /// How many bytes may still be written, where that is known.
    fn room(&self) -> Option<u64> {
        None
    }

    /// Takes the lock of the directory, which is free again when the answer is dropped.
    ///
    /// # Errors
    /// Another process holds it, or those of the file system.
    fn lock(&self, name: &str, how: Lock) -> Result<Box<dyn Held>, LockError>;
}

/// A file. All access is at a place, so that readers and the writer share one handle.
pub trait File: fmt::Debug + Send + Sync + 'static {
    /// Reads what there is at `offset`, possibly less than asked for; nothing at the end.
    ///
    /// # Errors
    /// Those of the file system.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Is told what will be read soon, so that it may be fetched meanwhile. Does nothing where there is nothing to do.
    fn will_read(&self, _range: Range<u64>) {}

    /// Writes at `offset`, possibly less than asked for.
    ///
    /// # Errors
    /// Those of the file system.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Makes what was written durable, and the length with it.
    ///
    /// # Errors
    /// Those of the file system. What was written may be lost, and a second try would not tell.
    fn sync(&self) -> io::Result<()>;

    /// Reserves room up to `length`, filled with zeros.
    ///
    /// # Errors
    /// Those of the file system.
    fn allocate(&self, from: u64, length: u64) -> io::Result<()>;

    /// Cuts the file, or extends it with zeros.
    ///
    /// # Errors
    /// Those of the file system.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// The length in bytes.
    ///
    /// # Errors
    /// Those of the file system.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is nothing in the file.
    ///
    /// # Errors
    /// Those of the file system.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// To read a file that exists.
    Read,
    /// To read and write a file that exists.
    Write,
    /// To read and write a file that is new; what had the name is emptied.
    Create,
}

/// How a directory is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// For the one process that writes.
    Exclusive,
    /// For one of several that only read. Without a lock file there is nothing to wait for.
    Shared,
}

/// A lock that is held; free again when dropped.
pub trait Held: fmt::Debug + Send + Sync {}

/// Why a directory could not be locked.
#[derive(Debug)]
pub enum LockError {
    /// Another process has it, if known the one with this id.
    Held(Option<u32>),
    /// The file system refused.
    Io(io::Error),
}

/// Reads until the buffer is full or the file ends; answers how much.
pub(crate) fn read_full(file: &dyn File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all bytes, going on after a short write.
pub(crate) fn write_full(file: &dyn File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.write_at(&bytes[done..], offset + done as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads a small file whole.
pub(crate) fn read_small(disk: &dyn Disk, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(name, Mode::Read)?;
    let mut bytes = vec![0; crate::units::index(file.len()?.min(4_096))];
    let count = read_full(&*file, &mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// Reads a file whole.
pub(crate) fn read_whole(disk: &dyn Disk, name: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(name, Mode::Read)?;
    let mut bytes = vec![0; crate::units::index(file.len()?)];
    let count = read_full(&*file, &mut bytes, 0)?;
    bytes.truncate(count);
    Ok(bytes)
}

/// Writes a file so that after a crash it is there whole, or not at all.
pub(crate) fn write_whole(disk: &dyn Disk, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = format!("{name}{UNFINISHED}");
    let file = disk.open(&unfinished, Mode::Create)?;
    write_full(&*file, bytes, 0)?;
    file.sync()?;
    disk.rename(&unfinished, name)?;
    disk.sync()
}

/// The end of the names of files that were not finished.
pub(crate) const UNFINISHED: &str = ".new";
