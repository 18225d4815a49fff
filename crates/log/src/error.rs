//! Why a store cannot be opened, and what goes wrong underneath.

use std::{
    io,
    path::{Path, PathBuf},
};

use engine_store::{MaintenanceError, ReadError};
use rustix::io::Errno;

/// Why a directory could not be opened as a store, sorted by what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process, or another handle of this one, has the store open.
    #[error(
        "the store in `{directory}` is open in {}: close it there, or wait until it has stopped; meanwhile \
         `engine backup` copies it all the same, and the copy can be read",
        process(*holder)
    )]
    Locked {
        /// The directory.
        directory: PathBuf,
        /// The id of the process that has it, where that is known.
        holder: Option<u32>,
    },
    /// Its segments are exchanged all the time, so that they are never seen all at one moment.
    #[error(
        "`{directory}` changes faster than it can be read: wait until the scavenge is done that another process \
         does there, then try again"
    )]
    Unsettled {
        /// The directory.
        directory: PathBuf,
    },
    /// The end of the log is taken back all the time, so that it is never seen as it stays.
    #[error(
        "the end of the store in `{directory}` is taken back again and again: the process that has it open cannot \
         write; see what it says (its disk may be full), then try again"
    )]
    TakenBack {
        /// The directory.
        directory: PathBuf,
    },
    /// The files are of another format.
    #[error(
        "`{file}` has format version {found}, this program reads versions up to {supported}: use a program that fits"
    )]
    WrongVersion {
        /// The file.
        file: PathBuf,
        /// The version in it.
        found: u32,
        /// The version that this program reads.
        supported: u32,
    },
    /// The directory holds something else.
    #[error(
        "`{directory}` holds no store, but `{found}`: name an empty directory or one that does not exist yet"
    )]
    NotAStore {
        /// The directory.
        directory: PathBuf,
        /// One of the things that are there.
        found: String,
    },
    /// The path leads to a file, or through one.
    #[error("`{file}` is a file: name a directory, or a path that does not exist yet")]
    NotADirectory {
        /// What is no directory.
        file: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file `store` is not there, and what is there looks like a store. Nothing was changed.
    #[error(
        "the marker file `store` is missing from `{directory}`, which looks like a store: delete nothing, and copy \
         `store` there from a backup of this store (it never changes); if other files may be missing too, restore \
         the whole backup"
    )]
    MarkerMissing {
        /// The directory.
        directory: PathBuf,
    },
    /// The directory cannot be written, or not by this user.
    #[error("`{path}` cannot be used: {} ({source})", rights(source))]
    ReadOnly {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no room to open the store.
    #[error("the disk of `{path}` is full: make room, then open the store again ({source})")]
    DiskFull {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The store is damaged. Nothing was changed.
    #[error(
        "`{file}` is damaged at offset {offset}: {fault}. Nothing was changed: keep a copy of the files, \
         then restore a backup"
    )]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        fault: String,
    },
    /// The file system failed. The message says what to do in the common cases.
    #[error("`{path}` cannot be used: {source}; {}", advice(source))]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl OpenError {
    /// Sorts a failure of the file system by what to do about it.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => {
                match path.ancestors().find(|place| place.is_file()) {
                    Some(file) => OpenError::NotADirectory { file: file.to_owned(), source },
                    None => OpenError::Io { path, source },
                }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                OpenError::ReadOnly { path, source }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => OpenError::DiskFull { path, source },
            _ => OpenError::Io { path, source },
        }
    }
}

/// The process that has something, where it is known which one.
pub(crate) fn process(id: Option<u32>) -> String {
    id.map_or_else(|| "another process".to_owned(), |id| format!("process {id}"))
}

/// What to do where something may not be written.
fn rights(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::ReadOnlyFilesystem => "its file system cannot be written: mount it writable",
        _ => "this user may not: give it the right to read and write there, and to enter what is above",
    }
}

/// What to do where the file system failed.
fn advice(source: &io::Error) -> &'static str {
    match source.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::MFILE) => {
            "this process has too many files open: raise the limit (`ulimit -n`), then open the store again"
        }
        Some(Errno::NFILE) => {
            "the system has too many files open: close other programs or raise its limit, then open the store \
             again"
        }
        Some(Errno::NOENT) => "check the name: nothing is there",
        Some(Errno::NAMETOOLONG) => "name a directory with a shorter path",
        Some(Errno::LOOP) => "a link on the way leads back to itself: name the directory itself",
        Some(Errno::NOTDIR | Errno::EXIST) => "something on the way is no directory: name a directory",
        Some(Errno::IO) => {
            "the disk may be failing: copy the files to another disk, then open the store there or restore a \
             backup"
        }
        Some(Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOLCK | Errno::INVAL) => {
            "the file system cannot do what a store needs: name a directory on a local file system"
        }
        _ => "mend that, then open the store again",
    }
}

/// What goes wrong when files are used: the system fails, or what it gives is not what was written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("`{file}` cannot be used: {source}")]
    Io { file: PathBuf, source: io::Error },
    #[error("`{file}` is damaged at offset {offset}: {fault}")]
    Damage { file: PathBuf, offset: u64, fault: String },
}

impl Trouble {
    pub(crate) fn damage(file: &Path, offset: u64, fault: impl Into<String>) -> Self {
        Trouble::Damage { file: file.to_owned(), offset, fault: fault.into() }
    }

    pub(crate) fn io(file: &Path, source: io::Error) -> Self {
        Trouble::Io { file: file.to_owned(), source }
    }
}

impl From<OpenError> for MaintenanceError {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Corrupt { .. } => ReadError::Corrupt(error.into()).into(),
            OpenError::Unsettled { .. } | OpenError::TakenBack { .. } => ReadError::unavailable(error).into(),
            _ => MaintenanceError::Place(error.into()),
        }
    }
}

impl From<Trouble> for OpenError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Io { file, source } => OpenError::io(&file, source),
            Trouble::Damage { file, offset, fault } => OpenError::Corrupt { file, offset, fault },
        }
    }
}

impl From<Trouble> for MaintenanceError {
    fn from(trouble: Trouble) -> Self {
        ReadError::from(trouble).into()
    }
}

impl From<Trouble> for ReadError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Io { .. } => ReadError::unavailable(trouble),
            Trouble::Damage { .. } => ReadError::Corrupt(trouble.into()),
        }
    }
}
