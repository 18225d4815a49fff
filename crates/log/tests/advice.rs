//! Whatever the system refuses, the error tells it apart and says what to do.

#![allow(clippy::unwrap_used)] // everything here is a test

mod kit;

use std::{io::ErrorKind, sync::Mutex};

use engine_log::{
    LogStore, OpenError,
    disk::{
        Disk, File, Held, Lock, LockError, Mode,
        sim::{Failure, Plan, SimDisk},
    },
};
use kit::open;
use rustix::io::Errno;

#[test]
fn a_disk_without_room_for_a_store_is_told_apart() {
    let disk = SimDisk::new();
    disk.fail(Some(Plan { first: 0, count: u64::MAX, failure: Failure::Error(ErrorKind::StorageFull) }));
    let refused = open(&disk).map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::DiskFull { .. }), "{refused:?}");
}

#[test]
fn whatever_the_system_refuses_the_error_says_what_to_do() {
    let advice = [
        (kind(ErrorKind::PermissionDenied), "give it the right to read and write"),
        (kind(ErrorKind::ReadOnlyFilesystem), "mount it writable"),
        (kind(ErrorKind::StorageFull), "make room"),
        (Errno::MFILE.into(), "raise the limit (`ulimit -n`)"),
        (Errno::NFILE.into(), "close other programs"),
        (Errno::NAMETOOLONG.into(), "shorter"),
        (Errno::IO.into(), "copy the files to another disk"),
        (Errno::NOTSUP.into(), "local file system"),
        (std::io::Error::other("rain"), "mend that, then open the store again"),
    ];
    for (error, wanted) in advice {
        let cause = error.to_string();
        let disk = Refusing(SimDisk::new(), Mutex::new(Some(error)));
        let refused = LogStore::open_on(std::sync::Arc::new(disk), kit::options()).map(drop).unwrap_err();
        let text = refused.to_string();
        assert!(text.contains(wanted), "{text}");
        assert!(text.contains(&cause) && text.contains("/simulated"), "{text}");
    }
}

fn kind(kind: ErrorKind) -> std::io::Error {
    kind.into()
}

/// A disk that refuses to be created, once.
#[derive(Debug)]
struct Refusing(SimDisk, Mutex<Option<std::io::Error>>);

impl Disk for Refusing {
    fn place(&self) -> &std::path::Path {
        self.0.place()
    }

    fn create(&self) -> std::io::Result<()> {
        self.1.lock().unwrap().take().map_or(Ok(()), Err)
    }

    fn list(&self) -> std::io::Result<Vec<String>> {
        self.0.list()
    }

    fn open(&self, name: &str, mode: Mode) -> std::io::Result<std::sync::Arc<dyn File>> {
        self.0.open(name, mode)
    }

    fn rename(&self, from: &str, to: &str) -> std::io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> std::io::Result<()> {
        self.0.remove(name)
    }

    fn sync(&self) -> std::io::Result<()> {
        self.0.sync()
    }

    fn lock(&self, name: &str, how: Lock) -> Result<Box<dyn Held>, LockError> {
        self.0.lock(name, how)
    }
}
