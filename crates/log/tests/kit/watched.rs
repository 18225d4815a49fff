//! A disk that notes what is asked of its files.

use std::{
    io,
    ops::Range,
    path::Path,
    sync::{Arc, Mutex},
};

use engine_log::disk::{Disk, File, Held, Lock, LockError, Mode, sim::SimDisk};

/// What was asked of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    Read(Range<u64>),
    WillRead(Range<u64>),
    Write(Range<u64>),
    Sync,
}

/// A disk that notes in which files what is read and written.
#[derive(Debug, Clone, Default)]
pub struct Watched {
    disk: SimDisk,
    calls: Arc<Mutex<Vec<(String, Call)>>>,
}

impl Watched {
    /// What was asked, and of which files, in this order.
    pub fn calls(&self) -> Vec<(String, Call)> {
        self.calls.lock().unwrap().clone()
    }

    /// Forgets what was asked.
    pub fn forget(&self) {
        self.calls.lock().unwrap().clear();
    }
}

impl Disk for Watched {
    fn place(&self) -> &Path {
        self.disk.place()
    }

    fn create(&self) -> io::Result<()> {
        self.disk.create()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn open(&self, name: &str, mode: Mode) -> io::Result<Arc<dyn File>> {
        let (name, file) = (name.to_owned(), self.disk.open(name, mode)?);
        Ok(Arc::new(WatchedFile { name, file, calls: self.calls.clone() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }

    fn lock(&self, name: &str, how: Lock) -> Result<Box<dyn Held>, LockError> {
        self.disk.lock(name, how)
    }
}

#[derive(Debug)]
struct WatchedFile {
    name: String,
    file: Arc<dyn File>,
    calls: Arc<Mutex<Vec<(String, Call)>>>,
}

impl WatchedFile {
    fn note(&self, call: Call) {
        self.calls.lock().unwrap().push((self.name.clone(), call));
    }
}

impl File for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let count = self.file.read_at(buffer, offset)?;
        self.note(Call::Read(offset..offset + count as u64));
        Ok(count)
    }

    fn will_read(&self, range: Range<u64>) {
        self.note(Call::WillRead(range));
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let count = self.file.write_at(bytes, offset)?;
        self.note(Call::Write(offset..offset + count as u64));
        Ok(count)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()?;
        self.note(Call::Sync);
        Ok(())
    }

    fn allocate(&self, from: u64, length: u64) -> io::Result<()> {
        self.file.allocate(from, length)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
